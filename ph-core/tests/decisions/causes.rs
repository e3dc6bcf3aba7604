//! What is said to be the cause of an end.

use std::time::Duration;

use ph_core::arbiter::{Cause, Event, ExitStatus, Policy, Slots, Why, WorkerKey};

use super::{deaths, running, spawned, steady_policy};

const FIRST: WorkerKey = WorkerKey { slot: 0, serial: 1 };

#[test]
fn the_kernel_s_want_of_memory_is_one_whatever_the_worker_was_at() {
    let status = ExitStatus::OutOfMemory;
    let (mut arbiter, now) = running(steady_policy(1));
    let actions = arbiter.step(now, Event::Exited { worker: FIRST, status });
    assert_eq!(deaths(&actions), [Cause::OutOfMemory]);
    // In its boot that is why it could not.
    let booting = spawned(&actions)[0];
    let actions = arbiter.step(now, Event::Exited { worker: booting, status });
    let said = "ended in boot with SIGKILL (out of memory)".to_owned();
    assert_eq!(deaths(&actions), [Cause::Boot(said)]);
    assert_eq!(arbiter.snapshot(now).totals.crashed, 2);

    let (mut arbiter, now) = running(steady_policy(1));
    let restart = Event::Restart { asked: None, slots: Slots::All };
    let successor = spawned(&arbiter.step(now, restart))[0];
    arbiter.step(now, Event::Ready { worker: successor });
    let actions = arbiter.step(now, Event::Exited { worker: FIRST, status });
    assert_eq!(deaths(&actions), [Cause::OutOfMemory], "it was asked to leave, and did not");
}

#[test]
fn one_that_was_asked_to_leave_is_told_with_the_reason() {
    let (mut arbiter, now) = running(steady_policy(1));
    let restart = Event::Restart { asked: None, slots: Slots::All };
    let successor = spawned(&arbiter.step(now, restart))[0];
    arbiter.step(now, Event::Ready { worker: successor });
    let actions = arbiter.step(now, Event::Exited { worker: FIRST, status: ExitStatus::Code(0) });
    assert_eq!(deaths(&actions), [Cause::Asked(Why::Restarted)]);
}

/// Of a worker that was killed the cause is known before its end.
#[test]
fn one_that_was_killed_is_known_to_be() {
    let timeout = Some(Duration::from_millis(500));
    let (mut arbiter, now) = running(Policy { timeout, ..steady_policy(1) });
    assert!(!arbiter.has_killed(FIRST));
    let later = now + Duration::from_millis(600);
    arbiter.step(later, Event::Busy { worker: FIRST, since: now, shared: false });
    assert!(arbiter.has_killed(FIRST));
    let status = ExitStatus::Signal { signal: 9, core: false };
    let actions = arbiter.step(later, Event::Exited { worker: FIRST, status });
    assert!(matches!(deaths(&actions)[..], [Cause::Timeout(_)]), "{actions:?}");
    assert!(!arbiter.has_killed(FIRST), "it is gone");
}
