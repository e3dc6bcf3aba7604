//! Workers above `max_memory`.

use std::time::{Duration, Instant};

use ph_core::arbiter::{Action, Arbiter, Event, ExitStatus, Note, Policy, Why, WorkerKey};

use super::{running, spawned, steady_policy};

const LIMIT: u64 = 100;

fn limited(number_workers: u32) -> Policy {
    Policy { max_memory: Some(LIMIT), ..steady_policy(number_workers) }
}

/// Waits for the next look, and says that everyone who is looked at takes so much; what follows, and when.
fn weigh(arbiter: &mut Arbiter, bytes: u64) -> (Vec<Action>, Instant) {
    let now = arbiter.next_deadline().expect("a look");
    let actions = arbiter.step(now, Event::Tick);
    let Some(Action::Weigh(workers)) = actions.last() else { panic!("no look: {actions:?}") };
    let weights = workers.iter().map(|worker| (*worker, bytes)).collect();
    (arbiter.step(now, Event::Weighed(weights)), now)
}

/// Three looks that find everyone above the limit.
fn weigh_thrice(arbiter: &mut Arbiter) -> (Vec<Action>, Instant) {
    weigh(arbiter, LIMIT + 1);
    weigh(arbiter, LIMIT + 1);
    weigh(arbiter, LIMIT + 1)
}

fn stopped(actions: &[Action]) -> Vec<WorkerKey> {
    let stop = |action: &Action| match action {
        Action::Stop { worker, .. } => Some(*worker),
        _ => None,
    };
    actions.iter().filter_map(stop).collect()
}

#[test]
fn three_looks_above_the_limit_are_too_many() {
    let (mut arbiter, start) = running(limited(1));
    // A peak that ends before the third look is forgotten.
    for bytes in [LIMIT + 1, LIMIT + 1, LIMIT, LIMIT + 1, LIMIT + 1, LIMIT] {
        assert_eq!(spawned(&weigh(&mut arbiter, bytes).0), []);
    }
    let calm = arbiter.next_deadline().expect("the next look");
    let (actions, now) = weigh_thrice(&mut arbiter);
    assert!(now > start && now - calm <= Duration::from_millis(500), "{:?}", now - calm);
    let (old, new) = (WorkerKey { slot: 0, serial: 1 }, WorkerKey { slot: 0, serial: 2 });
    assert_eq!((spawned(&actions), stopped(&actions)), (vec![new], vec![]), "new before old");
    let actions = arbiter.step(now, Event::Ready { worker: new });
    let why = Action::Tell(Note::Retiring { slot: 0, why: Why::MaxMemory });
    assert!(actions.contains(&why) && stopped(&actions) == [old], "{actions:?}");
}

/// However much room there is: an exchange ends when the old one has gone.
#[test]
fn memory_replaces_one_worker_at_a_time() {
    let (mut arbiter, _) = running(Policy { max_surge: 4, ..limited(3) });
    let (mut actions, now) = weigh_thrice(&mut arbiter);
    for slot in 0..3 {
        let new = WorkerKey { slot, serial: u64::from(slot) + 4 };
        assert_eq!(spawned(&actions), [new]);
        let ready = arbiter.step(now, Event::Ready { worker: new });
        let worker = WorkerKey { slot, serial: u64::from(slot) + 1 };
        assert_eq!((stopped(&ready), spawned(&ready)), (vec![worker], vec![]));
        actions = arbiter.step(now, Event::Exited { worker, status: ExitStatus::Code(0) });
    }
    assert_eq!(spawned(&actions), []);
}

/// The place of one that stops first is filled before the next one stops, whatever may be missing.
#[test]
fn memory_without_surge_waits_for_the_successor() {
    let policy = Policy { max_surge: 0, max_unavailable: 3, ..limited(3) };
    let (mut arbiter, _) = running(policy);
    let (actions, now) = weigh_thrice(&mut arbiter);
    let worker = WorkerKey { slot: 0, serial: 1 };
    assert_eq!(stopped(&actions), [worker]);
    let actions = arbiter.step(now, Event::Exited { worker, status: ExitStatus::Code(0) });
    let worker = spawned(&actions)[0];
    assert_eq!(stopped(&actions), []);
    let next = WorkerKey { slot: 1, serial: 2 };
    assert_eq!(stopped(&arbiter.step(now, Event::Ready { worker })), [next]);
}

/// Neither one that may drain for ever nor one whose successor can't boot keeps the others from their turn.
#[test]
fn memory_is_not_held_up_by_one_slot() {
    let (mut arbiter, _) = running(Policy { graceful_timeout: None, ..limited(2) });
    let (actions, now) = weigh_thrice(&mut arbiter);
    let actions = arbiter.step(now, Event::Ready { worker: spawned(&actions)[0] });
    assert_eq!(spawned(&actions)[0].slot, 1, "{actions:?}");

    let (mut arbiter, _) = running(limited(2));
    let (actions, now) = weigh_thrice(&mut arbiter);
    let (worker, status) = (spawned(&actions)[0], ExitStatus::Code(70));
    let actions = arbiter.step(now, Event::Exited { worker, status });
    assert_eq!(spawned(&actions)[0].slot, 1, "{actions:?}");
}

/// No limit, no look; one that a reload brings holds for those who are there already.
#[test]
fn a_reload_brings_the_limit_at_once() {
    let (mut arbiter, now) = running(steady_policy(1));
    assert_eq!(arbiter.next_deadline(), None);
    arbiter.step(now, Event::Reload { asked: None });
    arbiter.step(now, Event::ConfigRead(Ok(limited(1))));
    let actions = arbiter.step(now + Duration::from_secs(1), Event::Tick);
    assert!(actions.contains(&Action::Weigh(vec![WorkerKey { slot: 0, serial: 1 }])));
}
