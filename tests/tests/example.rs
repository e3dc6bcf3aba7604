//! The jobexecute example: with its own configuration, and with the reference input where that is at hand.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use ph_tests::wait::DEADLINE;
use ph_tests::{Process, Sandbox, until};

/// The reference input's place, if it is on this machine.
const REFERENCE: &str = "PH_REFERENCE_CONFIG";

/// A sandbox for the example; its folder is the working directory, with the example's own file below it.
fn example(test: &str) -> Sandbox {
    let sandbox = Sandbox::for_program("examples/jobexecute", test, "");
    fs::remove_file(sandbox.path("config.ini")).unwrap();
    let own = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/jobexecute/config.ini");
    let copy = sandbox.path("examples/jobexecute/config.ini");
    fs::create_dir_all(copy.parent().unwrap()).unwrap();
    fs::copy(own, copy).unwrap();
    sandbox
}

fn go_lines(sandbox: &Sandbox, log: &str, worker: Process) -> usize {
    let who = format!(" {}] ", worker.pid());
    let log = sandbox.read(log);
    log.lines().filter(|line| line.contains(&who) && line.contains("go...")).count()
}

/// What a user of the ancestor sees: titles, a pidfile, a log that says go..., from two workers.
#[track_caller]
fn works(sandbox: &Sandbox, pidfile: &str, log: &str) -> (Process, Vec<(u64, Process)>) {
    let (master, workers) = (sandbox.master(), sandbox.settled(2));
    assert_eq!(master.title(), "ph: master [jobexecute]");
    assert_eq!(master.comm(), "ph: master [job");
    assert_eq!(sandbox.read(pidfile), format!("{}\n", master.pid()));
    for (slot, worker) in &workers {
        assert_eq!(worker.title(), format!("ph: worker {slot} [jobexecute]"));
        until("it goes, and goes on", || go_lines(sandbox, log, *worker) >= 2);
    }
    (master, workers)
}

#[test]
fn the_example_starts_with_the_configuration_that_it_names() {
    let sandbox = example("own");
    sandbox.ok(&["start", "--set", "app.sleep_ms=50"]);
    let (master, _) = works(&sandbox, "jobexecute.pid", "jobexecute.log");
    assert_eq!(sandbox.status()["app"], "jobexecute");
    assert!(sandbox.status()["config_file"].as_str().unwrap().contains("examples/jobexecute"));
    for number in 0..3 {
        assert_eq!(master.descriptor(number).as_deref(), Some(Path::new("/dev/null")));
    }
    sandbox.ok(&["stop"]);
    sandbox.nothing_runs();
    assert!(!sandbox.path("jobexecute.pid").exists());
}

#[test]
fn the_example_runs_in_the_foreground_whatever_its_file_says() {
    let mut sandbox = example("run");
    let child = sandbox.foreground();
    assert_eq!(sandbox.master(), child);
    // With the pause that its file gives it.
    works(&sandbox, "jobexecute.pid", "jobexecute.log");
    child.signal(Signal::SIGTERM);
    assert_eq!(sandbox.wait(), Some(0));
    sandbox.nothing_runs();
    assert!(sandbox.read("terminal").contains("go..."), "what it prints went elsewhere");
}

/// Section 4: a usual place comes before the one that the application names.
#[test]
fn a_config_at_a_usual_place_comes_before_the_examples_own() {
    let sandbox = example("places");
    assert_eq!(sandbox.ok(&["config", "get", "number_workers"]), "2\n");
    fs::create_dir(sandbox.path("conf")).unwrap();
    fs::write(sandbox.path("conf/config.ini"), "[other]\nnumber_workers = 7\n").unwrap();
    assert_eq!(sandbox.ok(&["config", "get", "number_workers"]), "7\n");
}

#[test]
fn the_examples_own_configuration_is_valid_as_it_lies_in_the_repository() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let sandbox = example("valid");
    let mut check = Command::new(sandbox.command(&[]).get_program());
    let output = ph_tests::finish(check.args(["config", "check"]).current_dir(root));
    assert_eq!((output.code, output.err.as_str()), (Some(0), ""), "{output:?}");
}

/// The reference input as it stands, comments in another language and all; only where it is at hand.
#[test]
fn the_reference_input_starts_the_example() {
    let Some(reference) = std::env::var_os(REFERENCE).map(PathBuf::from) else { return };
    if !reference.is_file() {
        return;
    }
    let sandbox = example("reference");
    // Read where it lies; a copy beside the test is what `status` finds.
    fs::copy(&reference, sandbox.path("config.ini")).unwrap();
    let file = reference.to_str().unwrap();
    sandbox.ok(&["-c", file, "start"]);
    let (master, workers) = works(&sandbox, "master.pid", "master.log");
    for number in 0..3 {
        assert_eq!(master.descriptor(number).as_deref(), Some(Path::new("/dev/null")));
    }
    for (key, value) in [
        ("graceful_timeout", "3"),
        ("max_requests", "10000"),
        ("proc_name", "jobexecute"),
        ("daemonize", "true"),
    ] {
        assert_eq!(sandbox.ok(&["-c", file, "config", "get", key]), format!("{value}\n"));
    }
    sandbox.ok(&["-c", file, "stop"]);
    assert!(!master.is_alive() && !workers.iter().any(|(_, worker)| worker.is_alive()));
    sandbox.nothing_runs();
    assert!(!sandbox.path("master.pid").exists());
}

/// Its `graceful_timeout` of 3 seconds holds: workers that hear nothing are killed then, and not at the default of 30.
#[test]
fn the_reference_inputs_graceful_timeout_holds() {
    let Some(reference) = std::env::var_os(REFERENCE).map(PathBuf::from) else { return };
    if !reference.is_file() {
        return;
    }
    let sandbox = Sandbox::named("reference-grace", "");
    fs::copy(&reference, sandbox.path("config.ini")).unwrap();
    sandbox.ok(&["start", "--set", "app.job=sleep", "--set", "app.journal=journal"]);
    let workers = sandbox.settled(2);
    until("both are in a job", || sandbox.journal("job").len() == 2);
    let begun = Instant::now();
    sandbox.ok(&["stop"]);
    let took = begun.elapsed();
    assert!(took >= Duration::from_millis(2900), "killed before their time: {took:?}");
    assert!(took < DEADLINE, "not killed at 3 s: {took:?}");
    assert!(!workers.iter().any(|(_, worker)| worker.is_alive()));
    assert!(sandbox.read("master.log").contains("graceful_timeout"));
    sandbox.nothing_runs();
}
