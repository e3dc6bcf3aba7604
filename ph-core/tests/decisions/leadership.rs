//! What a lease, and the end of one, make of workers.

use std::time::{Duration, Instant};

use ph_core::arbiter::{
    Action, Arbiter, Cause, Event, ExitStatus, Lease, Policy, Speed, Verdict, WorkerKey,
};

use crate::{deaths, spawned, steady_policy, verdicts};

const SECOND: Duration = Duration::from_secs(1);
/// A lease of ten seconds, of which the shell takes half a second for the killing.
const LENGTH: Duration = Duration::from_millis(8500);

fn policy(graceful: u32) -> Policy {
    Policy {
        lease: Some(Lease { ttl: 10 * SECOND, warm: false }),
        graceful_timeout: Some(graceful * SECOND),
        ..steady_policy(2)
    }
}

/// One that leads, with ready workers, and the instant at which it was elected.
fn leading(graceful: u32) -> (Arbiter, Instant, Vec<WorkerKey>) {
    let now = Instant::now();
    let mut arbiter = Arbiter::new(policy(graceful), now, 7);
    assert_eq!(arbiter.step(now, Event::Start), [Action::StartElector]);
    assert_eq!(arbiter.role(), "standby");
    let elected = arbiter.step(now, Event::Elected { token: 5, until: now + LENGTH });
    assert_eq!(elected, [Action::OpenListeners]);
    let workers = spawned(&arbiter.step(now, Event::ListenersOpened));
    assert_eq!(workers.len(), 2);
    for &worker in &workers {
        arbiter.step(now, Event::Ready { worker });
    }
    assert_eq!(
        (arbiter.role(), arbiter.token(), arbiter.state(now)),
        ("leader", Some(5), "running")
    );
    (arbiter, now, workers)
}

fn asked(actions: &[Action]) -> usize {
    actions.iter().filter(|it| matches!(it, Action::Stop { speed: Speed::Graceful, .. })).count()
}

fn killed(actions: &[Action]) -> usize {
    actions.iter().filter(|it| matches!(it, Action::Kill { .. })).count()
}

fn end(arbiter: &mut Arbiter, now: Instant, workers: &[WorkerKey]) -> Vec<Action> {
    let status = ExitStatus::Code(0);
    let ended = |&worker| arbiter.step(now, Event::Exited { worker, status });
    workers.iter().flat_map(ended).collect()
}

#[test]
fn a_standby_is_started_once_another_is_known_to_lead_or_nobody_can_be_asked() {
    for heard in [Event::Deposed { leader: Some("b:1".into()) }, Event::CampaignTroubled] {
        let now = Instant::now();
        let mut arbiter = Arbiter::new(policy(3), now, 7);
        arbiter.step(now, Event::Start);
        // A free seat is the beginning of an answer.
        let actions = arbiter.step(now, Event::Deposed { leader: None });
        assert!(!actions.contains(&Action::Started) && arbiter.consents());
        let actions = arbiter.step(now, heard);
        assert!(actions.contains(&Action::Started), "{actions:?}");
        assert_eq!(spawned(&actions), []);
        assert_eq!((arbiter.role(), arbiter.snapshot(now).wanted), ("standby", 0));
    }
}

#[test]
fn workers_leave_when_a_renewal_is_overdue_and_come_back_with_it() {
    let (mut arbiter, start, workers) = leading(30);
    let drain = start + 6 * SECOND;
    assert_eq!(arbiter.next_deadline(), Some(drain));
    assert_eq!(asked(&arbiter.step(drain, Event::Tick)), 2);
    let renewed = drain + SECOND;
    arbiter.step(renewed, Event::Elected { token: 5, until: renewed + LENGTH });
    assert_eq!(
        spawned(&end(&mut arbiter, renewed, &workers[..1])).len(),
        0,
        "they have successors"
    );
    assert_eq!(arbiter.role(), "leader");
    assert_eq!(arbiter.snapshot(renewed).workers.len(), 3);
}

/// Whoever needs but a second is asked a second before the end.
#[test]
fn a_short_drain_begins_as_late_as_it_can() {
    let (mut arbiter, start, _) = leading(1);
    let drain = start + LENGTH - SECOND;
    assert_eq!(asked(&arbiter.step(drain - Duration::from_millis(1), Event::Tick)), 0);
    assert_eq!(asked(&arbiter.step(drain, Event::Tick)), 2);
}

#[test]
fn nobody_is_left_when_the_time_is_over_and_only_then_others_may_lead() {
    let (mut arbiter, start, workers) = leading(30);
    arbiter.step(start + 6 * SECOND, Event::Tick);
    let over = arbiter.step(start + LENGTH, Event::Tick);
    assert_eq!(killed(&over), 2, "{over:?}");
    assert!(!over.contains(&Action::Resign) && !arbiter.consents());
    // It can't be had back once it is over.
    let late = Event::Elected { token: 5, until: start + 20 * SECOND };
    assert_eq!(spawned(&arbiter.step(start + LENGTH, late)), []);
    let first = end(&mut arbiter, start + LENGTH, &workers[..1]);
    assert_eq!(deaths(&first), [Cause::Leadership]);
    assert!(!first.contains(&Action::Resign));
    assert!(end(&mut arbiter, start + LENGTH, &workers[1..]).contains(&Action::Resign));
    assert_eq!((arbiter.role(), arbiter.token()), ("standby", None));
}

#[test]
fn who_is_deposed_has_no_time_left() {
    let (mut arbiter, start, _) = leading(30);
    let actions = arbiter.step(start + SECOND, Event::Deposed { leader: Some("b:1".into()) });
    assert_eq!(killed(&actions), 2);
    assert_eq!(arbiter.role(), "standby");
}

#[test]
fn a_resignation_is_done_when_the_last_worker_is_reaped() {
    let (mut arbiter, now, workers) = leading(3);
    let ticket = Some(ph_core::arbiter::Ticket(1));
    let actions = arbiter.step(now, Event::Resign { asked: ticket });
    assert_eq!((asked(&actions), verdicts(&actions).len()), (2, 0));
    assert!(arbiter.consents(), "the lease is kept meanwhile");
    let actions = end(&mut arbiter, now, &workers);
    let given = actions.iter().position(|it| *it == Action::Resign).unwrap();
    let last = actions.iter().rposition(|it| matches!(it, Action::Reap { .. })).unwrap();
    assert!(last < given);
    assert_eq!(verdicts(&actions), [Verdict::Done]);
    let actions = arbiter.step(now, Event::Resign { asked: ticket });
    assert!(matches!(verdicts(&actions)[..], [Verdict::Failed { code: 4, .. }]), "{actions:?}");
}

/// The exit waits for the elector, which gives the lease up, and is killed if it does not.
#[test]
fn a_stop_ends_with_the_elector() {
    let (mut arbiter, now, workers) = leading(3);
    arbiter.step(now, Event::Stop { asked: None, speed: Speed::Graceful });
    let actions = end(&mut arbiter, now, &workers);
    assert!(actions.contains(&Action::EndCampaign), "{actions:?}");
    assert!(!arbiter.is_over() && !arbiter.consents());
    let late = std::iter::from_fn(|| {
        let at = arbiter.next_deadline().expect("it is not waited for for ever");
        Some((at, arbiter.step(at, Event::Tick)))
    });
    let (late, _) = late.take(9).find(|(_, it)| it.contains(&Action::KillElector)).unwrap();
    assert!(late <= now + 4 * SECOND);
    arbiter.step(late, Event::ElectorEnded { reason: "SIGKILL".into() });
    assert!(arbiter.is_over());
}

#[test]
fn what_can_not_be_listened_on_is_tried_again_later_and_later() {
    let now = Instant::now();
    let mut arbiter = Arbiter::new(policy(3), now, 7);
    arbiter.step(now, Event::Start);
    arbiter.step(now, Event::Elected { token: 1, until: now + LENGTH });
    let reason = "address in use".to_owned();
    let actions = arbiter.step(now, Event::ListenersRefused { reason });
    assert!(actions.contains(&Action::Resign) && actions.contains(&Action::Started), "{actions:?}");
    assert!(!arbiter.consents());
    let again = arbiter.next_deadline().unwrap();
    assert!(again >= now + 10 * SECOND);
    arbiter.step(again, Event::Tick);
    assert!(arbiter.consents());
}

/// Its successor begins in the role that it has.
#[test]
fn a_standby_that_is_upgraded_takes_no_lease() {
    let now = Instant::now();
    let mut arbiter = Arbiter::new(policy(3), now, 7);
    arbiter.step(now, Event::Start);
    arbiter.step(now, Event::Deposed { leader: Some("b:1".into()) });
    arbiter.step(now, Event::Upgrade { asked: None });
    assert!(!arbiter.consents());
    arbiter.step(now, Event::SuccessorFailed { reason: "no".into() });
    assert!(arbiter.consents());
}
