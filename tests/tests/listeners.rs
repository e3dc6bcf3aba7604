//! TCP listeners: where they are, who inherits them, and what is said when they can't be had.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, TcpListener};

use nix::sys::signal::Signal;
use ph_tests::listeners::{own_address, reach, taken_address};
use ph_tests::{Sandbox, until, users};

/// Port 0 is told as the port that the kernel chose; the order is the configuration's.
#[test]
fn every_address_is_listened_on_and_told() {
    let section = "bind = 127.0.0.1:0, [::1]:0\nunix_socket = a.sock\nnumber_workers = 2\n";
    let sandbox = Sandbox::new("addresses", section);
    sandbox.ok(&["start"]);
    let listeners = sandbox.listeners();
    assert!(listeners[0].starts_with("tcp://127.0.0.1:"), "{listeners:?}");
    assert!(listeners[1].starts_with("tcp://[::1]:"), "{listeners:?}");
    assert_eq!(listeners[2], format!("unix:{}", sandbox.path("a.sock").display()));
    for listener in &listeners {
        assert!(!listener.ends_with(":0"), "{listeners:?}");
        reach(listener).unwrap();
    }
    sandbox.ok(&["stop"]);
    for listener in &listeners {
        assert!(reach(listener).is_err(), "{listener} is still open");
    }
}

/// Every IPv6 address is not every IPv4 address, whatever the machine's default.
#[test]
fn ipv6_is_not_ipv4() {
    // Of those that the kernel gives to nobody by itself.
    let first = 10_000 + (std::process::id() % 20_000) as u16;
    let free = |port: &u16| {
        let everywhere: [IpAddr; 2] = [Ipv6Addr::UNSPECIFIED.into(), Ipv4Addr::UNSPECIFIED.into()];
        everywhere.into_iter().all(|host| TcpListener::bind((host, *port)).is_ok())
    };
    let port = (first..).find(free).unwrap();
    let sandbox = Sandbox::new("both", &format!("bind = [::]:{port}, 0.0.0.0:{port}\n"));
    sandbox.ok(&["start"]);
    assert_eq!(
        sandbox.listeners(),
        [format!("tcp://[::]:{port}"), format!("tcp://0.0.0.0:{port}")]
    );
    reach(&format!("tcp://[::1]:{port}")).unwrap();
    reach(&format!("tcp://127.0.0.1:{port}")).unwrap();
    sandbox.ok(&["stop"]);
}

/// The launching shell reads it, in the background as in the foreground, and nothing is left behind.
#[test]
fn s07_an_address_in_use_is_told_and_nothing_is_started() {
    let (_held, address) = taken_address();
    for daemonize in ["true", "false"] {
        let section = format!("daemonize = {daemonize}\nunix_socket = a.sock\nbind = {address}\n");
        let sandbox = Sandbox::named("taken", &section);
        let output = sandbox.run(&["start"]);
        sandbox.adopt_all();
        assert_eq!(output.code, Some(1), "{output:?}");
        let said = format!("bind = {address}: address in use; ");
        assert!(output.err.contains(&said) && output.err.lines().count() == 1, "{output:?}");
        assert!(sandbox.journal("new").is_empty(), "a worker was made");
        sandbox.nothing_runs();
    }
}

/// What was opened before the address that is refused is given up again.
#[test]
fn s07_a_later_address_that_is_refused_ends_the_start_as_well() {
    let (_held, address) = taken_address();
    let before = own_address();
    let sandbox = Sandbox::named("later", &format!("bind = {before}, {address}\n"));
    let output = sandbox.run(&["start"]);
    sandbox.adopt_all();
    assert_eq!(output.code, Some(1), "{output:?}");
    sandbox.nothing_runs();
    assert!(reach(&format!("tcp://{before}")).is_err());
}

#[test]
fn a_privileged_port_is_refused_to_a_user() {
    let user = users::nobody_else();
    let sandbox = Sandbox::named("privileged", "bind = 127.0.0.1:1\n");
    sandbox.hand_over(user);
    let output = sandbox.run_as(user, &["start"]);
    sandbox.adopt_all();
    assert_eq!(output.code, Some(1), "{output:?}");
    assert!(output.err.contains("bind = 127.0.0.1:1: permission denied"), "{output:?}");
    sandbox.nothing_runs();
}

#[test]
fn an_address_of_another_machine_is_refused() {
    // TEST-NET-1 of RFC 5737: nobody's.
    let sandbox = Sandbox::named("foreign", "bind = 192.0.2.1:0\n");
    let output = sandbox.run(&["start"]);
    sandbox.adopt_all();
    assert_eq!(output.code, Some(1), "{output:?}");
    assert!(output.err.contains("bind = 192.0.2.1:0: this machine does not have"), "{output:?}");
    sandbox.nothing_runs();
}

/// Two masters on one address, if both say so.
#[test]
fn reuse_port_shares_an_address_with_another_master() {
    let address = own_address();
    let section = format!("bind = {address}\nreuse_port = true\n");
    let (one, other) = (Sandbox::new("one", &section), Sandbox::new("other", &section));
    one.ok(&["start"]);
    other.ok(&["start"]);
    assert_eq!(one.listeners(), other.listeners());
    let alone = Sandbox::new("alone", &format!("bind = {address}\n"));
    assert_eq!(alone.run(&["start"]).code, Some(1));
    one.ok(&["stop"]);
    reach(&other.listeners()[0]).unwrap();
    other.ok(&["stop"]);
}

/// Scenario 32: with the master gone, its port is free, and its socket's file no obstacle.
#[test]
fn s32_after_a_kill_of_the_master_the_port_is_free() {
    let address = own_address();
    let section = format!("bind = {address}\nunix_socket = a.sock\nnumber_workers = 3\n");
    let sandbox = Sandbox::named("killed", &section);
    sandbox.ok(&["start"]);
    let master = sandbox.master();
    let workers = sandbox.settled(3);
    // One is in the queue when it happens: its connection's end must not hold the port.
    let client = std::net::TcpStream::connect(address).unwrap();
    master.signal(Signal::SIGKILL);
    until("nobody is left", || {
        !master.is_alive() && !workers.iter().any(|(_, worker)| worker.is_alive())
    });
    until("the port is free", || reach(&format!("tcp://{address}")).is_err());
    drop(client);
    sandbox.ok(&["start"]);
    reach(&format!("tcp://{address}")).unwrap();
    reach(&sandbox.listeners()[1]).unwrap();
    sandbox.ok(&["stop"]);
    sandbox.nothing_runs();
}

/// Every worker, the later ones too, and no other socket: the control socket is the master's alone.
#[test]
fn workers_inherit_the_listeners() {
    let section = "bind = 127.0.0.1:0, [::1]:0\nunix_socket = a.sock\nnumber_workers = 2\n";
    let sandbox = Sandbox::for_program("examples/echo", "inherit", section);
    sandbox.ok(&["start"]);
    let own = sandbox.unwatched_sockets();
    let look = || {
        for (slot, worker) in sandbox.settled(2) {
            let inherited = worker.sockets();
            assert_eq!(inherited.len(), 3, "worker {slot}: {:?}", worker.open_files());
            assert!(
                inherited.iter().all(|socket| own.contains(socket)),
                "{inherited:?} of {own:?}"
            );
        }
    };
    look();
    let first = sandbox.settled(2)[0].1;
    first.signal(Signal::SIGKILL);
    until("another worker", || sandbox.workers("ready").iter().all(|(_, worker)| *worker != first));
    look();
    assert_eq!(sandbox.unwatched_sockets(), own);
    sandbox.ok(&["stop"]);
}
