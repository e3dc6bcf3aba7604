//! Scenarios 48, 49 and 17 by clients that others have made: neovim, pynvim, and two libraries of PyPI's.

use std::fs;

use ph_rpc::Value;
use ph_tests::foreign::Foreign;
use ph_tests::rpc::Rpc;
use ph_tests::{Sandbox, each_client, until};

each_client![
    s48_every_type_comes_back,
    s48_an_error_is_shown,
    s48_a_notification_has_its_effect,
    s48_a_thousand_calls_are_in_flight,
    s17_calls_in_a_row_notice_no_reload,
];

/// One worker, which has what was set before.
fn journey(who: Foreign, name: &str) -> u64 {
    let server = Rpc::start(name, "number_workers = 1\n");
    let worker = server.settled(1)[0].1;
    for (key, value) in [
        ("bin", Value::Binary(vec![b'b'; 300])),
        ("float32", Value::F32(1.5)),
        ("beyond", Value::Array(vec![u64::MAX.into(), Value::Ext(7, vec![1, 2, 3])])),
    ] {
        server.caller().call_values("kv_set", &[key.into(), value]).unwrap();
    }
    let counted = server.returns(server.send(who, name, server.address()));
    assert_eq!(server.settled(1)[0].1, worker);
    let log = server.read("app.log");
    assert!(!log.contains("ERROR") && !log.contains("WARN"), "{log}");
    server.ok(&["stop"]);
    counted
}

fn s48_every_type_comes_back(who: Foreign) {
    let values = journey(who, "types");
    assert!(values > 70, "{values} values");
}

fn s48_an_error_is_shown(who: Foreign) {
    assert_eq!(journey(who, "error"), 4);
}

fn s48_a_notification_has_its_effect(who: Foreign) {
    assert_eq!(journey(who, "notification"), 1);
}

/// They are answered in another order, where the client can wait for several.
fn s48_a_thousand_calls_are_in_flight(who: Foreign) {
    assert_eq!(journey(who, "thousand"), 1_000);
}

fn s17_calls_in_a_row_notice_no_reload(who: Foreign) {
    let server = Rpc::start("go_on", "number_workers = 2\ngraceful_timeout = 15\n");
    let requests = || server.status()["totals"]["requests"].as_u64().unwrap();
    let mut client = server.send(who, "go_on", server.address());
    let mut goes_on = || {
        let before = requests();
        until("the calls go on", || requests() > before + 20 || !client.is_running());
    };
    for _ in 0..5 {
        goes_on();
        server.ok(&["reload"]);
    }
    goes_on();
    fs::write(server.path("over"), "").unwrap();
    let served = server.returns(client);
    server.settled(2);
    // pynvim begins with a notification of who it is.
    let introduced = u64::from(who == Foreign::Pynvim);
    until("each is counted", || requests() >= served + introduced);
    assert_eq!(requests(), served + introduced, "each was executed once");
    let log = server.read("app.log");
    assert!(!log.contains("ERROR") && !log.contains("WARN"), "{log}");
    server.ok(&["stop"]);
}

#[test]
fn s49_neovim_drives_a_master() {
    let sandbox = Sandbox::new("nvim", "number_workers = 2\n");
    sandbox.ok(&["start"]);
    let master = sandbox.master();
    let before = sandbox.settled(2);
    let socket = sandbox.path("fixture.sock");
    let pid = sandbox.returns(sandbox.send(Foreign::Neovim, "control", socket.to_str().unwrap()));
    assert_eq!(pid, master.pid() as u64);
    let after = sandbox.settled(4);
    assert!(after.iter().all(|(_, worker)| before.iter().all(|(_, old)| worker != old)));
    sandbox.ok(&["stop"]);
}
