//! Sources, masks and dispositions in a process that has them to itself: `support/fixture.rs`, built as an
//! example. Each journey is made with each backend, and both must tell the same story.

use std::io::{BufRead, BufReader, Read, Write};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use ph_signal::{Signal, kill};

const BACKENDS: &[&str] =
    if cfg!(target_os = "linux") { &["signalfd", "pipe", "sole"] } else { &["pipe"] };

/// Cargo builds examples beside the directory of the test's own program.
fn fixture(journey: &str, backend: &str) -> Command {
    let mut path = std::env::current_exe().expect("a test has a path");
    path.pop();
    path.pop();
    let path: PathBuf = path.join("examples/fixture");
    assert!(path.exists(), "{} is missing: build the examples first", path.display());
    let mut command = Command::new(path);
    command.args([journey, backend]).stdin(Stdio::piped()).stdout(Stdio::piped());
    command
}

/// What a journey says, line by line; it must end well.
fn story(journey: &str, backend: &str) -> Vec<String> {
    let output = fixture(journey, backend).output().unwrap();
    assert!(output.status.success(), "{journey} {backend}: {}", output.status);
    String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect()
}

fn told_by_both(journey: &str, expected: &[&str]) {
    for backend in BACKENDS {
        assert_eq!(story(journey, backend), expected, "{journey} {backend}");
    }
}

/// A journey that is under way and has said "ready".
fn start(journey: &str, backend: &str) -> (Child, BufReader<impl Read + use<>>, i32) {
    let mut child = fixture(journey, backend).spawn().unwrap();
    let mut output = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    output.read_line(&mut line).unwrap();
    assert_eq!(line, "ready\n");
    let pid = child.id().try_into().unwrap();
    (child, output, pid)
}

fn burst_signals() -> [Signal; 5] {
    [
        Signal::HUP,
        Signal::USR1,
        Signal::USR2,
        Signal::WINCH,
        Signal::real_time(1).unwrap_or(Signal::TERM),
    ]
}

#[test]
fn a_burst_coalesces_and_no_kind_is_lost() {
    for backend in BACKENDS {
        let (mut child, mut output, pid) = start("burst", backend);
        for n in 0..1000 {
            kill(pid, burst_signals()[n % 5]).unwrap();
        }
        child.stdin.take().unwrap().write_all(b"look\n").unwrap();
        let mut said = String::new();
        output.read_to_string(&mut said).unwrap();
        assert!(child.wait().unwrap().success(), "{backend}");
        let all = "{SIGHUP, SIGUSR1, SIGUSR2, SIGWINCH, SIGRTMIN+1}";
        assert_eq!(said, format!("true\n{all}\nfalse\n{{}}\n"), "{backend}");
    }
}

#[test]
fn nothing_is_lost_while_somebody_looks() {
    for backend in BACKENDS {
        for _ in 0..20 {
            let (mut child, mut output, pid) = start("live", backend);
            for signal in burst_signals().into_iter().cycle().take(100) {
                kill(pid, signal).unwrap();
            }
            kill(pid, Signal::TERM).unwrap();
            let mut said = String::new();
            output.read_to_string(&mut said).unwrap();
            assert!(child.wait().unwrap().success(), "{backend}");
            let all = "{SIGHUP, SIGUSR1, SIGUSR2, SIGTERM, SIGWINCH, SIGRTMIN+1}\n";
            assert_eq!(said, all, "{backend}");
        }
    }
}

#[test]
fn a_source_gives_each_signal_its_place_in_the_mask_back() {
    let after = "after {SIGHUP, SIGUSR1}";
    for backend in BACKENDS {
        let during = if *backend == "signalfd" { "while {SIGUSR1, SIGUSR2}" } else { "while {}" };
        assert_eq!(story("mask", backend), [during, after], "{backend}");
    }
}

#[test]
fn what_a_dropped_source_did_not_read_is_still_there() {
    told_by_both("drop", &["{SIGUSR1}"]);
}

#[test]
fn an_ignored_sigchld_is_seen_all_the_same() {
    told_by_both("chld", &["{SIGCHLD}", "true"]);
}

#[test]
fn waiting_ends_with_the_timeout_or_the_signal() {
    told_by_both("timeout", &["{}", "true", "{SIGUSR1}"]);
}

#[cfg(target_os = "linux")]
#[test]
fn no_descriptor_reaches_an_executed_program() {
    told_by_both("exec", &["true"]);
}

#[test]
fn a_childs_signals_are_not_the_parents() {
    told_by_both("fork", &["exit 0", "false {}", "{SIGUSR1}"]);
}

#[cfg(target_os = "linux")]
#[test]
fn a_child_gets_a_clean_slate_but_for_what_it_keeps() {
    told_by_both(
        "reset",
        &[
            "blocked: 60, ignored: {SIGPIPE, SIGALRM, SIGPROF}",
            "SIGUSR1: killed by SIGUSR1",
            "SIGALRM: killed by SIGALRM",
            "SIGPIPE: killed by SIGPIPE",
            "SIGPROF: exit 0",
            "left: [{}, {}, {}]",
            "exit 0",
        ],
    );
}

#[test]
fn a_child_with_a_clean_slate_can_have_a_source_of_its_own() {
    told_by_both("revive", &["exit 0"]);
}
