//! `leader = etcd`, with one etcd of Debian's: three of them, networks that break and clocks that jump are `cargo xtask drill leader`'s.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use ph_tests::etcd::Etcd;
use ph_tests::{Sandbox, until};

const TTL: u64 = 2;

fn section(endpoints: &str, more: &str) -> String {
    format!(
        "leader = etcd\nleader_key = app\nleader_ttl = {TTL}\nleader_endpoints = {endpoints}\nnumber_workers = 2\n{more}"
    )
}

fn pair(etcd: &Etcd, test: &str, more: &str) -> (Sandbox, Sandbox) {
    let section = section(&etcd.address(), more);
    let first = Sandbox::new(&format!("{test}-1"), &section);
    let second = Sandbox::new(&format!("{test}-2"), &section);
    first.ok(&["start"]);
    first.leads(2);
    second.ok(&["start"]);
    assert_eq!(second.stands_by()["state"], "running");
    (first, second)
}

#[test]
fn s50_one_leads_by_etcd_and_is_followed_whatever_happens_to_it() {
    let etcd = Etcd::start();
    let (first, second) = pair(&etcd, "etcd", "");
    let mut token = first.token();
    let mut grown = |sandbox: &Sandbox| {
        sandbox.leads(2);
        let next = sandbox.token();
        assert!(next > token, "{next} after {token}");
        token = next;
    };
    first.ok(&["leader", "resign"]);
    grown(&second);
    let master = second.master();
    master.signal(Signal::SIGSTOP);
    let began = Instant::now();
    grown(&first);
    assert!(began.elapsed() < Duration::from_secs(TTL + 3), "{:?}", began.elapsed());
    master.signal(Signal::SIGCONT);
    second.stands_by();
    first.master().signal(Signal::SIGKILL);
    let began = Instant::now();
    grown(&second);
    assert!(began.elapsed() < Duration::from_secs(TTL + 3), "{:?}", began.elapsed());
    second.ok(&["stop"]);
}

#[test]
fn s50_upgrades_keep_the_lease() {
    let etcd = Etcd::start();
    for mode in ["handover", "inplace"] {
        let (first, second) = pair(&etcd, "etcdup", &format!("upgrade_mode = {mode}\n"));
        let token = first.token();
        first.ok(&["upgrade"]);
        let ends = Instant::now() + Duration::from_secs(TTL + 1);
        until("a lease's time has passed", || Instant::now() > ends);
        assert_eq!((first.token(), first.settled(2).len()), (token, 2));
        assert_eq!(second.stands_by()["role"], "standby");
        first.ok(&["stop"]);
        second.leads(2);
        second.ok(&["stop"]);
    }
}

/// Nobody leads past the deadline, and it takes no hand to go on.
#[test]
fn s50_without_etcd_nobody_leads_and_with_it_somebody_does() {
    let mut etcd = Etcd::start();
    let (first, second) = pair(&etcd, "noetcd", "");
    let (token, workers) = (first.token(), first.workers("ready"));
    etcd.kill();
    let began = Instant::now();
    until("its workers are gone", || !workers.iter().any(|(_, worker)| worker.is_alive()));
    assert!(began.elapsed() < Duration::from_secs(TTL + 1), "{:?}", began.elapsed());
    assert_eq!(
        (&first.stands_by()["role"], &second.stands_by()["role"]),
        (&"standby".into(), &"standby".into())
    );
    assert!(first.leadership()["trouble"].is_string());
    etcd.launch();
    let leads = |sandbox: &Sandbox| sandbox.try_status().is_some_and(|it| it["role"] == "leader");
    until("one of them leads again", || leads(&first) || leads(&second));
    let next = if leads(&first) { &first } else { &second };
    next.leads(2);
    assert!(next.token() > token);
}

/// At the start: it waits, says so once, and answers.
#[test]
fn s50_etcd_may_come_later_than_the_master() {
    let mut etcd = Etcd::described();
    let sandbox = Sandbox::new("later", &section(&etcd.address(), ""));
    sandbox.ok(&["start"]);
    assert_eq!(sandbox.stands_by()["state"], "running");
    let told = sandbox.leadership()["trouble"].as_str().unwrap().to_owned();
    assert!(told.contains("127.0.0.1"), "{told}");
    let ends = Instant::now() + Duration::from_secs(2);
    until("some tries have failed", || Instant::now() > ends);
    let warnings = sandbox.read("app.log").lines().filter(|line| line.contains("WARN")).count();
    assert!(warnings <= 3, "{}", sandbox.read("app.log"));
    etcd.launch();
    sandbox.leads(2);
    assert!(sandbox.leadership()["trouble"].is_null());
}

/// A key that no candidate has put there.
#[test]
fn s50_a_foreign_value_keeps_everybody_from_leading() {
    let etcd = Etcd::start();
    // "app" = "x", without a lease.
    etcd.call("kv/put", r#"{"key":"YXBw","value":"eA=="}"#).unwrap();
    let sandbox = Sandbox::new("foreign", &section(&etcd.address(), ""));
    sandbox.ok(&["start"]);
    until("it says what is there", || sandbox.read("app.log").contains("no candidate put there"));
    assert_eq!(sandbox.stands_by()["role"], "standby");
    etcd.call("kv/deleterange", r#"{"key":"YXBw"}"#).unwrap();
    sandbox.leads(2);
    // Deleted by hand under a leader: it is none any more, and says so.
    let token = sandbox.token();
    etcd.call("kv/deleterange", r#"{"key":"YXBw"}"#).unwrap();
    until("it has lost the seat", || sandbox.read("app.log").contains("the seat was taken away"));
    sandbox.leads(2);
    until("it leads anew", || sandbox.leadership()["token"].as_u64().is_some_and(|it| it > token));
}

/// What answers is no etcd, or says what none says.
#[test]
fn s50_answers_that_are_none_make_no_leader() {
    for answer in ["<html>hello</html>".to_owned(), "{".repeat(4 << 20)] {
        let gateway = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = gateway.local_addr().unwrap();
        std::thread::spawn(move || {
            for stream in gateway.incoming() {
                let Ok(mut stream) = stream else { return };
                let mut request = [0; 4096];
                let _ = stream.read(&mut request);
                let length = answer.len();
                let head = format!(
                    "HTTP/1.1 200 OK\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n"
                );
                let _ = stream
                    .write_all(head.as_bytes())
                    .and_then(|()| stream.write_all(answer.as_bytes()));
            }
        });
        let sandbox = Sandbox::new("nonsense", &section(&format!("http://{address}"), ""));
        sandbox.ok(&["start"]);
        until("it says so", || sandbox.leadership()["trouble"].is_string());
        assert_eq!(sandbox.stands_by()["state"], "running");
        sandbox.ok(&["stop"]);
    }
}

/// An elector that ends late in a lease: the next one renews it at once, and nobody notices.
#[test]
fn s50_another_elector_goes_on_with_what_is_left_of_a_lease() {
    let etcd = Etcd::start();
    let section = section(&etcd.address(), "").replace("leader_ttl = 2", "leader_ttl = 6");
    let sandbox = Sandbox::new("late", &section);
    sandbox.ok(&["start"]);
    sandbox.leads(2);
    let (token, workers) = (sandbox.token(), sandbox.workers("ready"));
    let elector = sandbox.elector();
    elector.signal(Signal::SIGSTOP);
    let left = || sandbox.leadership()["lease_s"].as_f64().unwrap();
    until("more than half of the lease has passed", || left() < 2.6);
    elector.signal(Signal::SIGKILL);
    until("another one has renewed it", || left() > 4.0);
    assert_eq!((sandbox.token(), sandbox.workers("ready")), (token, workers));
    sandbox.ok(&["stop"]);
}
