//! Masters that elect one of them by etcd: never two with workers, whatever becomes of the one that leads.

use std::time::Duration;

use nix::sys::signal::Signal;
use ph_tests::election::candidate::TTL;
use ph_tests::election::checker::Reign;
use ph_tests::election::{COUNT, Cut, Field, Sitting, now};
use ph_tests::{Process, until, until_some};

const LEASE: Duration = Duration::from_secs(TTL);
/// How long after its predecessor's loss a successor has to work.
const SOON: Duration = Duration::from_secs(TTL + 2);

fn settled(field: &Field) -> Sitting {
    until_some("one leads, two stand by", || field.sitting())
}

/// The workers that a master's status tells of, alive or not.
fn workers(field: &Field, master: usize) -> Vec<Process> {
    let workers = field.candidates[master].sandbox.workers("ready");
    workers.into_iter().map(|(_, process)| process).collect()
}

/// The successor's reign, which began in time.
#[track_caller]
fn succeeded(field: &Field, former: Sitting, since: Duration) -> Reign {
    let (token, reign) =
        until_some("another master works", || field.observer.successor(former.token));
    let took = reign.first.saturating_sub(since);
    assert!(took < SOON, "token {token} came after {took:?}");
    reign
}

/// All is mended, the former leader stands by, and at no moment there were two.
#[track_caller]
fn well(mut field: Field, former: Sitting) {
    field.mend();
    let sitting = settled(&field);
    assert!(sitting.token > former.token);
    assert_eq!(field.observer.violations(), Vec::<String>::new());
}

#[test]
fn s50_a_leader_that_is_killed_has_a_successor() {
    let mut field = Field::open();
    let former = settled(&field);
    let name = field.candidates[former.leader].name().to_owned();
    let left = workers(&field, former.leader);
    assert_eq!(left.len(), 2);
    let since = now();
    field.candidates[former.leader].kill();
    field.observer.silence(Some(&name), since + LEASE);
    let reign = succeeded(&field, former, since);
    assert_ne!(reign.master, name);
    assert!(!left.into_iter().any(Process::is_alive));
    well(field, former);
}

#[test]
fn s50_a_leader_that_is_stopped_has_no_worker_past_its_deadline() {
    let field = Field::open();
    let former = settled(&field);
    let candidate = &field.candidates[former.leader];
    let (name, master) = (candidate.name().to_owned(), candidate.master().unwrap());
    let left = workers(&field, former.leader);
    let guard = candidate.sandbox.status()["guard_pid"].as_i64().unwrap();
    let guard = Process::find(guard as i32).unwrap();
    until("the guard comes before all others", || guard.real_time_priority() == Some(1));
    let since = now();
    candidate.signal(Signal::SIGSTOP);
    field.observer.silence(Some(&name), since + LEASE);
    succeeded(&field, former, since);
    assert!(master.is_stopped());
    assert!(!left.into_iter().any(Process::is_alive), "it can't have ended them itself");
    well(field, former);
}

#[test]
fn s50_a_leader_that_is_cut_off_ends_its_workers_and_stands_by() {
    let field = Field::open();
    let former = settled(&field);
    let candidate = &field.candidates[former.leader];
    let (name, master) = (candidate.name().to_owned(), candidate.master().unwrap());
    let since = now();
    field.network.cut(former.leader, 0..COUNT, Cut::Silent);
    field.observer.silence(Some(&name), since + LEASE);
    succeeded(&field, former, since);
    let status = candidate.sandbox.status();
    assert_eq!(status["role"], "standby", "{status}");
    assert!(workers(&field, former.leader).is_empty(), "{status}");
    assert!(master.is_alive());
    well(field, former);
}

#[test]
fn s50_without_etcd_nobody_leads_and_with_it_somebody_does() {
    let mut field = Field::open();
    let former = settled(&field);
    for member in 0..COUNT {
        field.cluster.kill(member);
    }
    let over = now() + LEASE;
    field.observer.silence(None, over);
    for candidate in &field.candidates {
        until("it answers, and stands by", || candidate.role().as_deref() == Some("standby"));
    }
    until("the lease is over", || now() >= over + LEASE / 4);
    for master in 0..COUNT {
        assert_eq!(workers(&field, master), []);
    }
    let reign = field.observer.reign_of(former.token).unwrap();
    assert!(reign.last < over && field.observer.successor(former.token).is_none());
    well(field, former);
}

#[test]
fn s50_who_resigns_or_stops_is_succeeded_at_once() {
    let mut field = Field::open();
    for words in [["leader", "resign"].as_slice(), &["stop"]] {
        let former = settled(&field);
        let candidate = &field.candidates[former.leader];
        let since = now();
        candidate.sandbox.ok(words);
        let reign = succeeded(&field, former, since);
        assert_ne!(reign.master, candidate.name());
        let took = reign.first.saturating_sub(since);
        assert!(took < LEASE / 2, "nobody waited for the lease to run out, which took {took:?}");
        field.mend();
    }
    let former = Sitting { leader: 0, token: 0 };
    well(field, former);
}

#[test]
fn s50_an_elector_that_is_stopped_does_not_keep_workers_alive() {
    let mut field = Field::open();
    let former = settled(&field);
    let since = now();
    field.signal_elector(former.leader, Signal::SIGSTOP);
    succeeded(&field, former, since);
    well(field, former);
}
