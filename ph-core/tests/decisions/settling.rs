//! Workers that are ready when they have lived for a while.

use std::time::{Duration, Instant};

use ph_core::arbiter::{Arbiter, Event, ExitStatus, Policy};

use super::{spawned, steady_policy};

/// A program that does not say when it is ready.
#[test]
fn who_lives_long_enough_is_ready() {
    let (life, limit) = (Duration::from_millis(500), Duration::from_millis(900));
    let policy = Policy { ready_after: Some(life), boot_timeout: Some(limit), ..steady_policy(1) };
    let now = Instant::now();
    let mut arbiter = Arbiter::new(policy, now, 7);
    let first = spawned(&arbiter.step(now, Event::Start))[0];
    assert_eq!(arbiter.next_deadline(), Some(now + life));
    assert_eq!(arbiter.state(now), "starting");
    arbiter.step(now + life, Event::Tick);
    assert_eq!(arbiter.state(now + life), "running");
    // One that ends before has never been ready, and has its successor wait.
    let later = now + 2 * life;
    let status = ExitStatus::Code(1);
    let next = spawned(&arbiter.step(later, Event::Exited { worker: first, status }))[0];
    arbiter.step(later + life / 2, Event::Exited { worker: next, status });
    let wait = arbiter.next_deadline().expect("a wait");
    let boots = spawned(&arbiter.step(wait, Event::Tick));
    assert_eq!(boots.len(), 1);
    // While the master is away nobody lives.
    let back = wait + Duration::from_secs(60);
    arbiter.step(back, Event::Tick);
    assert_eq!(arbiter.next_deadline(), Some(back + life));
}
