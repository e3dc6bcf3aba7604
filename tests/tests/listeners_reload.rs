//! Listeners over reloads: what stays is the same socket, what is new is opened first, what is gone is closed.

use std::os::fd::OwnedFd;

use nix::sys::socket::{AddressFamily, SockFlag, SockType, UnixAddr, connect, socket};
use ph_tests::listeners::{own_address, reach, taken_address};
use ph_tests::{Process, Sandbox, until, until_some};

#[test]
fn a_reload_adds_removes_and_keeps_addresses() {
    let (gone, fresh) = (own_address(), own_address());
    let section = format!("bind = {gone}, 127.0.0.1:0\nunix_socket = a.sock\n");
    let sandbox = Sandbox::new("change", &section);
    sandbox.ok(&["start"]);
    let before = sandbox.listeners();
    let sockets = sandbox.unwatched_sockets();
    sandbox.configure(&format!("bind = 127.0.0.1:0, {fresh}\nunix_socket = b.sock\n"));
    sandbox.ok(&["reload"]);
    let after = sandbox.listeners();
    assert_eq!(after[0], before[1], "a chosen port is kept");
    assert_eq!(after[1], format!("tcp://{fresh}"));
    after.iter().for_each(|listener| reach(listener).unwrap());
    until("what is gone is closed", || reach(&before[0]).is_err() && reach(&before[2]).is_err());
    assert!(!sandbox.path("a.sock").exists(), "its file is left behind");
    let kept = sandbox.unwatched_sockets();
    let same = kept.iter().filter(|socket| sockets.contains(socket)).count();
    assert_eq!((kept.len(), same), (4, 2), "the control socket and one more: {sockets:?} {kept:?}");
    // Without any.
    sandbox.configure("");
    sandbox.ok(&["reload"]);
    assert!(sandbox.listeners().is_empty());
    assert_eq!(sandbox.unwatched_sockets().len(), 1);
    sandbox.ok(&["stop"]);
}

/// A connection that waits in a queue meanwhile is still there afterwards.
#[test]
fn a_reload_keeps_what_waits_in_the_queue() {
    use std::io::{Read as _, Write as _};
    let section = "bind = 127.0.0.1:0\nnumber_workers = 2\n";
    let sandbox = Sandbox::for_program("examples/echo", "queue", section);
    sandbox.ok(&["start"]);
    let listener = sandbox.listeners()[0].clone();
    let workers = sandbox.settled(2);
    // Nobody accepts: a reload is what brings them back, and new ones besides.
    let stop = |signal| workers.iter().for_each(|(_, worker)| worker.signal(signal));
    stop(nix::sys::signal::Signal::SIGSTOP);
    let address = listener.strip_prefix("tcp://").unwrap();
    let mut client = std::net::TcpStream::connect(address).unwrap();
    client.write_all(b"hello\n").unwrap();
    sandbox.ok(&["reload"]);
    let mut answer = [0; 6];
    client.read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"hello\n");
    sandbox.ok(&["stop"]);
}

#[test]
fn s45_reloads_of_listeners_leave_the_masters_descriptors_flat() {
    let section = |bind: &str| format!("bind = {bind}\nunix_socket = a.sock\nreuse_port = false\n");
    let (one, other) = (own_address(), own_address());
    let sections =
        [section(&format!("127.0.0.1:0, {one}")), section(&format!("127.0.0.1:0, {other}"))];
    let sandbox = Sandbox::new("flat", &sections[0]);
    sandbox.ok(&["start"]);
    let master = sandbox.master();
    let look = || {
        sandbox.settled(1);
        sandbox.unwatched(master).len()
    };
    let (files, port) = (look(), sandbox.listeners()[0].clone());
    for round in 1..=50 {
        sandbox.configure(&sections[round % 2]);
        sandbox.ok(&["reload"]);
        assert_eq!(sandbox.listeners()[0], port, "round {round}");
    }
    assert_eq!(look(), files, "{:?}", master.open_files());
    assert_eq!(sandbox.listeners()[1], format!("tcp://{one}"));
    sandbox.ok(&["stop"]);
}

#[test]
fn s18_a_port_in_use_is_refused_at_a_reload() {
    let ((_held, taken), free) = (taken_address(), own_address());
    let sandbox = Sandbox::new("in-use", "bind = 127.0.0.1:0\nnumber_workers = 2\n");
    sandbox.ok(&["start"]);
    let (workers, listeners) = (sandbox.settled(2), sandbox.listeners());
    let section = format!("bind = {free}, {taken}\nunix_socket = a.sock\nnumber_workers = 2\n");
    sandbox.configure(&section);
    let output = sandbox.run(&["reload"]);
    assert_eq!(output.code, Some(5), "{output:?}");
    assert!(output.err.contains(&format!("bind = {taken}: address in use")), "{output:?}");
    assert_eq!(sandbox.listeners(), listeners);
    assert_eq!(sandbox.settled(2), workers, "an old worker was touched");
    reach(&listeners[0]).unwrap();
    assert!(reach(&format!("tcp://{free}")).is_err(), "half of it was done");
    assert!(!sandbox.path("a.sock").exists());
    sandbox.ok(&["stop"]);
}

/// A generation that can't boot takes its listeners along, and the old ones have their settings again.
#[test]
fn s19_a_rolled_back_reload_gives_up_what_it_opened() {
    let fresh = own_address();
    let rest = "app.boot = fail\napp.flag = %(here)s/flag\nunix_socket = a.sock\n";
    let sandbox = Sandbox::new("back", &format!("bind = 127.0.0.1:0\n{rest}"));
    sandbox.ok(&["start"]);
    let (listeners, sockets) = (sandbox.listeners(), sandbox.unwatched_sockets());
    std::fs::write(sandbox.path("flag"), "").unwrap();
    sandbox.configure(&format!("bind = {fresh}, 127.0.0.1:0\nunix_socket_mode = 0666\n{rest}"));
    assert_eq!(sandbox.run(&["reload"]).code, Some(5));
    assert_eq!(sandbox.listeners(), listeners);
    until("the new address is given up", || reach(&format!("tcp://{fresh}")).is_err());
    assert_eq!(sandbox.unwatched_sockets(), sockets);
    let mode = std::fs::metadata(sandbox.path("a.sock")).unwrap();
    assert_eq!(std::os::unix::fs::PermissionsExt::mode(&mode.permissions()) & 0o777, 0o660);
    sandbox.ok(&["stop"]);
}

/// How many more clients find room in the queue of a socket that nobody accepts from.
fn room(path: &std::path::Path) -> Vec<OwnedFd> {
    let address = UnixAddr::new(path).unwrap();
    let client = || {
        let flags = SockFlag::SOCK_NONBLOCK | SockFlag::SOCK_CLOEXEC;
        let client = socket(AddressFamily::Unix, SockType::Stream, flags, None).unwrap();
        let connected = connect(std::os::fd::AsRawFd::as_raw_fd(&client), &address);
        connected.is_ok().then_some(client)
    };
    std::iter::from_fn(client).collect()
}

/// The kernel lets one more in than the number says.
#[test]
fn a_reload_changes_the_backlog_of_a_socket_that_stays() {
    let sandbox = Sandbox::new("backlog", "unix_socket = a.sock\nbacklog = 2\n");
    sandbox.ok(&["start"]);
    let path = sandbox.path("a.sock");
    let first = room(&path);
    assert_eq!(first.len(), 3);
    sandbox.configure("unix_socket = a.sock\nbacklog = 7\n");
    sandbox.ok(&["reload"]);
    assert_eq!(room(&path).len(), 5, "the first three are still in the queue");
    sandbox.ok(&["stop"]);
}

#[test]
fn what_a_listening_socket_cannot_follow_needs_a_restart() {
    let (one, other) = (own_address(), own_address());
    let sandbox = Sandbox::new("restart", &format!("bind = {one}\n"));
    sandbox.ok(&["start"]);
    for (line, key) in [("reuse_port = true", "reuse_port"), ("accept = reuseport", "accept")] {
        sandbox.configure(&format!("bind = {one}\n{line}\n"));
        let output = sandbox.run(&["reload"]);
        assert_eq!(output.code, Some(4), "{output:?}");
        assert!(output.err.contains(key) && output.err.contains("restart"), "{output:?}");
    }
    // An address that is new can be shared from the beginning.
    sandbox.configure(&format!("bind = {other}\nreuse_port = true\n"));
    sandbox.ok(&["reload"]);
    assert_eq!(sandbox.listeners(), [format!("tcp://{other}")]);
    sandbox.ok(&["stop"]);
}

/// The old worker finishes what it has, and nobody else waits for it: neither a client, nor the address.
#[test]
fn a_worker_that_drains_does_not_hold_an_address_that_is_gone() {
    use std::io::{Read as _, Write as _};
    for accept in ["exclusive", "reuseport"] {
        let (gone, kept) = (own_address(), own_address());
        let rest =
            format!("{kept}\nunix_socket = a.sock\naccept = {accept}\ngraceful_timeout = 15\n");
        let sandbox =
            Sandbox::for_program("examples/echo", "drains", &format!("bind = {gone}, {rest}"));
        sandbox.ok(&["start"]);
        let mut client = std::net::TcpStream::connect(gone).unwrap();
        client.write_all(b"!sleep 4000\n").unwrap();
        until("it is served", || sandbox.status()["workers"][0]["active"].as_u64() == Some(1));
        let old = sandbox.settled(1)[0].1;
        sandbox.configure(&format!("bind = {rest}"));
        sandbox.ok(&["reload"]);
        assert!(reach(&format!("tcp://{gone}")).is_err(), "clients would wait for nobody");
        sandbox.configure(&format!("bind = {gone}, {rest}"));
        sandbox.ok(&["reload"]);
        reach(&format!("tcp://{gone}")).unwrap();
        assert!(old.is_alive(), "{accept}: it drains no more, so this was no test");
        let mut answer = [0; 11];
        client.read_exact(&mut answer).unwrap();
        assert_eq!(&answer, b"slept 4000\n");
        sandbox.ok(&["stop"]);
    }
}

/// A worker that boots fails at its eventfd, while there is a file `fail`, unless it finds a file `pass`.
const BOOTS: &str = r#"
#define _GNU_SOURCE
#include <errno.h>
#include <sys/syscall.h>
#include <unistd.h>

int eventfd(unsigned value, int flags)
{
    if (access("fail", F_OK) == 0 && unlink("pass") != 0) {
        errno = EMFILE;
        return -1;
    }
    return syscall(SYS_eventfd2, value, flags);
}
"#;

/// The canary of a generation that failed waits for its successor, on an address that was given up.
#[test]
fn a_worker_outlives_an_address_that_is_given_up() {
    for accept in ["exclusive", "reuseport"] {
        let (kept, fresh) = (own_address(), own_address());
        let section = |bind: &str| {
            format!(
                "bind = {bind}\naccept = {accept}\nnumber_workers = 2\nrestart_backoff = 10ms\n"
            )
        };
        let sandbox =
            Sandbox::for_program("examples/echo", "outlives", &section(&kept.to_string()));
        let library = sandbox.library("boots", BOOTS);
        let start = sandbox.command(&["start"]).env("LD_PRELOAD", library).status().unwrap();
        assert!(start.success());
        sandbox.settled(2);
        sandbox.configure(&section(&format!("{kept}, {fresh}")));
        std::fs::write(sandbox.path("pass"), "").unwrap();
        std::fs::write(sandbox.path("fail"), "").unwrap();
        assert_eq!(sandbox.run(&["reload"]).code, Some(5));
        let canary = until_some("the canary waits for a successor that can't boot", || {
            let status = sandbox.status();
            let mut rows = status["workers"].as_array().unwrap().iter();
            let row = rows.find(|row| row["generation"] == 2)?;
            let boots = status["totals"]["spawned"].as_u64() > Some(6);
            (boots && row["state"] == "ready").then(|| row["pid"].as_i64())?
        });
        assert!(reach(&format!("tcp://{fresh}")).is_err());
        let canary = Process::find(canary as i32).unwrap();
        until("it does not spin over the address that is gone", || canary.is_asleep());
        std::fs::remove_file(sandbox.path("fail")).unwrap();
        sandbox.settled(2);
        assert!(!sandbox.read("app.log").contains("cannot go on"), "{accept}");
        sandbox.ok(&["stop"]);
    }
}
