//! An arbiter and the world's side of its load.

use std::time::{Duration, Instant};

use ph_core::arbiter::{
    Action, Arbiter, Band, Event, ExitStatus, Load, Policy, Speed, Verdict, WorkerKey,
};

pub(super) const IDLE: Duration = Duration::from_secs(30);
pub(super) const SAMPLE: Duration = Duration::from_millis(100);

pub(super) fn policy(number_workers: u32, band: Option<Band>) -> Policy {
    Policy {
        number_workers,
        band,
        boot_timeout: Some(Duration::from_secs(30)),
        ready_after: None,
        timeout: None,
        shared: false,
        graceful_timeout: Some(Duration::from_secs(3)),
        max_lifetime: None,
        max_memory: None,
        max_surge: 1,
        max_unavailable: 0,
        restart_backoff: Duration::from_millis(100),
        restart_backoff_max: Duration::from_secs(30),
        crash_limit: None,
        lease: None,
    }
}

pub(super) fn band(min: u32, max: u32) -> Option<Band> {
    Some(Band { min, max, idle_timeout: Some(IDLE), capacity: 1, listens: true })
}

/// An arbiter with the world's side of its load.
pub(super) struct Scene {
    pub(super) arbiter: Arbiter,
    pub(super) now: Instant,
    /// What the last step asked for.
    pub(super) actions: Vec<Action>,
    pub(super) accepted: u64,
}

impl Scene {
    /// Started, and everybody ready.
    pub(super) fn new(policy: Policy) -> Self {
        let now = Instant::now();
        let mut scene =
            Self { arbiter: Arbiter::new(policy, now, 7), now, actions: Vec::new(), accepted: 0 };
        scene.step(Event::Start);
        scene.boot();
        assert_eq!(scene.arbiter.state(now), "running");
        scene
    }

    pub(super) fn step(&mut self, event: Event) -> &[Action] {
        self.actions = self.arbiter.step(self.now, event);
        &self.actions
    }

    pub(super) fn spawned(&self) -> Vec<WorkerKey> {
        let spawned = |action: &Action| match action {
            Action::Spawn { worker, .. } => Some(*worker),
            _ => None,
        };
        self.actions.iter().filter_map(spawned).collect()
    }

    /// Everybody who was spawned by the last step is ready.
    pub(super) fn boot(&mut self) {
        for worker in self.spawned() {
            self.step(Event::Ready { worker });
        }
    }

    /// Boots until a reload has its verdict, which is good; then those who were asked to leave do. What the verdict came with.
    pub(super) fn roll(&mut self) -> Vec<Action> {
        for _ in 0..99 {
            if self.verdict().is_none() {
                self.boot();
            }
        }
        assert_eq!(self.verdict(), Some(&Verdict::Done));
        let last = self.actions.clone();
        let rows = self.arbiter.snapshot(self.now).workers;
        let leaving = rows.iter().filter(|row| row.state == "draining").filter_map(|row| row.key);
        for worker in leaving {
            self.step(Event::Exited { worker, status: ExitStatus::Code(0) });
        }
        last
    }

    pub(super) fn ready(&self) -> Vec<WorkerKey> {
        let rows = self.arbiter.snapshot(self.now).workers;
        rows.iter().filter(|row| row.state == "ready").filter_map(|row| row.key).collect()
    }

    /// Ready workers, in their order, have so much in hand; so many connections wait, and some were accepted.
    pub(super) fn look(&mut self, held: &[u64], queue: u32) -> &[Action] {
        self.accepted += 1;
        let accepted = self.accepted;
        let rest = std::iter::repeat(&0);
        let held = self.ready().into_iter().zip(held.iter().chain(rest).copied()).collect();
        self.step(Event::Load(Load { held, queue, accepted }))
    }

    /// The same at the time of the next sample.
    pub(super) fn sample(&mut self, held: &[u64], queue: u32) -> &[Action] {
        let at = self.arbiter.next_deadline().expect("the load is looked at");
        assert!(at <= self.now + SAMPLE, "no look for {:?}", at - self.now);
        self.now = at;
        assert!(self.step(Event::Tick).contains(&Action::Measure), "{:?}", self.actions);
        self.look(held, queue)
    }

    /// Whom the last step wants claimed, by slot.
    pub(super) fn claims(&self) -> Option<Vec<u32>> {
        self.actions.iter().find_map(|action| match action {
            Action::Claim(workers) => Some(workers.iter().map(|worker| worker.slot).collect()),
            _ => None,
        })
    }

    pub(super) fn claimed(&mut self, slot: u32) -> &[Action] {
        let worker = self.ready().into_iter().find(|worker| worker.slot == slot).unwrap();
        self.step(Event::Claimed { worker })
    }

    /// One was claimed, was asked to leave, and did.
    pub(super) fn leaves(&mut self, slot: u32) {
        let stop = |action: &Action| match action {
            Action::Stop { worker, speed: Speed::Graceful } => Some(*worker),
            _ => None,
        };
        let worker = self.claimed(slot).iter().find_map(stop).expect("who was claimed goes");
        self.step(Event::Exited { worker, status: ExitStatus::Code(0) });
        assert_eq!(self.spawned(), []);
    }

    /// Samples without work until somebody is to be given up; how long that took.
    pub(super) fn idle(&mut self, held: &[u64]) -> Duration {
        let began = self.now;
        while self.claims().is_none() {
            self.sample(held, 0);
            assert!(self.now <= began + IDLE * 2, "nobody is given up");
        }
        self.now - began
    }

    pub(super) fn verdict(&self) -> Option<&Verdict> {
        self.actions.iter().find_map(|action| match action {
            Action::Answer { verdict, .. } => Some(verdict),
            _ => None,
        })
    }

    pub(super) fn refusal(&self) -> &str {
        match self.verdict() {
            Some(Verdict::Failed { code: 4, reason }) => reason,
            other => panic!("not refused: {other:?}"),
        }
    }

    /// Asleep: two looks in a row found nothing.
    pub(super) fn rest(&mut self) {
        self.sample(&[], 0);
        if !self.actions.contains(&Action::Watch) {
            self.sample(&[], 0);
        }
        assert!(self.actions.contains(&Action::Watch), "{:?}", self.actions);
        // Orphans may be looked for.
        while let Some(at) = self.arbiter.next_deadline() {
            self.now = at;
            assert!(!self.step(Event::Tick).contains(&Action::Measure), "no rest");
        }
    }
}
