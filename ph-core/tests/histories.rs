//! Random histories: a world that does anything a world may do, and the invariants that must hold in it.
//!
//! No process is made and no clock is read, so that a million steps take seconds. A failure prints its seed;
//! the same seed gives the same history.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use ph_core::arbiter::{
    Action, Arbiter, Event, ExitStatus, Outcome, Policy, Refusal, ScaleBy, Slots, Speed, Ticket,
    WorkerKey,
};

/// Steps of the default run, over all seeds.
const STEPS: u64 = 1_200_000;
const STEPS_PER_HISTORY: u64 = 400;

/// `max_memory`, and how many looks in a row may not find more.
const LIMIT: u64 = 1000;
const LOOKS: u32 = 3;

struct Dice(u64);

impl Dice {
    fn roll(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, limit: u64) -> u64 {
        self.roll() % limit
    }

    fn one_in(&mut self, n: u64) -> bool {
        self.below(n) == 0
    }

    fn pick<T: Copy>(&mut self, from: &[T]) -> Option<T> {
        (!from.is_empty()).then(|| from[self.below(from.len() as u64) as usize])
    }
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Life {
    Booting,
    Ready,
    Asked,
    Killed,
}

struct World {
    dice: Dice,
    now: Instant,
    arbiter: Arbiter,
    /// Processes that are not reaped, as the kernel would know them.
    live: BTreeMap<WorkerKey, Life>,
    /// Spawns that failed, and that the arbiter has not heard of yet.
    unborn: BTreeSet<WorkerKey>,
    /// Deaths told to the arbiter whose reaping must follow in the same step.
    reaped: BTreeSet<WorkerKey>,
    tickets: u64,
    open: BTreeSet<Ticket>,
    surge: u32,
    highest_surge: u32,
    spawns: u64,
    steps: u64,
    reading: bool,
    scanning: bool,
    /// Whom to look at, before anything else happens.
    weighing: Vec<WorkerKey>,
    /// Looks in a row that found a worker above the limit, and its generation.
    above: BTreeMap<WorkerKey, (u32, u32)>,
    exit: Option<Outcome>,
    can_fork: bool,
}

fn policy(dice: &mut Dice) -> Policy {
    let maybe = |dice: &mut Dice, millis: u64| {
        (!dice.one_in(4)).then(|| Duration::from_millis(1 + dice.below(millis)))
    };
    let max_surge = dice.below(4) as u32;
    Policy {
        number_workers: 1 + dice.below(6) as u32,
        boot_timeout: maybe(dice, 3000),
        timeout: maybe(dice, 3000),
        shared: dice.one_in(2),
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
    }
}

impl World {
    fn new(seed: u64) -> Self {
        let mut dice = Dice(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
        for _ in 0..8 {
            dice.roll();
        }
        let policy = policy(&mut dice);
        let now = Instant::now();
        Self {
            now,
            surge: policy.max_surge,
            highest_surge: policy.max_surge,
            arbiter: Arbiter::new(policy, now, seed),
            dice,
            live: BTreeMap::new(),
            unborn: BTreeSet::new(),
            reaped: BTreeSet::new(),
            tickets: 0,
            open: BTreeSet::new(),
            spawns: 0,
            steps: 0,
            reading: false,
            scanning: false,
            weighing: Vec::new(),
            above: BTreeMap::new(),
            exit: None,
            can_fork: true,
        }
    }

    fn ticket(&mut self) -> Option<Ticket> {
        if self.dice.one_in(3) {
            return None;
        }
        self.tickets += 1;
        let ticket = Ticket(self.tickets);
        self.open.insert(ticket);
        Some(ticket)
    }

    fn step(&mut self, event: Event) {
        let died = match &event {
            Event::Exited { worker, .. } => Some(*worker),
            _ => None,
        };
        assert!(self.exit.is_none() || died.is_none(), "a death after the exit");
        self.steps += 1;
        if let Event::SpawnFailed { worker, .. } = &event {
            self.unborn.remove(worker);
        }
        for action in self.arbiter.step(self.now, event) {
            self.perform(action);
        }
        if let Some(worker) = died {
            assert!(self.reaped.contains(&worker), "{worker:?} ended and was not reaped");
        }
        self.check();
        while let Some(&worker) = self.unborn.first() {
            let reason = "no more processes".to_owned();
            self.step(Event::SpawnFailed { worker, reason });
        }
        if !self.weighing.is_empty() {
            self.answer_weights();
        }
    }

    fn perform(&mut self, action: Action) {
        assert_eq!(self.exit, None, "{action:?} after the exit");
        let known = |live: &BTreeMap<WorkerKey, Life>, worker: &WorkerKey| {
            assert!(
                live.contains_key(worker),
                "an action for {worker:?}, which is reaped or unknown"
            );
        };
        match action {
            Action::Spawn { worker, generation } => {
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
            Action::Scan => self.scanning = true,
            Action::Weigh(workers) => {
                let ready = |worker| self.live.get(worker) == Some(&Life::Ready);
                assert!(workers.iter().all(ready), "not only ready ones: {workers:?}");
                self.weighing = workers;
            }
            Action::Exit(outcome) => {
                assert!(self.live.is_empty(), "exit with live workers: {:?}", self.live);
                self.exit = Some(outcome);
            }
            Action::KeepGenerations(_)
            | Action::StartGuard
            | Action::Sweep
            | Action::Started
            | Action::Tell(_) => {}
        }
    }

    fn check(&mut self) {
        let active = self.live.values().filter(|life| matches!(life, Life::Booting | Life::Ready));
        let active = active.count() as u32;
        let most = self.arbiter.wanted() + self.highest_surge;
        assert!(active <= most, "{active} booting or ready, at most {most} allowed");
        assert!(self.relieved() <= 1, "more than one at a time for memory: {:?}", self.live);
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

    fn any(&mut self, life: Life) -> Option<WorkerKey> {
        let found: Vec<WorkerKey> =
            self.live.iter().filter(|(_, is)| **is == life).map(|(key, _)| *key).collect();
        self.dice.pick(&found)
    }

    fn exit_status(&mut self) -> ExitStatus {
        match self.dice.below(4) {
            0 => ExitStatus::Code(0),
            1 => ExitStatus::Code(1 + self.dice.below(255) as i32),
            _ => ExitStatus::Signal { signal: 1 + self.dice.below(31) as i32, core: false },
        }
    }

    fn random_event(&mut self) {
        match self.dice.below(24) {
            0..=5 => {
                if let Some(worker) = self.any(Life::Booting) {
                    self.live.insert(worker, Life::Ready);
                    self.step(Event::Ready { worker });
                }
            }
            6 => {
                if let Some(worker) = self.any(Life::Booting) {
                    self.step(Event::BootFailed { worker, reason: "no".into() });
                }
            }
            7 => {
                let life = self.dice.pick(&[Life::Booting, Life::Ready]).unwrap_or(Life::Ready);
                if let Some(worker) = self.any(life) {
                    let status = self.exit_status();
                    self.step(Event::Exited { worker, status });
                }
            }
            8..=11 => {
                if let Some(worker) = self.any(Life::Asked) {
                    self.step(Event::Exited { worker, status: ExitStatus::Code(0) });
                }
            }
            12..=13 => self.let_one_killed_end(),
            14 => {
                if let Some(worker) = self.any(Life::Ready) {
                    self.step(Event::Recycle { worker });
                }
            }
            15 => {
                let asked = self.ticket();
                let by = match self.dice.below(3) {
                    0 => ScaleBy::To(self.dice.below(9) as u32),
                    1 => ScaleBy::Relative(self.dice.below(9) as i64 - 4),
                    _ => ScaleBy::Nudge(self.dice.below(5) as i64 - 2),
                };
                self.step(Event::Scale { asked, by });
            }
            16 => {
                let asked = self.ticket();
                self.step(Event::Reload { asked });
            }
            17 if self.reading => self.answer_config(),
            18 => {
                let asked = self.ticket();
                let slots = if self.dice.one_in(2) {
                    Slots::All
                } else {
                    Slots::These(vec![self.dice.below(6) as u32])
                };
                self.step(Event::Restart { asked, slots });
            }
            19 => {
                let asked = self.ticket();
                let slot = self.dice.below(6) as u32;
                self.step(Event::StopWorker { asked, slot });
            }
            20 => {
                if self.dice.one_in(8) {
                    self.step(Event::RetireAll);
                } else if self.dice.one_in(4) {
                    self.can_fork = !self.can_fork;
                }
            }
            21 => {
                if let Some(&ticket) = self.open.iter().next().filter(|_| self.dice.one_in(3)) {
                    self.step(Event::Forget(ticket));
                    self.open.remove(&ticket);
                }
            }
            _ => self.pass_time(),
        }
    }

    fn answer_config(&mut self) {
        self.reading = false;
        let answer = if self.dice.one_in(4) {
            Err(Refusal { code: 78, reason: "invalid".into() })
        } else {
            let policy = policy(&mut self.dice);
            self.surge = policy.max_surge;
            self.highest_surge = self.highest_surge.max(policy.max_surge);
            Ok(policy)
        };
        self.step(Event::ConfigRead(answer));
    }

    /// Leaks go on: who was above the limit mostly is again.
    fn answer_weights(&mut self) {
        let mut weights = Vec::new();
        for worker in std::mem::take(&mut self.weighing) {
            let looks = &mut self.above.get_mut(&worker).expect("it lives").1;
            let heavy = if *looks > 0 { !self.dice.one_in(4) } else { self.dice.one_in(3) };
            *looks = if heavy { *looks + 1 } else { 0 };
            weights.push((worker, if heavy { LIMIT + 1 } else { LIMIT }));
        }
        self.step(Event::Weighed(weights));
    }

    fn let_one_killed_end(&mut self) {
        if let Some(worker) = self.any(Life::Killed) {
            let status = ExitStatus::Signal { signal: 9, core: false };
            self.step(Event::Exited { worker, status });
        }
    }

    fn pass_time(&mut self) {
        let deadline = self.arbiter.next_deadline();
        let by = match (deadline, self.dice.below(10)) {
            (Some(at), 0..=5) => at - self.now,
            (Some(at), 6) => at - self.now + Duration::from_secs(self.dice.below(5)),
            _ => Duration::from_millis(self.dice.below(300)),
        };
        self.now += by;
        self.step(Event::Tick);
        if self.dice.one_in(8) {
            let event = match self.dice.below(3) {
                0 => Event::GuardDied,
                1 => Event::GuardFailed,
                _ => Event::ChildEnded,
            };
            self.step(event);
        }
        if std::mem::take(&mut self.scanning) {
            let since = self.now - Duration::from_millis(self.dice.below(4000));
            for worker in self.live.keys().copied().collect::<Vec<_>>() {
                if self.live.contains_key(&worker) && self.dice.one_in(2) {
                    self.step(Event::Busy { worker, since });
                }
            }
        }
    }

    /// A stop, hurried twice: whatever the workers do, only kills are left, and then the end.
    fn end(&mut self) {
        for speed in [Speed::Graceful, Speed::Graceful, Speed::Graceful] {
            if self.exit.is_none() {
                let asked = self.ticket();
                self.step(Event::Stop { asked, speed });
            }
            // A signal goes one speed up, a request only to the speed that it names.
            if self.exit.is_none() {
                self.step(Event::Stop { asked: None, speed });
            }
        }
        while self.exit.is_none() {
            assert!(self.live.values().all(|life| *life == Life::Killed), "{:?}", self.live);
            self.let_one_killed_end();
        }
        assert!(self.arbiter.is_over());
        assert_eq!(self.arbiter.next_deadline(), None, "an ended arbiter waits for nothing");
        assert!(self.open.is_empty(), "never answered: {:?}", self.open);
    }
}

/// One history; how many steps it had, and whether it got beyond its start.
fn history(seed: u64) -> (u64, bool) {
    let mut world = World::new(seed);
    world.step(Event::Start);
    // Most starts go well, or there would be little to see beyond them.
    while !world.dice.one_in(16)
        && let Some(worker) = world.any(Life::Booting)
    {
        world.live.insert(worker, Life::Ready);
        world.step(Event::Ready { worker });
    }
    for _ in 0..STEPS_PER_HISTORY {
        if world.exit.is_some() {
            break;
        }
        world.random_event();
    }
    let outlived = !matches!(world.exit, Some(Outcome::BootFailed(_)));
    world.end();
    (world.steps, outlived)
}

#[test]
fn histories_hold_the_invariants() {
    let (mut steps, mut seeds, mut outlived) = (0, 0, 0);
    while steps < STEPS {
        let result = std::panic::catch_unwind(|| history(seeds));
        let (took, beyond) = result.unwrap_or_else(|panic| {
            eprintln!("the history of seed {seeds} failed");
            std::panic::resume_unwind(panic)
        });
        steps += took;
        seeds += 1;
        outlived += u64::from(beyond);
    }
    assert!(outlived > seeds * 3 / 5, "only {outlived} of {seeds} got beyond their start");
}
