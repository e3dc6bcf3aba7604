//! The world around an arbiter, and what must hold in it after each step.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use ph_core::arbiter::{
    Action, Arbiter, Band, Event, LastChange, Note, Outcome, Policy, Ticket, WorkerKey,
};

use crate::dice::Dice;
use crate::election::{self, Election};
use crate::load::LoadSide;

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Life {
    Booting,
    Ready,
    Asked,
    Killed,
}

/// `max_memory`, and how many looks in a row may not find more.
pub(super) const LIMIT: u64 = 1000;
const LOOKS: u32 = 3;

pub(super) struct World {
    pub(super) dice: Dice,
    pub(super) now: Instant,
    pub(super) arbiter: Arbiter,
    /// Processes that are not reaped, as the kernel would know them.
    pub(super) live: BTreeMap<WorkerKey, Life>,
    /// Spawns that failed, and that the arbiter has not heard of yet.
    pub(super) unborn: BTreeSet<WorkerKey>,
    /// Deaths told to the arbiter whose reaping must follow in the same step.
    pub(super) reaped: BTreeSet<WorkerKey>,
    pub(super) tickets: u64,
    pub(super) open: BTreeSet<Ticket>,
    pub(super) surge: u32,
    pub(super) highest_surge: u32,
    pub(super) spawns: u64,
    pub(super) steps: u64,
    pub(super) reading: bool,
    /// Another master boots.
    pub(super) succession: bool,
    pub(super) scanning: bool,
    /// Whom to look at, before anything else happens.
    pub(super) weighing: Vec<WorkerKey>,
    /// Looks in a row that found a worker above the limit, and its generation.
    pub(super) above: BTreeMap<WorkerKey, (u32, u32)>,
    pub(super) exit: Option<Outcome>,
    pub(super) can_fork: bool,
    pub(super) load: LoadSide,
    pub(super) election: Election,
    /// What holds once the reload under way is done.
    pub(super) passages: (u64, u64),
    pub(super) candidate: Option<Policy>,
    pub(super) policy: Policy,
}

pub(super) fn policy(dice: &mut Dice) -> Policy {
    let maybe = |dice: &mut Dice, millis: u64| {
        (!dice.one_in(4)).then(|| Duration::from_millis(1 + dice.below(millis)))
    };
    let max_surge = dice.below(4) as u32;
    let band = dice.one_in(2).then(|| band(dice));
    let (min, max) = band.as_ref().map_or((1, 6), |band| (band.min.max(1), band.max));
    Policy {
        number_workers: min + dice.below(u64::from(max - min) + 1) as u32,
        band,
        boot_timeout: maybe(dice, 3000),
        ready_after: dice.one_in(4).then(|| Duration::from_millis(1 + dice.below(1000))),
        timeout: maybe(dice, 3000),
        graceful_timeout: maybe(dice, 3000),
        max_lifetime: maybe(dice, 20_000),
        max_memory: dice.one_in(2).then_some(LIMIT),
        max_surge,
        max_unavailable: if max_surge == 0 {
            1 + dice.below(3) as u32
        } else {
            dice.below(3) as u32
        },
        restart_backoff: Duration::from_millis(1 + dice.below(200)),
        restart_backoff_max: Duration::from_millis(200 + dice.below(3000)),
        crash_limit: dice.one_in(2).then(|| 1 + dice.below(5) as u32),
        lease: None,
    }
}

fn band(dice: &mut Dice) -> Band {
    let min = dice.below(3) as u32;
    Band {
        min,
        max: min.max(1) + dice.below(6) as u32,
        idle_timeout: (!dice.one_in(4)).then(|| Duration::from_millis(dice.below(300))),
        capacity: 1 + dice.below(3) as u32,
        listens: !dice.one_in(4),
    }
}

impl World {
    pub(super) fn new(seed: u64) -> Self {
        let mut dice = Dice::of(seed);
        let mut policy = policy(&mut dice);
        policy.lease = election::lease(&mut dice);
        let now = Instant::now();
        Self {
            now,
            surge: policy.max_surge,
            highest_surge: policy.max_surge,
            arbiter: Arbiter::new(policy.clone(), now, seed),
            dice,
            live: BTreeMap::new(),
            unborn: BTreeSet::new(),
            reaped: BTreeSet::new(),
            tickets: 0,
            open: BTreeSet::new(),
            spawns: 0,
            steps: 0,
            reading: false,
            succession: false,
            scanning: false,
            weighing: Vec::new(),
            above: BTreeMap::new(),
            exit: None,
            can_fork: true,
            load: LoadSide::default(),
            election: Election::default(),
            passages: (0, 0),
            candidate: None,
            policy,
        }
    }

    pub(super) fn ticket(&mut self) -> Option<Ticket> {
        if self.dice.one_in(3) {
            return None;
        }
        self.tickets += 1;
        let ticket = Ticket(self.tickets);
        self.open.insert(ticket);
        Some(ticket)
    }

    pub(super) fn step(&mut self, event: Event) {
        let died = match &event {
            Event::Exited { worker, .. } => Some(*worker),
            _ => None,
        };
        assert!(self.exit.is_none() || died.is_none(), "a death after the exit");
        self.steps += 1;
        if let Event::SpawnFailed { worker, .. } = &event {
            self.unborn.remove(worker);
        }
        let before = self.before(&event);
        let actions = self.arbiter.step(self.now, event);
        self.judge_load(&before, &actions);
        for action in actions {
            self.perform(action);
        }
        if let Some(worker) = died {
            assert!(self.reaped.contains(&worker), "{worker:?} ended and was not reaped");
        }
        self.check();
        self.check_lease();
        if std::mem::take(&mut self.election.opening) {
            self.answer_listeners();
        }
        while let Some(&worker) = self.unborn.first() {
            let reason = "no more processes".to_owned();
            self.step(Event::SpawnFailed { worker, reason });
        }
        if !self.weighing.is_empty() {
            self.answer_weights();
        }
    }

    pub(super) fn perform(&mut self, action: Action) {
        assert_eq!(self.exit, None, "{action:?} after the exit");
        let known = |live: &BTreeMap<WorkerKey, Life>, worker: &WorkerKey| {
            assert!(
                live.contains_key(worker),
                "an action for {worker:?}, which is reaped or unknown"
            );
        };
        match action {
            Action::Spawn { worker, generation } => {
                self.may_spawn();
                self.spawns += 1;
                self.above.insert(worker, (generation, 0));
                if self.can_fork {
                    assert_eq!(self.live.insert(worker, Life::Booting), None, "a key used twice");
                } else {
                    self.unborn.insert(worker);
                }
            }
            Action::Stop { worker, .. } => {
                // A spawn that fails later in the same batch may be asked to leave before it is known.
                if !self.unborn.contains(&worker) {
                    known(&self.live, &worker);
                    self.live.insert(worker, Life::Asked);
                }
            }
            Action::Kill { worker } => {
                if !self.unborn.contains(&worker) {
                    known(&self.live, &worker);
                    self.live.insert(worker, Life::Killed);
                }
            }
            Action::Reap { worker } => {
                known(&self.live, &worker);
                self.live.remove(&worker);
                self.above.remove(&worker);
                self.reaped.insert(worker);
            }
            Action::Answer { ticket, .. } => {
                assert!(self.open.remove(&ticket), "{ticket:?} answered twice, or never asked");
            }
            Action::ReadConfig => self.reading = true,
            Action::StartSuccessor => {
                assert!(!self.succession, "two successors");
                self.succession = true;
            }
            Action::Bequeath => assert!(self.succession, "nobody to leave it to"),
            Action::HandOver => {
                assert!(std::mem::take(&mut self.succession), "{action:?} without a successor");
            }
            Action::EndSuccessor => self.succession = false,
            Action::Scan => self.scanning = true,
            Action::Weigh(workers) => {
                let ready = |worker| self.live.get(worker) == Some(&Life::Ready);
                assert!(workers.iter().all(ready), "not only ready ones: {workers:?}");
                self.weighing = workers;
            }
            Action::StartElector
            | Action::OpenListeners
            | Action::Resign
            | Action::EndCampaign
            | Action::KillElector => self.campaign(&action),
            Action::Exit(outcome) => {
                assert!(self.live.is_empty(), "exit with live workers: {:?}", self.live);
                self.exit = Some(outcome);
            }
            Action::Measure => self.load.measuring = true,
            Action::Watch => self.load.watching = true,
            Action::Claim(workers) => self.take_claim(workers),
            Action::Tell(Note::ChangeEnded(LastChange {
                kind: "reload" | "upgrade", ok, ..
            })) => {
                if let Some(candidate) = self.candidate.take().filter(|_| ok) {
                    self.policy = candidate;
                }
            }
            // It said so, or has lived long enough.
            Action::Tell(Note::Ready { slot, generation, .. }) => {
                let is_it = |(key, life): &(&WorkerKey, &mut Life)| {
                    let own = (key.slot, self.above[*key].0);
                    own == (slot, generation) && **life == Life::Booting
                };
                if let Some((_, life)) = self.live.iter_mut().find(is_it) {
                    *life = Life::Ready;
                }
            }
            Action::Stay
            | Action::ReloadSuccessor
            | Action::KeepGenerations(_)
            | Action::StartGuard
            | Action::StartZygote
            | Action::Sweep
            | Action::Started
            | Action::Tell(_) => {}
        }
    }

    pub(super) fn check(&mut self) {
        let active = self.live.values().filter(|life| matches!(life, Life::Booting | Life::Ready));
        let active = active.count() as u32;
        let most = self.arbiter.wanted() + self.highest_surge;
        assert!(active <= most, "{active} booting or ready, at most {most} allowed");
        assert!(self.relieved() <= 1, "more than one at a time for memory: {:?}", self.live);
        if let Some(band) = &self.policy.band
            && matches!(self.arbiter.state(self.now), "running" | "degraded")
        {
            let wanted = self.arbiter.wanted();
            assert!((band.min..=band.max).contains(&wanted), "{wanted} wanted, of {band:?}");
        }
        if let Some(deadline) = self.arbiter.next_deadline() {
            assert!(deadline > self.now, "a deadline that is already past makes the loop spin");
        }
    }

    /// Slots whose worker passed the memory limit and has a successor that boots.
    fn relieved(&self) -> usize {
        let of_now = |key: &WorkerKey| self.above[key].0 == self.arbiter.generation();
        let current = self.live.iter().filter(|(key, _)| of_now(key));
        let heavy = current
            .clone()
            .filter(|(key, life)| **life == Life::Ready && self.above[key].1 >= LOOKS);
        let boots =
            |slot| current.clone().any(|(key, life)| key.slot == slot && *life == Life::Booting);
        heavy.filter(|(key, _)| boots(key.slot)).count()
    }
}
