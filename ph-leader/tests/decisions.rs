//! Single decisions of an election, step by step.

use std::time::Duration;

use ph_leader::election::{Action, Command, Election, Event, Input};
use ph_leader::store::{Reply, Request, StoreError, Vacancy};
use ph_leader::{Instant, Options};

const TTL: Duration = Duration::from_secs(10);
const FREE: Reply = Reply::Free { vacancy: Vacancy::Open, record: 0 };

/// An election, its time, and what is asked of its store.
struct Scene {
    election: Election,
    now: Instant,
    asked: Option<(u64, Request)>,
    serial: u64,
    said: Vec<String>,
    events: Vec<Event>,
}

impl Scene {
    fn new() -> Self {
        let now = Instant::from_boot(TTL * 100);
        let election = Election::new(Options::new("a", TTL).unwrap(), now);
        let (asked, said, events) = (None, Vec::new(), Vec::new());
        let mut scene = Self { election, now, asked, serial: 0, said, events };
        scene.step(Input::Tick);
        scene
    }

    fn step(&mut self, input: Input) {
        for action in self.election.step(self.now, input) {
            match action {
                Action::Send { id, request, .. } => self.asked = Some((id, request)),
                Action::Tell { serial, event } => {
                    self.serial = serial;
                    self.events.push(event);
                }
                Action::Complain(sentence) => self.said.push(sentence),
                Action::Watch(_) | Action::Unwatch => {}
            }
        }
    }

    fn answer(&mut self) {
        self.step(Input::Command(Command::Answer(self.serial)));
    }

    fn reply(&mut self, reply: Result<Reply, StoreError>) {
        let (id, _) = self.asked.take().expect("something is asked");
        self.step(Input::Reply(id, reply));
    }

    /// The next request, at the time at which it comes by itself.
    fn next_request(&mut self) -> Request {
        while self.asked.is_none() {
            self.now = self.election.next_deadline().expect("there is something to do");
            self.step(Input::Tick);
        }
        self.asked.as_ref().unwrap().1.clone()
    }

    /// Up to a claim.
    fn claims(&mut self) {
        loop {
            match self.next_request() {
                Request::Look => self.reply(Ok(FREE)),
                Request::Grant { ttl } => self.reply(Ok(Reply::Granted { lease: 1, ttl })),
                Request::Release { .. } => self.reply(Ok(Reply::Released)),
                Request::Claim { .. } => return,
                Request::Renew { .. } => panic!("it does not lead"),
            }
            self.answer();
        }
    }
}

#[test]
fn a_deadline_counts_from_when_the_lease_was_asked_for() {
    let mut scene = Scene::new();
    scene.claims();
    let sent = scene.now;
    scene.now = sent + Duration::from_secs(2);
    scene.reply(Ok(Reply::Claimed { token: 7 }));
    let deadline = sent + TTL - Duration::from_secs(1);
    assert_eq!(scene.events.last(), Some(&Event::Leader { token: 7, deadline }));
    assert_eq!(scene.election.leading(deadline), None);
    // Unanswered, it is not renewed.
    scene.now = deadline - Duration::from_millis(1);
    scene.step(Input::Tick);
    assert!(scene.asked.is_none() && scene.election.leading(scene.now).is_some());
    scene.now = deadline;
    scene.step(Input::Tick);
    assert_eq!(scene.events.last(), Some(&Event::Unknown));
}

#[test]
fn nothing_is_taken_before_the_latest_event_was_answered() {
    let mut scene = Scene::new();
    scene.reply(Ok(FREE));
    assert_eq!(scene.events, [Event::Unknown]);
    scene.step(Input::Command(Command::Answer(scene.serial - 1)));
    assert!(scene.asked.is_none());
    scene.answer();
    assert_eq!(scene.asked.as_ref().unwrap().1, Request::Grant { ttl: TTL });
}

#[test]
fn a_smaller_token_makes_no_leader_and_is_not_asked_for_again_and_again() {
    let mut scene = Scene::new();
    scene.reply(Ok(Reply::Held { of: "b".to_owned(), token: 100, record: 0, revision: 100 }));
    scene.claims();
    let begun = scene.now;
    scene.reply(Ok(Reply::Claimed { token: 5 }));
    assert!(scene.said[0].contains("the token 5 after 100"), "{:?}", scene.said);
    assert!(!scene.events.iter().any(|event| matches!(event, Event::Leader { .. })));
    scene.claims();
    assert!(scene.now >= begun + TTL, "after {:?}", scene.now.saturating_since(begun));
}

#[test]
fn what_fails_again_and_again_is_said_once_and_tried_less_often() {
    let mut scene = Scene::new();
    let begun = scene.now;
    let mut tries = 0;
    while scene.now < begun + TTL {
        match scene.next_request() {
            Request::Look => scene.reply(Ok(FREE)),
            _ => {
                tries += 1;
                scene.reply(Err(StoreError::Refused("no".to_owned())));
            }
        }
        scene.answer();
    }
    assert_eq!(scene.said, ["no"]);
    assert!((5..20).contains(&tries), "{tries} tries");
}

/// How long after the last reply it asks for a lease, if the seat stays as that told.
fn claims_after(scene: &mut Scene, free: &Reply) -> (Duration, u64) {
    let begun = scene.now;
    loop {
        match scene.next_request() {
            Request::Look => scene.reply(Ok(free.clone())),
            Request::Grant { ttl } => scene.reply(Ok(Reply::Granted { lease: 1, ttl })),
            Request::Claim { record, .. } => return (scene.now.saturating_since(begun), record),
            other => panic!("{other:?}"),
        }
        scene.answer();
    }
}

const fn free(vacancy: Vacancy, record: u64) -> Reply {
    Reply::Free { vacancy, record }
}

#[test]
fn a_seat_that_was_not_given_up_is_claimed_a_term_after_its_last_renewal_was_seen() {
    let deserted = |seconds| Vacancy::Deserted { ttl: Duration::from_secs(seconds) };
    let held = |record| Reply::Held { of: "b".to_owned(), token: 5, record, revision: record };
    let second = Duration::from_secs(1);

    // It has just come: the last one may have renewed just before.
    let mut scene = Scene::new();
    assert_eq!(claims_after(&mut scene, &free(deserted(20), 7)), (2 * TTL, 7));

    // It saw the renewal three seconds ago, and looked again since.
    let mut scene = Scene::new();
    scene.reply(Ok(held(7)));
    scene.now = scene.now + second;
    scene.step(Input::Changed);
    scene.reply(Ok(held(7)));
    scene.now = scene.now + second * 2;
    scene.step(Input::Changed);
    assert_eq!(claims_after(&mut scene, &free(deserted(10), 7)), (TTL - second * 3, 7));

    // There was another renewal, which it did not see.
    let mut scene = Scene::new();
    scene.reply(Ok(held(7)));
    scene.now = scene.now + second * 3;
    scene.step(Input::Changed);
    assert_eq!(claims_after(&mut scene, &free(deserted(10), 8)), (TTL, 8));

    // It was given up.
    let mut scene = Scene::new();
    scene.reply(Ok(held(7)));
    scene.step(Input::Changed);
    assert_eq!(claims_after(&mut scene, &free(Vacancy::Open, 8)), (Duration::ZERO, 8));

    // Somebody has removed what would tell.
    let mut scene = Scene::new();
    scene.reply(Ok(held(7)));
    scene.step(Input::Changed);
    assert_eq!(claims_after(&mut scene, &free(Vacancy::Open, 0)), (TTL, 0));
}

#[test]
fn a_claim_about_what_has_changed_meanwhile_starts_over() {
    let mut scene = Scene::new();
    scene.claims();
    let vacancy = Vacancy::Deserted { ttl: TTL };
    scene.reply(Ok(free(vacancy, 9)));
    assert!(matches!(scene.next_request(), Request::Release { lease: 1 }));
    scene.reply(Ok(Reply::Gone));
    assert_eq!(claims_after(&mut scene, &free(vacancy, 9)), (TTL, 9));
}

#[test]
fn a_seat_that_was_taken_away_is_given_up_when_nobody_can_work_for_it_any_more() {
    let lost = || {
        let mut scene = Scene::new();
        scene.claims();
        scene.reply(Ok(Reply::Claimed { token: 7 }));
        scene.answer();
        assert!(matches!(scene.next_request(), Request::Renew { .. }));
        scene.reply(Ok(Reply::Gone));
        assert_eq!(scene.events.last(), Some(&Event::Unknown));
        scene
    };
    let mut scene = lost();
    let deadline = scene.now - TTL / 3 + TTL - Duration::from_secs(1);
    assert!(matches!(scene.next_request(), Request::Release { lease: 1 }));
    assert!(scene.now >= deadline, "{:?}", deadline.saturating_since(scene.now));
    // Or when somebody says that nobody does.
    let mut scene = lost();
    scene.step(Input::Command(Command::Resign));
    assert!(matches!(scene.asked, Some((_, Request::Release { lease: 1 }))));
}
