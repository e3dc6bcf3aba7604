//! What operators ask for, one on top of the other.

use ph_core::arbiter::{Event, ScaleBy, Speed, Ticket, Verdict};

use super::{running, spawned, steady_policy, verdicts};

/// The answer to a number is that they are ready, also for the second who asks for it.
#[test]
fn who_asks_for_as_many_as_are_coming_waits_for_them() {
    let (mut arbiter, now) = running(steady_policy(1));
    let scale = |ticket| Event::Scale { asked: Some(Ticket(ticket)), by: ScaleBy::To(2) };
    let actions = arbiter.step(now, scale(1));
    let worker = spawned(&actions)[0];
    assert_eq!(verdicts(&actions), []);
    assert_eq!(verdicts(&arbiter.step(now, scale(2))), []);
    let actions = arbiter.step(now, Event::Ready { worker });
    assert_eq!(verdicts(&actions), [Verdict::Done, Verdict::Done]);
    assert_eq!(verdicts(&arbiter.step(now, scale(3))), [Verdict::Done]);
}

/// Nobody serves on, as a failed upgrade would have it.
#[test]
fn an_upgrade_that_a_stop_ends_has_just_failed() {
    let (mut arbiter, now) = running(steady_policy(1));
    arbiter.step(now, Event::Upgrade { asked: Some(Ticket(1)) });
    let actions = arbiter.step(now, Event::Stop { asked: None, speed: Speed::Graceful });
    assert!(matches!(verdicts(&actions)[..], [Verdict::Failed { code: 1, .. }]), "{actions:?}");
}
