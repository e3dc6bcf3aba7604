//! What a service manager is told (sd_notify(3)), by a manager of the suite's own.

use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::time::Duration;

use nix::sys::signal::Signal;
use ph_tests::manager::{Manager, start};
use ph_tests::wait::DEADLINE;
use ph_tests::{Sandbox, until};

#[track_caller]
fn value(lines: &[String], name: &str) -> String {
    let found = lines.iter().find_map(|line| line.strip_prefix(name)?.strip_prefix('='));
    found.unwrap_or_else(|| panic!("no {name} in {lines:?}")).to_owned()
}

#[test]
fn the_manager_hears_of_readiness_reloads_and_the_end() {
    let sandbox = Sandbox::new("told", "number_workers = 2\napp.job = idle\n");
    let manager = Manager::start(&sandbox);
    let ready = manager.told();
    assert_eq!(value(&ready, "READY"), "1");
    let master = sandbox.master();
    assert_eq!(value(&ready, "MAINPID"), master.pid().to_string());
    assert!(value(&ready, "STATUS").contains("2 workers"), "{ready:?}");

    sandbox.ok(&["reload"]);
    let reloading = manager.told();
    assert_eq!(value(&reloading, "RELOADING"), "1");
    let micros: u64 = value(&reloading, "MONOTONIC_USEC").parse().unwrap();
    let uptime = nix::time::clock_gettime(nix::time::ClockId::CLOCK_MONOTONIC).unwrap();
    let age = uptime.tv_sec() as u64 * 1_000_000 + uptime.tv_nsec() as u64 / 1000 - micros;
    assert!(age < DEADLINE.as_micros() as u64, "{age}");
    assert_eq!(value(&manager.told(), "READY"), "1");

    // One that fails: it is ready all the same, and says what happened.
    sandbox.configure("number_workers = 2\napp.job = idle\nthreads = many\n");
    master.signal(Signal::SIGHUP);
    assert_eq!(value(&manager.told(), "RELOADING"), "1");
    let failed = manager.told();
    assert_eq!(value(&failed, "READY"), "1");
    assert!(value(&failed, "STATUS").contains("reload failed"), "{failed:?}");

    sandbox.configure("number_workers = 2\napp.job = idle\n");
    sandbox.ok(&["scale", "3"]);
    assert!(value(&manager.told(), "STATUS").contains("3 workers"));
    sandbox.ok(&["stop"]);
    assert_eq!(value(&manager.told(), "STOPPING"), "1");
}

#[test]
fn an_abstract_socket_will_do_and_children_do_not_inherit_it() {
    let sandbox = Sandbox::new("abstract", "app.job = idle\napp.child = group\n");
    let name = format!("ph-e2e-{}", std::process::id());
    let address = SocketAddr::from_abstract_name(&name).unwrap();
    let manager = Manager::on(UnixDatagram::bind_addr(&address).unwrap());
    start(&sandbox, &format!("@{name}"), None);
    assert_eq!(value(&manager.told(), "READY"), "1");
    let child = &sandbox.journal("child")[0][1];
    let environment = std::fs::read_to_string(format!("/proc/{child}/environ")).unwrap();
    assert!(!environment.contains("NOTIFY_SOCKET"), "{environment}");
    sandbox.ok(&["stop"]);
}

/// The loop itself shows that it turns: not while it is stopped.
#[test]
fn the_watchdog_is_fed_by_the_loop_alone() {
    let sandbox = Sandbox::new("watchdog", "number_workers = 1\napp.job = idle\n");
    let manager = Manager::of(&sandbox);
    start(&sandbox, sandbox.path("notify").to_str().unwrap(), Some("200000"));
    let socket = manager.socket();
    for _ in 0..5 {
        until("a beat", || manager.told().iter().any(|line| line == "WATCHDOG=1"));
    }
    let master = sandbox.master();
    master.signal(Signal::SIGSTOP);
    until("it is stopped", || master.is_stopped());
    // What was sent before is still there.
    socket.set_read_timeout(Some(Duration::from_millis(1))).unwrap();
    while socket.recv(&mut [0; 4096]).is_ok() {}
    socket.set_read_timeout(Some(Duration::from_millis(600))).unwrap();
    assert!(socket.recv(&mut [0; 4096]).is_err(), "a stopped master beat");
    socket.set_read_timeout(Some(DEADLINE)).unwrap();
    master.signal(Signal::SIGCONT);
    until("it goes on", || manager.told().iter().any(|line| line == "WATCHDOG=1"));
    sandbox.ok(&["stop"]);
}

#[test]
fn a_manager_that_is_not_there_holds_nobody_up() {
    let sandbox = Sandbox::new("nobody", "number_workers = 1\napp.job = idle\n");
    start(&sandbox, "/nonexistent/notify", None);
    until("it says so", || sandbox.read("app.log").contains("cannot reach the service manager"));
    sandbox.ok(&["stop"]);
    // One that is there and never reads: its socket is full some day.
    let _manager = Manager::of(&sandbox);
    start(&sandbox, sandbox.path("notify").to_str().unwrap(), Some("20000"));
    until("more beats than a socket holds", || {
        let uptime = sandbox.status()["uptime_s"].as_f64().unwrap();
        uptime > 4.0
    });
    sandbox.ok(&["scale", "2"]);
    sandbox.ok(&["stop"]);
}
