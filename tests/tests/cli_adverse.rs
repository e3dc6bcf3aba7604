//! Commands with something in their way: what they can't write to, what would end a service, a master that is hard to reach.

use std::fs;
use std::fs::File;

use nix::sys::signal::Signal;
use ph_tests::{Sandbox, until};

/// The exit code is what it is, whether or not anybody can read why.
#[test]
fn a_standard_error_that_takes_nothing_changes_no_exit_code() {
    let code = |sandbox: &Sandbox, arguments: &[&str]| {
        let full = File::options().write(true).open("/dev/full").unwrap();
        let code = sandbox.command(arguments).stderr(full).status().unwrap().code();
        sandbox.remember();
        code
    };
    let sandbox = Sandbox::new("full", "number_workers = many");
    assert_eq!(code(&sandbox, &["start"]), Some(78));
    sandbox.configure("app.boot = fail");
    assert_eq!(code(&sandbox, &["start"]), Some(70));
    assert_eq!(code(&sandbox, &["status"]), Some(3));
    // There is a warning that a daemon without a log_file has none.
    let text = sandbox.read("config.ini").replace("app.boot = fail", "");
    let without: Vec<&str> = text.lines().filter(|line| !line.starts_with("log_file")).collect();
    fs::write(sandbox.path("config.ini"), without.join("\n")).unwrap();
    assert_eq!(code(&sandbox, &["start"]), Some(0));
    assert_eq!(code(&sandbox, &["stop"]), Some(0));
}

/// What can't be started again is not stopped.
#[test]
fn a_restart_that_would_be_refused_leaves_what_runs() {
    let sandbox = Sandbox::new("kept", "number_workers = 2");
    sandbox.ok(&["start"]);
    let (master, before) = (sandbox.master(), sandbox.settled(2));
    for wrong in ["user = nobody-of-this-name", "cpu_affinity = 1000", "worker_class = rpc"] {
        sandbox.configure(&format!("number_workers = 2\n{wrong}"));
        let output = sandbox.run(&["restart"]);
        assert_eq!(output.code, Some(78), "{wrong}: {output:?}");
        assert_eq!((sandbox.master(), sandbox.settled(2)), (master, before.clone()), "{wrong}");
    }
    sandbox.configure("number_workers = 3");
    sandbox.ok(&["restart"]);
    assert_ne!(sandbox.master(), master);
    sandbox.settled(3);
}

/// The lock is the truth: who swept the socket's file away has not ended the master.
#[test]
fn a_master_whose_socket_was_removed_is_not_said_to_be_gone() {
    let sandbox = Sandbox::new("swept", "number_workers = 1");
    sandbox.ok(&["start"]);
    let master = sandbox.master();
    let socket = sandbox.path("fixture.sock");
    fs::remove_file(&socket).unwrap();
    for arguments in [&["status"][..], &["stop"], &["reload"], &["scale", "2"]] {
        let output = sandbox.run(arguments);
        assert_eq!(output.code, Some(1), "{arguments:?}: {output:?}");
        assert!(output.err.contains(&format!("(pid {})", master.pid())), "{output:?}");
        assert!(output.err.contains("once the master gets a HUP"), "{output:?}");
    }
    assert_eq!(sandbox.run(&["start"]).code, Some(4));
    master.signal(Signal::SIGHUP);
    until("it listens again", || sandbox.try_status().is_some());
    assert_eq!(sandbox.master(), master);
    sandbox.ok(&["stop"]);
    assert!(!socket.exists());
    assert_eq!(sandbox.run(&["status"]).code, Some(3));
}

/// That nothing happens is no failure; a master that does not even answer is.
#[test]
fn who_follows_events_of_a_silent_master_hears_of_that() {
    let sandbox = Sandbox::new("silent", "number_workers = 1\napp.job = idle");
    sandbox.ok(&["start"]);
    let master = sandbox.master();
    let follower = sandbox.begin("follower", &["events", "--follow"]);
    until("it follows", || sandbox.read("follower.out").contains("worker_ready"));
    master.signal(Signal::SIGSTOP);
    let (output, _) = sandbox.end(follower);
    master.signal(Signal::SIGCONT);
    assert_eq!(output.code, Some(1), "{output:?}");
    assert!(output.err.contains("silent for 5 seconds"), "{output:?}");
    sandbox.ok(&["stop"]);
}
