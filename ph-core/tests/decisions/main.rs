//! Single decisions, each a short history with one point.

mod asked;
mod broken;
mod causes;
mod leadership;
mod memory;
mod reload;
mod settling;
mod zygote;

use std::time::{Duration, Instant};

use ph_core::arbiter::{
    Action, Arbiter, Cause, Event, ExitStatus, Note, Policy, ScaleBy, Slots, Speed, Ticket,
    Verdict, WorkerKey,
};

/// The causes of the ends that these actions tell.
fn deaths(actions: &[Action]) -> Vec<Cause> {
    let cause = |action: &Action| match action {
        Action::Tell(Note::Died(death)) => Some(death.cause.clone()),
        _ => None,
    };
    actions.iter().filter_map(cause).collect()
}

fn steady_policy(number_workers: u32) -> Policy {
    Policy {
        number_workers,
        band: None,
        boot_timeout: Some(Duration::from_secs(30)),
        ready_after: None,
        timeout: None,
        graceful_timeout: Some(Duration::from_secs(3)),
        max_lifetime: None,
        max_memory: None,
        max_surge: 1,
        max_unavailable: 0,
        restart_backoff: Duration::from_millis(100),
        restart_backoff_max: Duration::from_secs(30),
        crash_limit: Some(4),
        lease: None,
    }
}

fn spawned(actions: &[Action]) -> Vec<WorkerKey> {
    actions
        .iter()
        .filter_map(|action| match action {
            Action::Spawn { worker, .. } => Some(*worker),
            _ => None,
        })
        .collect()
}

fn verdicts(actions: &[Action]) -> Vec<Verdict> {
    actions
        .iter()
        .filter_map(|action| match action {
            Action::Answer { verdict, .. } => Some(verdict.clone()),
            _ => None,
        })
        .collect()
}

/// A running arbiter whose workers are all ready, and the instant it became so.
fn running(policy: Policy) -> (Arbiter, Instant) {
    let now = Instant::now();
    let mut arbiter = Arbiter::new(policy, now, 7);
    let booted = arbiter.step(now, Event::Start);
    for worker in spawned(&booted) {
        arbiter.step(now, Event::Ready { worker });
    }
    assert_eq!(arbiter.state(now), "running");
    (arbiter, now)
}

#[test]
fn crashes_in_boot_are_bounded_by_the_back_off() {
    let (mut arbiter, start) = running(steady_policy(1));
    let died = ExitStatus::Signal { signal: 9, core: false };
    let mut worker = WorkerKey { slot: 0, serial: 1 };
    let mut now = start;
    let mut forks = 0;
    while now < start + Duration::from_secs(600) {
        let mut actions = arbiter.step(now, Event::Exited { worker, status: died });
        while spawned(&actions).is_empty() {
            now = arbiter.next_deadline().expect("a crashed slot is tried again");
            actions = arbiter.step(now, Event::Tick);
        }
        worker = spawned(&actions)[0];
        forks += 1;
    }
    // 100 ms doubled nine times passes 30 s; then one each 30 s: 1 + 9 + 600/30, and a little.
    assert!((20..=34).contains(&forks), "{forks} forks in ten minutes");
    assert_eq!(arbiter.state(now), "degraded");
    arbiter.step(now, Event::Ready { worker });
    assert_eq!(arbiter.state(now + Duration::from_millis(999)), "degraded");
    let steady = now + Duration::from_secs(1);
    assert_eq!(arbiter.state(steady), "running");
    // The row is over: the next crash is a first one again.
    let actions = arbiter.step(steady, Event::Exited { worker, status: died });
    assert_eq!(spawned(&actions).len(), 1);
}

#[test]
fn the_first_crash_of_a_ready_worker_is_free() {
    let (mut arbiter, now) = running(steady_policy(1));
    let worker = WorkerKey { slot: 0, serial: 1 };
    let status = ExitStatus::Code(1);
    let actions = arbiter.step(now, Event::Exited { worker, status });
    let next = spawned(&actions)[0];
    arbiter.step(now, Event::Ready { worker: next });
    let actions = arbiter.step(now, Event::Exited { worker: next, status });
    assert_eq!(spawned(&actions), []);
    let wait = arbiter.next_deadline().expect("a wait") - now;
    assert!(wait >= Duration::from_millis(100) && wait <= Duration::from_millis(125), "{wait:?}");
}

#[test]
fn a_failed_canary_leaves_the_old_generation_whole() {
    let (mut arbiter, now) = running(steady_policy(3));
    let asked = Some(Ticket(1));
    let actions = arbiter.step(now, Event::Reload { asked });
    assert!(matches!(actions[..], [Action::Tell(_), Action::ReadConfig]), "{actions:?}");
    let actions = arbiter.step(now, Event::ConfigRead(Ok(steady_policy(5))));
    let canary = spawned(&actions);
    assert_eq!(canary.len(), 1, "one canary: {actions:?}");
    let status = ExitStatus::Code(70);
    let actions = arbiter.step(now, Event::Exited { worker: canary[0], status });
    assert!(matches!(verdicts(&actions)[..], [Verdict::Failed { code: 5, .. }]), "{actions:?}");
    assert!(!actions.iter().any(|action| matches!(action, Action::Stop { .. })));
    assert_eq!((arbiter.wanted(), arbiter.generation()), (3, 1));
}

#[test]
fn a_reload_rolls_new_before_old() {
    let (mut arbiter, now) = running(steady_policy(2));
    arbiter.step(now, Event::Scale { asked: None, by: ScaleBy::To(3) });
    arbiter.step(now, Event::Ready { worker: WorkerKey { slot: 2, serial: 3 } });
    arbiter.step(now, Event::Reload { asked: Some(Ticket(1)) });
    let mut actions = arbiter.step(now, Event::ConfigRead(Ok(steady_policy(2))));
    for slot in 0..3 {
        let worker = spawned(&actions)[0];
        assert_eq!(worker.slot, slot);
        actions = arbiter.step(now, Event::Ready { worker });
        let old = WorkerKey { slot, serial: u64::from(slot) + 1 };
        assert!(actions.contains(&Action::Stop { worker: old, speed: Speed::Graceful }));
    }
    assert_eq!(verdicts(&actions), [Verdict::Done]);
    assert_eq!(arbiter.wanted(), 3, "the operator's number stays");
}

/// A reload makes the successor stale while it boots; its predecessor leaves all the same, and makes room for the canary.
#[test]
fn a_reload_in_the_middle_of_a_replacement_goes_on() {
    let (mut arbiter, now) = running(steady_policy(2));
    let old = WorkerKey { slot: 0, serial: 1 };
    let successor = spawned(&arbiter.step(now, Event::Recycle { worker: old }))[0];
    arbiter.step(now, Event::Reload { asked: Some(Ticket(1)) });
    let actions = arbiter.step(now, Event::ConfigRead(Ok(steady_policy(2))));
    assert_eq!(spawned(&actions), [], "there is no room yet");
    let mut actions = arbiter.step(now, Event::Ready { worker: successor });
    assert!(actions.contains(&Action::Stop { worker: old, speed: Speed::Graceful }));
    for _ in 0..2 {
        let worker = spawned(&actions)[0];
        actions = arbiter.step(now, Event::Ready { worker });
    }
    assert_eq!(verdicts(&actions), [Verdict::Done]);
}

#[test]
fn a_gap_in_the_masters_clock_kills_nobody() {
    let (mut arbiter, now) = running(steady_policy(1));
    let restarted = arbiter.step(now, Event::Restart { asked: None, slots: Slots::All });
    assert_eq!(spawned(&restarted).len(), 1);
    let actions = arbiter.step(now + Duration::from_secs(3600), Event::Tick);
    assert!(!actions.iter().any(|action| matches!(action, Action::Kill { .. })), "{actions:?}");
    let deadline = arbiter.next_deadline().expect("the boot still has a limit");
    assert!(deadline > now + Duration::from_secs(3600));
}

#[test]
fn a_late_request_is_found_after_any_pause() {
    let limit = Duration::from_millis(200);
    let (mut arbiter, start) = running(Policy { timeout: Some(limit), ..steady_policy(1) });
    let mut worker = WorkerKey { slot: 0, serial: 1 };
    let mut now = start;
    for _ in 0..4 {
        let began = now;
        let mut killed = false;
        while !killed {
            now = arbiter.next_deadline().expect("a ready worker is looked at");
            assert!(now <= began + limit + Duration::from_millis(2), "not found in time");
            let scan = arbiter.step(now, Event::Tick).contains(&Action::Scan);
            let seen = if scan {
                arbiter.step(now, Event::Busy { worker, since: began, shared: false })
            } else {
                vec![]
            };
            killed = seen.contains(&Action::Kill { worker });
        }
        let status = ExitStatus::Signal { signal: 9, core: false };
        let mut actions = arbiter.step(now, Event::Exited { worker, status });
        while spawned(&actions).is_empty() && spawned_none_alive(&arbiter) {
            now = arbiter.next_deadline().expect("it is replaced");
            actions = arbiter.step(now, Event::Tick);
        }
        worker = newest(&arbiter, now);
        arbiter.step(now, Event::Ready { worker });
    }
}

fn spawned_none_alive(arbiter: &Arbiter) -> bool {
    arbiter.snapshot(Instant::now()).workers.iter().all(|row| row.key.is_none())
}

fn newest(arbiter: &Arbiter, now: Instant) -> WorkerKey {
    let rows = arbiter.snapshot(now).workers;
    rows.iter().filter_map(|row| row.key).max().expect("a worker")
}

/// The old worker stands by while its successor can't boot: that is no sign of recovery.
#[test]
fn a_successor_that_cannot_boot_is_bounded_by_the_back_off() {
    let (mut arbiter, mut now) = running(steady_policy(2));
    now += Duration::from_secs(3600);
    let mut actions =
        arbiter.step(now, Event::Restart { asked: None, slots: Slots::These(vec![0]) });
    let until = now + Duration::from_secs(60);
    let mut forks = 0;
    while now < until {
        while spawned(&actions).is_empty() {
            now = arbiter.next_deadline().expect("it is tried again");
            actions = arbiter.step(now, Event::Tick);
        }
        forks += 1;
        let worker = spawned(&actions)[0];
        actions = arbiter.step(now, Event::Exited { worker, status: ExitStatus::Code(70) });
    }
    // 100 ms doubled: the ninth wait is past 25 s.
    assert!((8..=12).contains(&forks), "{forks} forks in a minute");
    assert_eq!(arbiter.state(now), "degraded");
}

/// With room for one at a time, the one that has been there longest goes first, whatever its slot.
#[test]
fn who_recycles_fast_does_not_starve_the_rest() {
    let (mut arbiter, now) = running(steady_policy(3));
    for serial in 1..=3 {
        arbiter.step(
            now,
            Event::Recycle { worker: WorkerKey { slot: serial - 1, serial: u64::from(serial) } },
        );
    }
    let mut order = Vec::new();
    let mut booting = WorkerKey { slot: 0, serial: 4 };
    for _ in 0..6 {
        order.push(booting.slot);
        let actions = arbiter.step(now, Event::Ready { worker: booting });
        let fast = arbiter.step(now, Event::Recycle { worker: booting });
        booting = *spawned(&actions).first().or(spawned(&fast).first()).expect("the next one");
    }
    assert_eq!(order, [0, 1, 2, 0, 1, 2]);
}

/// A verdict does not wait for a moment in which nobody happens to boot.
#[test]
fn a_scale_is_answered_under_steady_recycling() {
    let (mut arbiter, now) = running(steady_policy(4));
    arbiter.step(now, Event::Recycle { worker: WorkerKey { slot: 0, serial: 1 } });
    let fewer = Event::Scale { asked: Some(Ticket(1)), by: ScaleBy::To(3) };
    assert_eq!(verdicts(&arbiter.step(now, fewer)), [Verdict::Done]);
    let more = Event::Scale { asked: Some(Ticket(2)), by: ScaleBy::Relative(1) };
    let actions = arbiter.step(now, more);
    assert_eq!(verdicts(&actions), []);
    // Slot 0's successor boots on; what was asked for is slot 3.
    let key = newest(&arbiter, now);
    assert_eq!(key.slot, 3);
    assert_eq!(verdicts(&arbiter.step(now, Event::Ready { worker: key })), [Verdict::Done]);
}

#[test]
fn a_restart_brings_a_resting_master_back() {
    let (mut arbiter, now) = running(steady_policy(2));
    let waiting = Event::Restart { asked: Some(Ticket(1)), slots: Slots::All };
    arbiter.step(now, waiting);
    let actions = arbiter.step(now, Event::RetireAll);
    assert!(matches!(verdicts(&actions)[..], [Verdict::Failed { .. }]), "{actions:?}");
    let again = Event::Restart { asked: Some(Ticket(2)), slots: Slots::All };
    let keys = spawned(&arbiter.step(now, again));
    assert_eq!(keys.len(), 2);
    arbiter.step(now, Event::Ready { worker: keys[0] });
    let actions = arbiter.step(now, Event::Ready { worker: keys[1] });
    assert_eq!(verdicts(&actions), [Verdict::Done]);
}

/// The fault may be what the reload repairs: its canary does not wait for the former generation's back-off.
#[test]
fn a_reload_does_not_inherit_the_back_off() {
    let (mut arbiter, now) = running(steady_policy(1));
    let mut worker = WorkerKey { slot: 0, serial: 1 };
    for _ in 0..2 {
        let actions = arbiter.step(now, Event::Exited { worker, status: ExitStatus::Code(1) });
        worker = spawned(&actions).first().copied().unwrap_or(worker);
    }
    assert!(arbiter.snapshot(now).workers.iter().all(|row| row.state == "backoff"));
    arbiter.step(now, Event::Reload { asked: None });
    assert_eq!(spawned(&arbiter.step(now, Event::ConfigRead(Ok(steady_policy(1))))).len(), 1);
}

/// Signals hurry a stop; a second request for the same stop is no hurry.
#[test]
fn only_signals_make_a_stop_quicker() {
    let (mut arbiter, now) = running(steady_policy(1));
    let worker = WorkerKey { slot: 0, serial: 1 };
    let ask = |ticket| Event::Stop { asked: Some(Ticket(ticket)), speed: Speed::Graceful };
    let stop = Action::Stop { worker, speed: Speed::Graceful };
    assert!(arbiter.step(now, ask(1)).contains(&stop));
    assert!(!arbiter.step(now, ask(2)).iter().any(|it| matches!(it, Action::Stop { .. })));
    let signal = || Event::Stop { asked: None, speed: Speed::Graceful };
    assert!(arbiter.step(now, signal()).contains(&Action::Stop { worker, speed: Speed::Quick }));
    assert!(arbiter.step(now, signal()).contains(&Action::Kill { worker }));
    let actions = arbiter.step(now, Event::Exited { worker, status: ExitStatus::Code(0) });
    assert_eq!(verdicts(&actions), [Verdict::Done, Verdict::Done]);
}

/// A fork that is refused once does not end a start; one that is refused for as long as a boot may take does.
#[test]
fn a_start_is_patient_with_a_fork_that_is_refused() {
    let start = Instant::now();
    let mut arbiter = Arbiter::new(steady_policy(1), start, 7);
    let mut actions = arbiter.step(start, Event::Start);
    let mut now = start;
    loop {
        let worker = spawned(&actions)[0];
        actions = arbiter.step(now, Event::SpawnFailed { worker, reason: "no room".into() });
        if actions.iter().any(|action| matches!(action, Action::Exit(_))) {
            break;
        }
        now = arbiter.next_deadline().expect("it is tried again");
        actions = arbiter.step(now, Event::Tick);
    }
    let took = now - start;
    assert!(took >= Duration::from_secs(30) && took < Duration::from_secs(60), "{took:?}");
}

/// One stuck thread of several: a successor first, then a drain for the others, then the end that says why.
#[test]
fn a_late_request_among_others_is_drained_before_it_is_killed() {
    let limit = Duration::from_millis(200);
    let policy = Policy { timeout: Some(limit), ..steady_policy(1) };
    let (mut arbiter, began) = running(policy);
    let worker = WorkerKey { slot: 0, serial: 1 };
    let now = began + limit;
    let actions = arbiter.step(now, Event::Busy { worker, since: began, shared: true });
    assert!(!actions.contains(&Action::Kill { worker }), "{actions:?}");
    let successor = spawned(&actions)[0];
    let actions = arbiter.step(now, Event::Ready { worker: successor });
    assert!(actions.contains(&Action::Stop { worker, speed: Speed::Graceful }), "{actions:?}");
    let mut actions = Vec::new();
    while !actions.contains(&Action::Kill { worker }) {
        let now = arbiter.next_deadline().expect("a drain has a limit");
        assert!(now <= began + limit + Duration::from_secs(3), "beyond graceful_timeout");
        actions = arbiter.step(now, Event::Tick);
        if actions.contains(&Action::Scan) {
            arbiter.step(now, Event::Busy { worker, since: began, shared: true });
        }
    }
    let says_why = |action: &Action| {
        matches!(action, Action::Tell(Note::Killing { cause: Cause::Timeout(_), .. }))
    };
    assert!(actions.iter().any(says_why), "{actions:?}");
}

/// Two former generations drain: a third reload waits until one of them has gone.
#[test]
fn a_reload_waits_while_two_generations_drain() {
    let policy = Policy { graceful_timeout: None, ..steady_policy(1) };
    let (mut arbiter, now) = running(policy.clone());
    let mut reload = |ticket, now| {
        let asked = Some(Ticket(ticket));
        let read = arbiter.step(now, Event::Reload { asked });
        if !read.contains(&Action::ReadConfig) {
            return None;
        }
        let actions = arbiter.step(now, Event::ConfigRead(Ok(policy.clone())));
        let worker = spawned(&actions)[0];
        arbiter.step(now, Event::Ready { worker });
        Some(worker)
    };
    assert!(reload(1, now).is_some() && reload(2, now).is_some(), "the next is accepted at once");
    assert_eq!(reload(3, now), None, "two drain");
    let status = ExitStatus::Code(0);
    let worker = WorkerKey { slot: 0, serial: 1 };
    let actions = arbiter.step(now, Event::Exited { worker, status });
    assert!(actions.contains(&Action::ReadConfig), "{actions:?}");
}
