//! Workers whose code has panicked while they had other requests in hand.

use std::time::Duration;

use ph_core::arbiter::{Action, Cause, Event, ExitStatus, Speed, WorkerKey};

use super::{deaths, running, spawned, steady_policy};

fn kills(actions: &[Action]) -> bool {
    actions.iter().any(|action| matches!(action, Action::Kill { .. }))
}

#[test]
fn it_has_a_successor_at_once_and_ends_as_a_crash() {
    let (mut arbiter, now) = running(steady_policy(1));
    let old = WorkerKey { slot: 0, serial: 1 };
    let actions = arbiter.step(now, Event::Broke { worker: old });
    let successor = spawned(&actions)[0];
    assert_eq!(successor.slot, 0);
    assert!(!kills(&actions), "{actions:?}");
    arbiter.step(now, Event::Ready { worker: successor });
    let later = now + Duration::from_secs(2);
    let actions = arbiter.step(later, Event::Exited { worker: old, status: ExitStatus::Code(101) });
    assert_eq!(deaths(&actions), [Cause::Itself]);
    assert_eq!(spawned(&actions), [], "it was replaced already");
    assert_eq!(arbiter.snapshot(later).totals.crashed, 1);
}

#[test]
fn the_second_in_a_row_waits() {
    let (mut arbiter, now) = running(steady_policy(1));
    let first = WorkerKey { slot: 0, serial: 1 };
    let second = spawned(&arbiter.step(now, Event::Broke { worker: first }))[0];
    arbiter.step(now, Event::Ready { worker: second });
    assert_eq!(spawned(&arbiter.step(now, Event::Broke { worker: second })), []);
    let soon = now + Duration::from_millis(130);
    assert_eq!(spawned(&arbiter.step(soon, Event::Tick)).len(), 1);
}

#[test]
fn it_is_killed_at_graceful_timeout() {
    let (mut arbiter, now) = running(steady_policy(1));
    let old = WorkerKey { slot: 0, serial: 1 };
    arbiter.step(now, Event::Broke { worker: old });
    let almost = now + Duration::from_millis(2900);
    assert!(!kills(&arbiter.step(almost, Event::Tick)));
    let actions = arbiter.step(now + Duration::from_secs(3), Event::Tick);
    assert!(kills(&actions), "{actions:?}");
}

/// It leaves already; only more haste is something new to it.
#[test]
fn a_graceful_stop_leaves_it_alone_and_a_quick_one_does_not() {
    let (mut arbiter, now) = running(steady_policy(1));
    let old = WorkerKey { slot: 0, serial: 1 };
    let asked = |actions: &[Action]| {
        let stops =
            |action: &&Action| matches!(action, Action::Stop { worker, .. } if *worker == old);
        actions.iter().filter(stops).count()
    };
    arbiter.step(now, Event::Broke { worker: old });
    let stop = |speed| Event::Stop { asked: None, speed };
    assert_eq!(asked(&arbiter.step(now, stop(Speed::Graceful))), 0);
    assert_eq!(asked(&arbiter.step(now, stop(Speed::Quick))), 1);
}
