//! Reloads to a generation that boots and is no good, and what a reload leaves to those who were there before.

use std::time::{Duration, Instant};

use ph_core::arbiter::{
    Action, Arbiter, Cause, Event, ExitStatus, Note, Outcome, Policy, Ticket, Verdict, WorkerKey,
};

use super::{deaths, running, spawned, steady_policy, verdicts};

const CRASH: ExitStatus = ExitStatus::Code(1);

/// Asks for a reload to this policy; the canary.
fn reload(arbiter: &mut Arbiter, now: Instant, policy: Policy) -> WorkerKey {
    arbiter.step(now, Event::Reload { asked: Some(Ticket(1)) });
    let actions = arbiter.step(now, Event::ConfigRead(Ok(policy)));
    let canary = spawned(&actions);
    assert_eq!(canary.len(), 1, "{actions:?}");
    canary[0]
}

/// Feeds it, and reaps whoever was asked to leave; the workers that are made meanwhile.
fn and_reap(arbiter: &mut Arbiter, now: Instant, event: Event) -> (Vec<Action>, Vec<WorkerKey>) {
    let mut all = arbiter.step(now, event);
    let mut at = 0;
    while at < all.len() {
        if let Action::Stop { worker, .. } = all[at] {
            all.extend(arbiter.step(now, Event::Exited { worker, status: ExitStatus::Code(0) }));
        }
        at += 1;
    }
    let made = spawned(&all);
    (all, made)
}

/// Each worker of the new generation is ready, and crashes before the other one is.
#[test]
fn workers_that_crash_again_and_again_after_they_were_ready_fail_a_reload() {
    let (mut arbiter, now) = running(steady_policy(2));
    let mut boots = vec![reload(&mut arbiter, now, steady_policy(2))];
    let mut verdict = Vec::new();
    for _ in 0..10 {
        let Some(worker) = boots.pop() else { break };
        let (actions, made) = and_reap(&mut arbiter, now, Event::Ready { worker });
        verdict.extend(verdicts(&actions));
        boots.extend(made);
        let (actions, made) = and_reap(&mut arbiter, now, Event::Exited { worker, status: CRASH });
        verdict.extend(verdicts(&actions));
        boots.extend(made);
    }
    let [Verdict::Failed { code: 5, reason }] = &verdict[..] else { panic!("{verdict:?}") };
    assert!(reason.contains("was ready and ended again soon after (crash)"), "{reason}");
    // Whoever is made from here on is of the generation that was there before.
    let mut now = now;
    while arbiter.ready() < 2 {
        now = arbiter.next_deadline().map_or(now, |at| at.max(now));
        boots.extend(spawned(&arbiter.step(now, Event::Tick)));
        for worker in std::mem::take(&mut boots) {
            boots.extend(and_reap(&mut arbiter, now, Event::Ready { worker }).1);
        }
    }
    assert!(arbiter.snapshot(now).workers.iter().all(|row| row.generation == 1));
}

/// Once may be chance.
#[test]
fn one_crash_of_a_ready_worker_does_not_fail_a_reload() {
    let (mut arbiter, now) = running(steady_policy(2));
    let canary = reload(&mut arbiter, now, steady_policy(2));
    let (_, mut boots) = and_reap(&mut arbiter, now, Event::Ready { worker: canary });
    let actions = arbiter.step(now, Event::Exited { worker: canary, status: CRASH });
    boots.extend(spawned(&actions));
    let mut verdict = verdicts(&actions);
    while let Some(worker) = boots.pop() {
        let (actions, made) = and_reap(&mut arbiter, now, Event::Ready { worker });
        verdict.extend(verdicts(&actions));
        boots.extend(made);
    }
    assert_eq!(verdict, [Verdict::Done]);
}

/// All were ready once, and never together.
#[test]
fn a_start_waits_for_each_worker_to_have_been_ready_once() {
    let now = Instant::now();
    let mut arbiter = Arbiter::new(steady_policy(2), now, 7);
    let first = spawned(&arbiter.step(now, Event::Start));
    for worker in first {
        assert_eq!(arbiter.state(now), "starting");
        arbiter.step(now, Event::Ready { worker });
        if worker.slot == 0 {
            arbiter.step(now, Event::Exited { worker, status: CRASH });
        }
    }
    assert_eq!(arbiter.state(now), "running");
}

/// It was told of that limit, and may feed its watchdog accordingly.
#[test]
fn a_worker_keeps_the_timeout_that_it_was_born_with() {
    let limited =
        |seconds| Policy { timeout: Some(Duration::from_secs(seconds)), ..steady_policy(1) };
    let (mut arbiter, start) = running(limited(100));
    let old = WorkerKey { slot: 0, serial: 1 };
    let later = start + Duration::from_secs(10);
    let new = reload(&mut arbiter, later, limited(3));
    let busy = |worker| Event::Busy { worker, since: start, shared: false };
    assert_eq!(arbiter.step(later, busy(old)), []);
    arbiter.step(later, Event::Ready { worker: new });
    // Three seconds are over for the new one, and found to be.
    let mut now = later;
    let mut scans = 0;
    while now < later + Duration::from_secs(4) {
        now = arbiter.next_deadline().expect("a look at the requests");
        for action in arbiter.step(now, Event::Tick) {
            scans += usize::from(action == Action::Scan);
        }
    }
    assert!(scans >= 4, "{scans}");
    let actions = arbiter.step(now, Event::Busy { worker: new, since: later, shared: false });
    let killed = |action: &Action| matches!(action, Action::Tell(Note::Killing { worker, cause: Cause::Timeout(_) }) if *worker == new);
    assert!(actions.iter().any(killed), "{actions:?}");
    assert_eq!(deaths(&actions), []);
}

/// It is as it was before: neither recovered nor worse.
#[test]
fn a_failed_reload_leaves_a_degraded_master_degraded() {
    let (mut arbiter, mut now) = running(steady_policy(1));
    let mut worker = WorkerKey { slot: 0, serial: 1 };
    for _ in 0..5 {
        let mut actions = arbiter.step(now, Event::Exited { worker, status: CRASH });
        while spawned(&actions).is_empty() {
            now = arbiter.next_deadline().expect("it is tried again");
            actions = arbiter.step(now, Event::Tick);
        }
        worker = spawned(&actions)[0];
    }
    arbiter.step(now, Event::Exited { worker, status: CRASH });
    assert_eq!(arbiter.state(now), "degraded");
    let wait = arbiter.next_deadline();
    let canary = reload(&mut arbiter, now, steady_policy(1));
    let actions = arbiter.step(now, Event::Exited { worker: canary, status: CRASH });
    assert!(matches!(verdicts(&actions)[..], [Verdict::Failed { code: 5, .. }]), "{actions:?}");
    assert_eq!(arbiter.state(now), "degraded");
    assert_eq!(spawned(&actions), [], "it waits as long as before");
    assert_eq!(arbiter.next_deadline(), wait);
}

/// The master that it was to succeed goes on instead.
#[test]
fn a_successor_whose_workers_crash_again_and_again_gives_up() {
    let now = Instant::now();
    let mut arbiter = Arbiter::succeeding(steady_policy(2), 3, None, now, 7);
    let first = spawned(&arbiter.step(now, Event::Start));
    let (mut worker, other) = (first[0], first[1]);
    for _ in 0..2 {
        arbiter.step(now, Event::Ready { worker });
        let actions = arbiter.step(now, Event::Exited { worker, status: CRASH });
        worker = spawned(&actions).first().copied().unwrap_or(worker);
    }
    let actions = arbiter.step(now, Event::Exited { worker: other, status: CRASH });
    let gave_up = |action: &Action| matches!(action, Action::Exit(Outcome::BootFailed(reason)) if reason.contains("was ready"));
    assert!(actions.iter().any(gave_up), "{actions:?}");
}
