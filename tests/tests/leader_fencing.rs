//! What a leader writes carries its token: one that was stopped between its look at the lease and its write is refused.

use std::net::TcpListener;

use nix::sys::signal::Signal;
use ph_tests::etcd::Etcd;
use ph_tests::{Process, Sandbox, until, until_some};

#[test]
fn s50_a_paused_leader_that_goes_on_is_refused_by_the_store() {
    let etcd = Etcd::start();
    let mut store = Sandbox::for_program("examples/fencing", "store", "");
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    store.spawn(&["store", &format!("127.0.0.1:{port}")]);
    let told = |store: &Sandbox, what: &str| {
        let text = store.read("terminal");
        text.lines().filter(|line| line.contains(what)).map(str::to_owned).collect::<Vec<_>>()
    };
    until("the store listens", || !told(&store, "listens on").is_empty());
    let section = format!(
        "leader = etcd\nleader_key = fencing\nleader_ttl = 2\nleader_endpoints = {}\n\
         app.store = 127.0.0.1:{port}\napp.pause_ms = 1000\nlog_level = debug\n",
        etcd.address()
    );
    let first = Sandbox::for_program("examples/fencing", "fencing-1", &section);
    let second = Sandbox::for_program("examples/fencing", "fencing-2", &section);
    first.ok(&["start"]);
    let status = first.leads(1);
    second.ok(&["start"]);
    let pid = |pid: &serde_json::Value| first.find(pid.as_i64().unwrap()).unwrap();
    let worker = pid(&status["workers"][0]["pid"]);
    let others = [&status["pid"], &status["guard_pid"], &status["leadership"]["elector_pid"]];
    let others: Vec<Process> = others.map(pid).to_vec();
    let old = status["leadership"]["token"].as_u64().unwrap();
    until("the first has written and is about to write again", || {
        let begun = first.read("app.log").matches("about to write").count();
        let written = told(&store, "taken").len();
        written > 0 && begun > written
    });
    // As a machine that is suspended. The worker is in the pause before its write.
    worker.signal(Signal::SIGSTOP);
    others.iter().for_each(|process| process.signal(Signal::SIGSTOP));
    second.leads(1);
    let new = second.token();
    assert!(new > old, "{new} after {old}");
    until("the second writes", || {
        told(&store, "taken").iter().any(|line| line.starts_with(&format!("{new} ")))
    });
    worker.signal(Signal::SIGCONT);
    let refused = until_some("the store refuses the first", || told(&store, "refused").pop());
    assert!(refused.starts_with(&format!("{old} {} ", worker.pid())), "{refused}");
    assert!(refused.ends_with(&format!("{old} is less than {new}")), "{refused}");
    // It looks before each job, so it begins no other.
    let count = told(&store, "refused").len();
    let writes = told(&store, "taken").len();
    until("the second goes on", || told(&store, "taken").len() > writes + 3);
    assert_eq!(told(&store, "refused").len(), count);
    others.iter().for_each(|process| process.signal(Signal::SIGCONT));
    first.stands_by();
    assert!(!worker.is_alive() || worker.is_zombie());
}
