//! Campaigns in a real etcd.

#[path = "../common/mod.rs"]
mod common;
mod server;
#[cfg(feature = "tls")]
mod tls;

use std::time::Duration;

use common::{Runner, within};
use nix::sys::signal::Signal;
use ph_leader::{Campaign, Command, EtcdStore, Event, Instant, Options};
use server::Etcd;

const TTL: Duration = Duration::from_secs(2);
/// What a successor may take after a lease has run out.
const AFTER: Duration = Duration::from_secs(2);
/// Less than a lease, on a busy machine and a slow disk too.
const MOMENT: Duration = Duration::from_millis(1_500);

fn runner(name: &str, etcd: &Etcd) -> Runner {
    Runner::start(name, etcd.store(), TTL)
}

fn follows(runner: &mut Runner, of: &str) {
    runner.hears_until(|event| *event == Event::Follower { of: of.to_owned() });
}

#[test]
fn one_leads_and_the_next_follows_within_a_moment_of_its_resignation() {
    let etcd = Etcd::start();
    let mut first = ("first", runner("first", &etcd));
    let mut token = first.1.leads();
    let mut second = ("second", runner("second", &etcd));
    follows(&mut second.1, first.0);
    for _ in 0..3 {
        first.1.campaign.command(Command::Resign);
        let (next, took) = within(|| second.1.leads());
        assert!(next > token, "{token}, then {next}");
        assert!(took < MOMENT, "the successor took {took:?}");
        follows(&mut first.1, second.0);
        token = next;
        std::mem::swap(&mut first, &mut second);
    }
    let ((), took) = within(|| first.1.stop());
    assert!(took < MOMENT, "the stop took {took:?}");
    assert!(second.1.leads() > token);
}

#[test]
fn a_leader_renews_for_as_long_as_it_is_answered() {
    let etcd = Etcd::start();
    let (mut first, token, second) = led(&etcd);
    let second = stands_by(second);
    let begun = std::time::Instant::now();
    while begun.elapsed() < 2 * TTL {
        assert_eq!(first.leads(), token);
        assert!(first.campaign.leading().is_some());
    }
    first.answers = false;
    let Event::Leader { deadline, .. } = first.hears_until(|event| *event == Event::Unknown) else {
        panic!("it led until then");
    };
    assert!(Instant::now() >= deadline && first.campaign.leading().is_none());
    let (next, since) = second.join().unwrap();
    let took = since.saturating_since(deadline);
    assert!(next > token && since > deadline && took < AFTER, "{next} after {took:?}");
}

#[test]
fn a_lease_that_etcd_ends_too_early_makes_no_second_leader() {
    let etcd = Etcd::start();
    let (mut first, token, mut second) = led(&etcd);
    assert_eq!(first.leads(), token, "renewed");
    let standing = first.campaign.standing().expect("it leads");
    // It renews no more, and works on until its deadline.
    etcd.must("lease/revoke", &format!(r#"{{"ID":"{}"}}"#, standing.lease));
    // The other knows of the renewal when it knows of the end. It is to know of it for longer than who comes later, by half a
    // term, and does nothing in that.
    second.hears_until(|event| *event == Event::Unknown);
    second.hears_nothing_for(standing.deadline.saturating_since(Instant::now()) / 2);
    let second = stands_by(second);
    let mut newcomer = runner("newcomer", &etcd);
    assert_eq!(newcomer.hears(), Event::Unknown);
    let newcomer = stands_by(newcomer);
    let (next, since) = second.join().unwrap();
    assert!(next > token && since > standing.deadline, "{next} at {since:?}, {standing:?}");
    let took = since.saturating_since(standing.deadline);
    assert!(took < AFTER, "as soon as the term is over; it took {took:?}");
    // Who has just come could not know how long ago the renewal was.
    assert!(newcomer.join().unwrap().0 > next, "the former one is gone, with its thread");
}

/// Two candidates: the first leads, under this token, and the second follows.
fn led(etcd: &Etcd) -> (Runner, u64, Runner) {
    let mut first = runner("first", etcd);
    let token = first.leads();
    let mut second = runner("second", etcd);
    follows(&mut second, "first");
    (first, token, second)
}

/// The token under which it leads, and since when; its store is watched meanwhile.
fn stands_by(mut runner: Runner) -> std::thread::JoinHandle<(u64, Instant)> {
    std::thread::spawn(move || (runner.leads(), Instant::now()))
}

#[test]
fn a_leader_that_dies_has_a_successor_when_its_lease_is_over() {
    let etcd = Etcd::start();
    let (first, token, mut second) = led(&etcd);
    drop(first);
    let (next, took) = within(|| second.leads());
    assert!(next > token && took < TTL + AFTER, "{next} after {took:?}");
}

#[test]
fn another_campaign_goes_on_with_what_a_leader_had() {
    let etcd = Etcd::start();
    let mut first = runner("app", &etcd);
    let token = first.leads();
    let standing = first.campaign.standing().expect("it leads");
    drop(first);
    let options = Options::new("app", TTL).unwrap();
    let mut second = Runner::of(Campaign::resume(etcd.store(), options, standing).unwrap());
    assert_eq!(second.hears(), Event::Leader { token, deadline: standing.deadline });
    let Event::Leader { token: renewed, deadline } = second.hears() else { panic!("it renews") };
    assert!(renewed == token && deadline > standing.deadline);
}

#[test]
fn while_etcd_stands_still_nobody_leads_past_the_deadline() {
    let etcd = Etcd::start();
    let mut runner = runner("only", &etcd);
    let token = runner.leads();
    etcd.signal(Signal::SIGSTOP);
    let standing = runner.campaign.standing().expect("it leads");
    // An answer may have been on its way.
    let deadline = match runner.hears_until(|event| *event == Event::Unknown) {
        Event::Leader { deadline, .. } => deadline,
        _ => standing.deadline,
    };
    assert!(Instant::now() >= deadline && runner.campaign.leading().is_none());
    assert!(runner.trouble().contains("it does not answer in time"));
    etcd.signal(Signal::SIGCONT);
    assert!(runner.leads() > token);
}

#[test]
fn a_killed_etcd_ends_a_leadership_that_goes_on_by_itself_when_it_is_back() {
    let mut etcd = Etcd::start();
    let mut runner = runner("only", &etcd);
    let token = runner.leads();
    etcd.kill();
    let told = runner.trouble();
    assert!(told.contains("cannot ask etcd at") && told.contains("refused"), "{told}");
    runner.hears_until(|event| *event == Event::Unknown);
    etcd.launch();
    assert!(runner.leads() > token);
}

#[test]
fn an_etcd_that_is_not_there_yet_is_waited_for() {
    let mut etcd = Etcd::described();
    let mut runner = runner("only", &etcd);
    let told = runner.trouble();
    assert!(told.contains(&etcd.address()) && told.contains("refused"), "{told}");
    assert_eq!(runner.hears(), Event::Unknown);
    etcd.spawn();
    runner.leads();
}

#[test]
fn the_next_member_is_asked_when_one_does_not_answer() {
    let etcd = Etcd::start();
    let nowhere = Etcd::described();
    let store = EtcdStore::new(&[nowhere.address(), etcd.address()], "app").unwrap();
    Runner::start("only", store, TTL).leads();
}

#[test]
fn a_value_that_no_candidate_put_is_waited_out() {
    let etcd = Etcd::start();
    etcd.must("kv/put", r#"{"key":"YXBw","value":"Zm9yZWlnbg=="}"#);
    let mut runner = runner("only", &etcd);
    let told = runner.trouble();
    assert!(
        told.contains(r#"the key "app" in etcd holds "foreign", which no candidate put there"#),
        "{told}"
    );
    assert_eq!(runner.hears(), Event::Unknown);
    etcd.must("kv/deleterange", r#"{"key":"YXBw"}"#);
    runner.leads();
}

#[test]
fn a_key_that_is_deleted_or_overwritten_ends_the_leadership() {
    let etcd = Etcd::start();
    let mut runner = runner("only", &etcd);
    let token = runner.leads();
    etcd.must("kv/deleterange", r#"{"key":"YXBw"}"#);
    runner.hears_until(|event| *event == Event::Unknown);
    assert!(runner.trouble().contains("taken away"));
    let next = runner.leads();
    assert!(next > token);

    etcd.must("kv/put", r#"{"key":"YXBw","value":"Zm9yZWlnbg=="}"#);
    runner.hears_until(|event| *event == Event::Unknown);
    runner.trouble();
    assert!(runner.trouble().contains("which no candidate put there"));
    etcd.must("kv/deleterange", r#"{"key":"YXBw"}"#);
    assert!(runner.leads() > next);
}

#[test]
fn users_are_known_by_their_password() {
    // etcd takes its time over a password, by design.
    const PATIENT: Duration = Duration::from_secs(8);
    let etcd = Etcd::start();
    // Nobody is asked for one yet, so any is good.
    let mut early = Runner::start("early", etcd.store().user("u", "wrong"), PATIENT);
    early.leads();
    early.stop();
    etcd.must("auth/user/add", r#"{"name":"root","password":"secret"}"#);
    etcd.must("auth/user/add", r#"{"name":"u","password":"p"}"#);
    etcd.must("auth/role/add", r#"{"name":"root"}"#);
    etcd.must("auth/user/grant", r#"{"user":"root","role":"root"}"#);
    etcd.must("auth/user/add", r#"{"name":"two","password":"keys"}"#);
    etcd.must("auth/role/add", r#"{"name":"two"}"#);
    etcd.must("auth/user/grant", r#"{"user":"two","role":"two"}"#);
    // `app` and `app/last-leader`
    for key in ["YXBw", "YXBwL2xhc3QtbGVhZGVy"] {
        let permission = format!(r#"{{"permType":"READWRITE","key":"{key}"}}"#);
        etcd.must("auth/role/grant", &format!(r#"{{"name":"two","perm":{permission}}}"#));
    }
    etcd.must("auth/enable", "{}");

    let mut entitled = Runner::start("entitled", etcd.store().user("two", "keys"), PATIENT);
    let token = entitled.leads();
    assert_eq!(entitled.leads(), token, "the two keys are enough for a renewal");
    entitled.stop();

    let mut wrong = Runner::start("wrong", etcd.store().user("root", "wrong"), PATIENT);
    let told = wrong.trouble();
    assert!(told.contains(r#"does not take the name and password of the user "root""#), "{told}");
    let mut nobody = Runner::start("nobody", etcd.store(), PATIENT);
    let told = nobody.trouble();
    assert!(told.contains("asks for a user"), "{told}");
    let mut unentitled = Runner::start("unentitled", etcd.store().user("u", "p"), PATIENT);
    let told = unentitled.trouble();
    assert!(told.contains("permission denied"), "{told}");

    let mut right = Runner::start("right", etcd.store().user("root", "secret"), PATIENT);
    let token = right.leads();
    assert_eq!(right.leads(), token, "the lease is renewed as that user");
    let mut next = Runner::start("next", etcd.store().user("root", "secret"), PATIENT);
    follows(&mut next, "right");
    right.campaign.command(Command::Resign);
    let (_, took) = within(|| next.leads());
    assert!(took < MOMENT, "the watch is that user's too; it took {took:?}");
    for campaign in [&wrong.campaign, &nobody.campaign, &unentitled.campaign] {
        assert!(campaign.leading().is_none());
    }
}
