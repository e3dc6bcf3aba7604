//! A master in the foreground whose output nobody reads, as behind a pager or a log collector that hangs: it loses lines,
//! and nothing else.

use std::fs;
use std::io::{PipeReader, Read as _, pipe};
use std::os::fd::AsFd as _;
use std::process::{Child, Stdio};

use nix::fcntl::{FcntlArg, fcntl};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::Signal;
use ph_tests::{Process, Sandbox, until, until_some};

/// Three workers that say something with each of many jobs, into a pipe that is full by the time this returns.
fn flood(sandbox: &Sandbox) -> (Child, PipeReader) {
    let text = "[fixture]\nnumber_workers = 3\ngraceful_timeout = 8\napp.sleep_ms = 0\n";
    fs::write(sandbox.path("config.ini"), text).unwrap();
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
    let sandbox = Sandbox::for_program("examples/jobexecute", "slow-reader", "");
    let (mut child, mut reader) = flood(&sandbox);
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
    let (mut child, reader) = flood(&sandbox);
    drop(reader);
    let before = sandbox.settled(3);
    sandbox.ok(&["reload"]);
    assert!(!sandbox.settled(3).iter().any(|worker| before.contains(worker)));
    Process::find(child.id() as i32).unwrap().signal(Signal::SIGTERM);
    let status = until_some("the master ends", || child.try_wait().unwrap());
    assert_eq!(status.code(), Some(0));
}
