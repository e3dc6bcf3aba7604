//! Sockets that a service manager hands over: taken before the program goes to the background, kept over reloads.

use std::os::unix::fs::MetadataExt as _;
use std::process::Command;

use ph_tests::listeners::{own_address, reach, taken_address};
use ph_tests::sandbox::programs;
use ph_tests::{Output, Sandbox, finish, until};

/// The command of the sandbox's program, with sockets handed over to it. `pid` is `own` or another process's.
fn activate(sandbox: &Sandbox, pid: &str, sockets: &[&str], arguments: &[&str]) -> Command {
    let program = sandbox.command(&[]).get_program().to_owned();
    let mut command = Command::new(programs().join("ph-activate"));
    command.arg(pid).args(sockets).arg("--").arg(program).args(arguments);
    command.current_dir(sandbox.folder());
    command
}

fn start(sandbox: &Sandbox, sockets: &[&str]) -> Output {
    let output = finish(&mut activate(sandbox, "own", sockets, &["start"]));
    sandbox.remember();
    output
}

/// Through both forks of a daemon, to the workers, and not in the environment of anybody.
#[test]
fn sockets_that_are_handed_over_are_listened_on() {
    let address = own_address();
    let (tcp, url) = (format!("tcp={address}"), format!("tcp://{address}"));
    let sandbox = Sandbox::for_program("examples/echo", "handed", "number_workers = 2\n");
    let path = sandbox.path("a.sock");
    let (unix, file) = (format!("unix={}", path.display()), format!("unix:{}", path.display()));
    assert_eq!(start(&sandbox, &[&tcp, &unix]).code, Some(0));
    assert_eq!(sandbox.listeners(), [url.as_str(), file.as_str()]);
    let own = sandbox.unwatched_sockets();
    for (slot, worker) in sandbox.settled(2) {
        let inherited = worker.sockets();
        assert_eq!(inherited.len(), 2, "worker {slot}: {inherited:?}");
        assert!(inherited.iter().all(|socket| own.contains(socket)));
    }
    assert_eq!(own.len(), 3, "the control socket and no copies: {own:?}");
    [&url, &file].into_iter().for_each(|listener| reach(listener).unwrap());
    // A reload does not lose them, whatever it is about.
    sandbox.configure("number_workers = 1\nbacklog = 5\n");
    sandbox.ok(&["reload"]);
    assert_eq!(sandbox.unwatched_sockets(), own);
    [&url, &file].into_iter().for_each(|listener| reach(listener).unwrap());
    sandbox.ok(&["stop"]);
    assert!(path.exists(), "the manager's own file");
    until("the socket is closed", || reach(&file).is_err());
}

/// Configured and handed over: the one that is handed over, and no second.
#[test]
fn a_configured_address_uses_the_socket_that_is_handed_over() {
    let (held, free) = (own_address(), own_address());
    let section = format!("bind = {free}, {held}\nunix_socket = a.sock\nunix_socket_mode = 0600\n");
    let sandbox = Sandbox::new("matches", &section);
    let path = sandbox.path("a.sock");
    let (tcp, unix) = (format!("tcp={held}"), format!("unix={}", path.display()));
    assert_eq!(start(&sandbox, &[&tcp, &unix]).code, Some(0));
    let expected =
        [format!("tcp://{free}"), format!("tcp://{held}"), format!("unix:{}", path.display())];
    assert_eq!(sandbox.listeners(), expected);
    let found = std::fs::metadata(&path).unwrap();
    assert_ne!(found.mode() & 0o777, 0o600, "its mode is the manager's affair");
    // What is not asked for any more is handed over still.
    sandbox.configure("");
    sandbox.ok(&["reload"]);
    assert_eq!(sandbox.listeners(), expected[1..]);
    assert!(reach(&expected[0]).is_err());
    sandbox.configure(&section);
    sandbox.ok(&["reload"]);
    assert_eq!(sandbox.listeners(), expected);
    sandbox.ok(&["stop"]);
    assert_eq!(std::fs::metadata(&path).unwrap().ino(), found.ino());
}

#[test]
fn in_the_foreground_as_well() {
    let address = own_address();
    let sandbox = Sandbox::new("foreground", "daemonize = false\n");
    let tcp = format!("tcp={address}");
    let mut child = activate(&sandbox, "own", &[&tcp], &["run"]).spawn().unwrap();
    until("it runs", || sandbox.try_status().is_some_and(|status| status["state"] == "running"));
    sandbox.remember();
    let master = sandbox.master();
    assert_eq!(master.pid(), child.id() as i32);
    assert_eq!(sandbox.listeners(), [format!("tcp://{address}")]);
    sandbox.ok(&["stop"]);
    assert!(child.wait().unwrap().success());
}

/// What a shell between the manager and us did not pass on is not ours to take.
#[test]
fn sockets_for_another_process_are_left_alone() {
    let sandbox = Sandbox::new("another", "");
    let output = finish(&mut activate(&sandbox, "1", &["tcp=127.0.0.1:0"], &["start"]));
    sandbox.remember();
    assert_eq!(output.code, Some(0), "{output:?}");
    assert!(sandbox.listeners().is_empty());
    sandbox.ok(&["stop"]);
}

/// The word of it ends with us: a program that a worker runs would take its own descriptors for sockets.
#[test]
fn nobody_else_is_told_of_them() {
    let sandbox = Sandbox::new("environment", "app.child = group\n");
    assert_eq!(start(&sandbox, &["tcp=127.0.0.1:0"]).code, Some(0));
    let child: i32 = sandbox.journal("child")[0][1].parse().unwrap();
    let environment = || std::fs::read(format!("/proc/{child}/environ")).unwrap();
    until("the child has its environment", || !environment().is_empty());
    let text = String::from_utf8_lossy(&environment()).into_owned();
    assert!(text.contains("PATH=") && !text.contains("LISTEN_"), "{text}");
    sandbox.ok(&["stop"]);
}

#[test]
fn what_is_not_a_listening_stream_socket_is_refused() {
    for (sockets, said) in [
        (&["udp=127.0.0.1:0"][..], "descriptor 3 (socket-0) of LISTEN_FDS is not a stream socket"),
        (
            &["tcp=127.0.0.1:0", "file=/dev/null"],
            "descriptor 4 (socket-1) of LISTEN_FDS is not a socket",
        ),
        (&["tcp=127.0.0.1:0", "none"], "LISTEN_FDS announces descriptor 4, but it is not open"),
    ] {
        for daemonize in ["true", "false"] {
            let section = format!("daemonize = {daemonize}\n");
            let sandbox = Sandbox::named("refused", &section);
            let output = start(&sandbox, sockets);
            sandbox.adopt_all();
            assert_eq!(output.code, Some(78), "{output:?}");
            assert!(output.err.contains(said) && output.err.lines().count() == 1, "{output:?}");
            sandbox.nothing_runs();
        }
    }
}

/// One that takes connections needs no `bind` then.
#[test]
fn an_application_without_addresses_runs_on_what_is_handed_over() {
    let sandbox = Sandbox::for_program("examples/echo", "enough", "");
    let output = sandbox.run(&["start"]);
    assert_eq!(output.code, Some(78), "{output:?}");
    assert_eq!(start(&sandbox, &["tcp=127.0.0.1:0"]).code, Some(0));
    sandbox.ok(&["reload"]);
    sandbox.ok(&["stop"]);
}

/// An address in use is refused with sockets handed over as without.
#[test]
fn s07_another_address_in_use_is_refused_all_the_same() {
    let (_held, taken) = taken_address();
    let sandbox = Sandbox::named("taken", &format!("bind = {taken}\n"));
    let output = start(&sandbox, &["tcp=127.0.0.1:0"]);
    sandbox.adopt_all();
    assert_eq!(output.code, Some(1), "{output:?}");
    sandbox.nothing_runs();
}
