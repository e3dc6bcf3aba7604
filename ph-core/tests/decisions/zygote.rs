//! When another zygote is started in the place of one that died.

use std::time::Duration;

use ph_core::arbiter::{Action, Event, Speed};

use super::{running, steady_policy};

#[test]
fn one_that_dies_again_and_again_is_started_ever_more_slowly() {
    let (mut arbiter, start) = running(steady_policy(1));
    let mut now = start + Duration::from_secs(60);
    let died = |steady| Event::ZygoteDied { steady };
    assert_eq!(arbiter.step(now, died(true)), [Action::StartZygote]);
    let mut waits = Vec::new();
    for _ in 0..12 {
        assert_eq!(arbiter.step(now, died(false)), []);
        let next = arbiter.next_deadline().expect("a wait");
        waits.push(next - now);
        now = next;
        assert_eq!(arbiter.step(now, Event::Tick), [Action::StartZygote]);
    }
    let expected = (0..12).map(|row| Duration::from_millis(100) * 2u32.pow(row));
    for (wait, least) in waits.iter().zip(expected) {
        let most = Duration::from_secs(30);
        assert!(*wait >= least.min(most) && *wait <= least.mul_f64(1.25).min(most), "{waits:?}");
    }
    // One that was there for a while ends the row.
    assert_eq!(arbiter.step(now, died(true)), [Action::StartZygote]);
    arbiter.step(now, died(false));
    assert!(arbiter.next_deadline().unwrap() - now <= Duration::from_millis(125));
    // Who leaves needs none.
    arbiter.step(now, Event::Stop { asked: None, speed: Speed::Graceful });
    assert_eq!(arbiter.step(now, died(true)), []);
}
