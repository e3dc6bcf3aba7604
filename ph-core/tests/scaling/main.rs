//! What the load makes of the number of workers: single decisions.

mod scene;

use std::time::Duration;

use ph_core::arbiter::{
    Action, Band, Event, ExitStatus, Note, Policy, ScaleBy, Speed, Ticket, Verdict,
};

use scene::{IDLE, SAMPLE, Scene, band, policy};

#[test]
fn a_full_house_grows_at_the_second_look() {
    let mut scene = Scene::new(policy(2, band(1, 8)));
    scene.sample(&[1, 1], 0);
    assert_eq!(scene.arbiter.wanted(), 2);
    // One is free for a moment: the count begins anew.
    scene.sample(&[1, 0], 0);
    scene.sample(&[1, 1], 0);
    assert_eq!(scene.arbiter.wanted(), 2);
    let adapted = Note::Adapted { from: 2, to: 3, busy: 2, idle: 0, queue: 0 };
    assert!(scene.sample(&[1, 1], 0).contains(&Action::Tell(adapted)));
    assert_eq!(scene.spawned().len(), 1);
}

#[test]
fn waiting_connections_grow_it_at_once_and_at_most_double_it() {
    let mut scene = Scene::new(policy(2, band(1, 7)));
    scene.sample(&[1, 1], 5);
    assert_eq!(scene.arbiter.wanted(), 4);
    let booting = scene.spawned();
    // They are on their way: more are wanted when they have come and that was too few.
    scene.sample(&[1, 1], 9);
    assert_eq!(scene.arbiter.wanted(), 4);
    for worker in booting {
        scene.step(Event::Ready { worker });
    }
    scene.sample(&[1, 1, 1, 1], 9);
    assert_eq!(scene.arbiter.wanted(), 7, "no more than max_workers");
}

/// A connection that is seen between the queue and a worker with room is no want of workers.
#[test]
fn a_queue_before_idle_workers_is_none() {
    let mut scene = Scene::new(policy(2, band(1, 8)));
    for _ in 0..9 {
        scene.sample(&[1, 0], 1);
    }
    assert_eq!(scene.arbiter.wanted(), 2);
    scene.sample(&[1, 0], 2);
    scene.sample(&[1, 0], 2);
    assert_eq!(scene.arbiter.wanted(), 3, "it does not take them");
}

/// One that was woken for it does not come, and the kernel wakes no other.
#[test]
fn a_connection_that_nobody_accepts_wants_a_worker_who_does() {
    let mut scene = Scene::new(policy(3, band(1, 8)));
    scene.sample(&[], 1);
    assert_eq!(scene.arbiter.wanted(), 3);
    scene.accepted -= 1;
    scene.sample(&[], 1);
    assert_eq!(scene.arbiter.wanted(), 4);
}

#[test]
fn a_resting_master_is_not_woken_by_a_connection() {
    let mut scene = Scene::new(policy(1, band(0, 4)));
    scene.rest();
    scene.step(Event::RetireAll);
    assert_eq!(scene.step(Event::Connected), []);
    assert_eq!(scene.look(&[], 5), []);
    reload(&mut scene, policy(1, band(0, 4)));
    assert_eq!(scene.verdict(), Some(&Verdict::Done));
    scene.look(&[], 5);
    assert_eq!(scene.spawned().len(), 1);
}

#[test]
fn room_is_what_threads_and_coroutines_have() {
    let four = Band { capacity: 4, ..band(1, 8).unwrap() };
    let mut scene = Scene::new(policy(1, Some(four)));
    scene.sample(&[3], 0);
    scene.sample(&[3], 0);
    assert_eq!(scene.arbiter.wanted(), 1);
    scene.sample(&[4], 4);
    assert_eq!(scene.arbiter.wanted(), 2, "four more need one more");
}

#[test]
fn the_idle_are_given_up_one_by_one_each_after_a_claim() {
    let mut scene = Scene::new(policy(4, band(1, 8)));
    // Slot 3 is busy all the time.
    let took = scene.idle(&[0, 0, 0, 1]);
    assert!(took >= IDLE && took <= IDLE + 2 * SAMPLE, "{took:?}");
    assert_eq!(scene.claims(), Some(vec![2, 1, 0]));
    assert_eq!(scene.arbiter.wanted(), 4, "nothing is done before the claim");
    // It took a connection meanwhile, and so did the others: the next look decides again.
    scene.sample(&[0, 0, 1, 1], 0);
    assert_eq!(scene.claims(), Some(vec![1, 0]));
    let worker = scene.ready()[1];
    let adapted = Note::Adapted { from: 4, to: 3, busy: 2, idle: 2, queue: 0 };
    let actions = scene.claimed(1);
    assert!(actions.contains(&Action::Stop { worker, speed: Speed::Graceful }), "{actions:?}");
    assert!(actions.contains(&Action::Tell(adapted)));
    scene.step(Event::Exited { worker, status: ExitStatus::Code(0) });
    assert_eq!(scene.spawned(), []);
    // Two were idle all the time, so the other follows without another wait.
    scene.sample(&[0, 1, 1], 0);
    assert_eq!(scene.claims(), Some(vec![0]));
    scene.claimed(0);
    assert_eq!(scene.ready().iter().map(|worker| worker.slot).collect::<Vec<_>>(), [2, 3]);
}

#[test]
fn a_moment_of_work_for_all_begins_the_wait_anew() {
    let mut scene = Scene::new(policy(2, band(1, 2)));
    let began = scene.now;
    while scene.now < began + IDLE - SAMPLE * 2 {
        scene.sample(&[1, 0], 0);
    }
    scene.sample(&[1, 1], 0);
    assert!(scene.idle(&[1, 0]) >= IDLE);
}

/// What one worker is enough for is not shared out among two again, to no end.
#[test]
fn a_house_that_is_full_by_our_own_doing_stays() {
    let mut scene = Scene::new(policy(2, band(1, 4)));
    scene.idle(&[1, 0]);
    scene.claimed(1);
    for _ in 0..9 {
        scene.sample(&[1], 0);
    }
    assert_eq!(scene.arbiter.wanted(), 1);
    scene.sample(&[1], 1);
    assert_eq!(scene.arbiter.wanted(), 2, "more work is another thing");
}

#[test]
fn without_idle_timeout_nobody_is_given_up() {
    let patient = Band { idle_timeout: None, ..band(1, 4).unwrap() };
    let mut scene = Scene::new(policy(4, Some(patient)));
    scene.sample(&[1], 0);
    scene.rest();
}

#[test]
fn at_rest_nothing_is_looked_at_until_somebody_connects() {
    let mut scene = Scene::new(policy(1, band(1, 4)));
    scene.sample(&[1], 0);
    scene.rest();
    scene.now += Duration::from_secs(3600);
    assert!(scene.step(Event::Connected).contains(&Action::Measure));
    scene.look(&[1], 0);
    scene.sample(&[1], 0);
    assert_eq!(scene.arbiter.wanted(), 2);
    scene.boot();
    scene.idle(&[]);
    scene.leaves(1);
    scene.rest();
}

/// Nobody tells of a job: the workers have to be looked at.
#[test]
fn jobs_are_looked_at_each_second() {
    let jobs = Band { listens: false, ..band(1, 4).unwrap() };
    let mut scene = Scene::new(policy(1, Some(jobs)));
    for _ in 0..5 {
        let at = scene.arbiter.next_deadline().unwrap();
        assert_eq!(at - scene.now, Duration::from_secs(1));
        scene.now = at;
        scene.step(Event::Tick);
        scene.look(&[], 0);
    }
}

/// Suspended for an hour, it did not see anybody idle for an hour.
#[test]
fn a_gap_is_no_idleness() {
    let mut scene = Scene::new(policy(2, band(1, 4)));
    scene.sample(&[], 0);
    scene.now += Duration::from_secs(3600);
    scene.step(Event::Tick);
    scene.look(&[], 0);
    assert_eq!(scene.claims(), None);
    assert!(scene.idle(&[]) >= IDLE - SAMPLE);
}

/// It takes no work any more, so it can't stay, even if its place is wanted by now.
#[test]
fn who_was_claimed_goes_whatever_has_happened_meanwhile() {
    let mut scene = Scene::new(policy(2, band(1, 4)));
    scene.idle(&[]);
    scene.step(Event::Scale { asked: Some(Ticket(1)), by: ScaleBy::To(1) });
    let worker = scene.ready()[0];
    scene.step(Event::Claimed { worker });
    let successor = scene.spawned()[0];
    let actions = scene.step(Event::Ready { worker: successor });
    assert!(actions.contains(&Action::Stop { worker, speed: Speed::Graceful }), "{actions:?}");
    assert_eq!(scene.arbiter.wanted(), 1);
}

#[test]
fn ondemand_starts_with_nobody_and_spawns_for_the_first_connection() {
    let mut scene = Scene::new(policy(2, band(0, 4)));
    assert!(scene.actions.contains(&Action::Started), "{:?}", scene.actions);
    assert_eq!((scene.arbiter.wanted(), scene.spawned()), (0, vec![]));
    scene.rest();
    scene.step(Event::Connected);
    scene.look(&[], 1);
    assert_eq!(scene.spawned().len(), 1);
    scene.boot();
    scene.sample(&[1], 3);
    assert_eq!(scene.arbiter.wanted(), 2);
    scene.boot();
    scene.idle(&[]);
    scene.leaves(1);
    scene.sample(&[], 0);
    scene.leaves(0);
    assert_eq!((scene.arbiter.wanted(), scene.ready()), (0, vec![]));
    scene.rest();
    assert!(scene.step(Event::Stop { asked: None, speed: Speed::Graceful }).len() > 1);
}

/// A connection that waits is no reason to make ever more of what can't boot; nor is one that has gone, to go on.
#[test]
fn a_worker_that_cannot_boot_is_tried_within_its_back_off() {
    let mut scene = Scene::new(policy(1, band(0, 8)));
    scene.rest();
    scene.step(Event::Connected);
    scene.look(&[], 3);
    let (began, mut forks) = (scene.now, 0);
    while scene.now < began + Duration::from_secs(60) {
        for worker in scene.spawned() {
            forks += 1;
            scene.step(Event::Exited { worker, status: ExitStatus::Code(70) });
        }
        scene.now = scene.arbiter.next_deadline().unwrap();
        if scene.step(Event::Tick).contains(&Action::Measure) {
            assert_eq!(scene.spawned(), []);
            scene.look(&[], 3);
        }
    }
    // 100 ms doubled: the ninth wait is past 25 s.
    assert!((8..=12).contains(&forks), "{forks} forks in a minute");
    assert_eq!(scene.arbiter.wanted(), 1);
    let gone = scene.now;
    while scene.arbiter.wanted() > 0 {
        for worker in scene.spawned() {
            scene.step(Event::Exited { worker, status: ExitStatus::Code(70) });
        }
        scene.now = scene.arbiter.next_deadline().unwrap();
        assert!(scene.now < gone + IDLE * 2, "it is tried for nobody");
        if scene.step(Event::Tick).contains(&Action::Measure) {
            scene.look(&[], 0);
        }
    }
    assert_eq!(scene.arbiter.state(scene.now), "running");
}

fn reload(scene: &mut Scene, policy: Policy) {
    scene.step(Event::Reload { asked: Some(Ticket(9)) });
    scene.step(Event::ConfigRead(Ok(policy)));
}

#[test]
fn a_reload_of_nobody_needs_no_canary() {
    let mut scene = Scene::new(policy(1, band(0, 4)));
    reload(&mut scene, policy(1, band(0, 2)));
    assert_eq!((scene.verdict(), scene.spawned()), (Some(&Verdict::Done), vec![]));
    // The listeners may be others: they are looked at, and watched anew.
    scene.rest();
    // From nobody to three goes by a canary, and back if that fails.
    reload(&mut scene, policy(3, None));
    let canary = scene.spawned();
    assert_eq!(canary.len(), 1);
    scene.step(Event::Exited { worker: canary[0], status: ExitStatus::Code(70) });
    assert!(matches!(scene.verdict(), Some(Verdict::Failed { code: 5, .. })));
    assert_eq!(scene.arbiter.wanted(), 0);
    scene.rest();
    reload(&mut scene, policy(3, None));
    scene.boot();
    assert_eq!(scene.spawned().len(), 2);
    scene.boot();
    assert_eq!((scene.verdict(), scene.arbiter.next_deadline()), (Some(&Verdict::Done), None));
}

#[test]
fn new_bounds_hold_once_a_reload_is_done() {
    let mut scene = Scene::new(policy(4, None));
    reload(&mut scene, policy(4, band(1, 2)));
    scene.boot();
    assert_eq!(scene.arbiter.wanted(), 2, "no more than max_workers");
    let last = scene.roll();
    assert!(last.contains(&Action::Measure), "its load is looked at: {last:?}");
    reload(&mut scene, policy(4, None));
    scene.roll();
    assert_eq!(scene.arbiter.wanted(), 4, "the load's number goes with the load");
    reload(&mut scene, policy(4, band(0, 8)));
    scene.roll();
    assert_eq!(scene.arbiter.wanted(), 4, "who works stays until idle");
}

#[test]
fn operators_scale_within_the_bounds_and_not_on_demand() {
    let mut scene = Scene::new(policy(2, band(2, 4)));
    let ask = |by| Event::Scale { asked: Some(Ticket(1)), by };
    for (by, names) in [(5, "max_workers = 4"), (1, "min_workers = 2")] {
        scene.step(ask(ScaleBy::To(by)));
        assert!(scene.refusal().contains(names), "{}", scene.refusal());
    }
    scene.step(Event::StopWorker { asked: Some(Ticket(1)), slot: 1 });
    assert!(scene.refusal().contains("min_workers = 2"), "{}", scene.refusal());
    scene.step(Event::Scale { asked: None, by: ScaleBy::Nudge(9) });
    assert_eq!(scene.arbiter.wanted(), 4);
    scene.boot();
    // What it has made more is given up again.
    scene.idle(&[]);
    let mut scene = Scene::new(policy(1, band(0, 4)));
    scene.step(ask(ScaleBy::Relative(1)));
    assert!(scene.refusal().contains("ondemand"), "{}", scene.refusal());
    scene.look(&[], 1);
    scene.boot();
    scene.step(Event::StopWorker { asked: Some(Ticket(1)), slot: 0 });
    assert!(scene.refusal().contains("at least one worker stays"), "{}", scene.refusal());
}
