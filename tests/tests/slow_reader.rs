//! A master in the foreground whose output nobody reads, as behind a pager or a log collector that hangs: it loses lines,
//! and nothing else.

use std::fs;
use std::io::{PipeReader, Read as _, pipe};
use std::os::fd::AsFd as _;
use std::process::{Child, Stdio};

use nix::fcntl::{FcntlArg, fcntl};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::pty::openpty;
use nix::sys::signal::Signal;
use ph_tests::{Process, Sandbox, until, until_some};

fn configure(sandbox: &Sandbox, keys: &str) {
    let text = "[fixture]\nnumber_workers = 3\ngraceful_timeout = 8\napp.sleep_ms = 0\n";
    fs::write(sandbox.path("config.ini"), format!("{text}{keys}")).unwrap();
}

/// Three workers that say something with each of many jobs, into a pipe that is full by the time this returns.
fn flood(sandbox: &Sandbox, keys: &str) -> (Child, PipeReader) {
    configure(sandbox, keys);
    let (reader, writer) = pipe().unwrap();
    fcntl(&writer, FcntlArg::F_SETPIPE_SZ(4096)).unwrap();
    let full = writer.try_clone().unwrap();
    let mut command = sandbox.command(&["run"]);
    let child = command.stdout(Stdio::null()).stderr(writer).spawn().unwrap();
    sandbox.adopt(Process::find(child.id() as i32).unwrap());
    until("the pipe is full", || {
        let mut look = [PollFd::new(full.as_fd(), PollFlags::POLLOUT)];
        poll(&mut look, PollTimeout::ZERO).unwrap() == 0
    });
    (child, reader)
}

#[test]
fn a_full_pipe_costs_lines_and_never_the_service() {
    full_pipe("");
}

/// As in most containers.
#[test]
fn nor_does_one_that_is_named_as_the_log_s_file() {
    full_pipe("log_file = /dev/stderr\n");
}

#[track_caller]
fn full_pipe(keys: &str) {
    let sandbox = Sandbox::for_program("examples/jobexecute", "slow-reader", "");
    let (mut child, mut reader) = flood(&sandbox, keys);
    let before = sandbox.settled(3);
    let jobs = || sandbox.status()["totals"]["requests"].as_u64().unwrap();
    let done = jobs();
    until("the workers work on", || jobs() > done + 1000);
    // Whatever the master says of these goes the same way.
    sandbox.ok(&["scale", "+2"]);
    sandbox.ok(&["reload"]);
    let after = sandbox.settled(5);
    assert!(!after.iter().any(|worker| before.contains(worker)));
    after[3].1.signal(Signal::SIGKILL);
    sandbox.replaced(after[3].1, 5);
    // Somebody reads a little, and the room is taken at once: by many who all saw it.
    for _ in 0..20 {
        reader.read_exact(&mut [0; 4096]).unwrap();
        sandbox.status();
    }
    sandbox.ok(&["stop"]);
    let status = until_some("the master ends", || child.try_wait().unwrap());
    assert_eq!(status.code(), Some(0));
    // Lines are lost as a whole: what is left of each is all of it.
    let mut rest = String::new();
    reader.read_to_string(&mut rest).unwrap();
    let whole = |line: &str| line.starts_with("20") && line.contains("Z ");
    assert!(rest.lines().skip(1).all(whole), "{rest}");
}

/// A reader that has gone is no reason to end.
#[test]
fn a_broken_pipe_costs_lines_and_never_the_service() {
    let sandbox = Sandbox::for_program("examples/jobexecute", "no-reader", "");
    let (mut child, reader) = flood(&sandbox, "");
    drop(reader);
    let before = sandbox.settled(3);
    sandbox.ok(&["reload"]);
    assert!(!sandbox.settled(3).iter().any(|worker| before.contains(worker)));
    Process::find(child.id() as i32).unwrap().signal(Signal::SIGTERM);
    let status = until_some("the master ends", || child.try_wait().unwrap());
    assert_eq!(status.code(), Some(0));
}

/// The other side of the terminal hangs: a link that is down, a multiplexer that was stopped.
#[test]
fn a_terminal_that_hangs_costs_lines_and_never_the_service() {
    let sandbox = Sandbox::for_program("examples/jobexecute", "hung-terminal", "");
    configure(&sandbox, "");
    let pair = openpty(None, None).unwrap();
    let mut command = sandbox.command(&["run"]);
    let mut child = command.stdout(Stdio::null()).stderr(pair.slave).spawn().unwrap();
    sandbox.adopt(Process::find(child.id() as i32).unwrap());
    until("lines are lost", || {
        sandbox.try_status().is_some_and(|status| status["log"]["lost"].as_u64() > Some(100))
    });
    let before = sandbox.settled(3);
    // Every one of them: also the one whose line did not fit any more.
    let jobs = || -> Vec<u64> {
        let status = sandbox.status();
        let rows = status["workers"].as_array().unwrap();
        rows.iter().map(|row| row["requests"].as_u64().unwrap()).collect()
    };
    let done = jobs();
    until("each worker works on", || {
        jobs().iter().zip(&done).all(|(now, before)| *now > before + 100)
    });
    sandbox.ok(&["reload"]);
    let after = sandbox.settled(3);
    assert!(!after.iter().any(|worker| before.contains(worker)));
    after[0].1.signal(Signal::SIGKILL);
    sandbox.replaced(after[0].1, 3);
    sandbox.ok(&["stop"]);
    let status = until_some("the master ends", || child.try_wait().unwrap());
    assert_eq!(status.code(), Some(0));
    // Until then somebody could have read it.
    drop(pair.master);
}
