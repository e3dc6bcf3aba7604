//! The pure state machine that decides what becomes of the workers.
//!
//! [`Arbiter::step`] takes an instant and an [`Event`] and returns [`Action`]s. It is total (any event in any
//! state), never blocks, reads no clock and touches no process, so that millions of histories can be run against
//! it in seconds. The shell ([`crate::master`]) turns the world into events, performs the actions in order and
//! feeds their results back.
//!
//! # How a decision is made
//!
//! An event changes one worker, seat or goal; then the same passes follow, whatever the event was:
//! limits that have run out are acted upon (`expire`), the seats are brought nearer to what is wanted
//! (`reconcile`), those who wait for a verdict get it once their goal is reached (`settle`), and the load is
//! looked at if the number of workers follows it (`attend`). There is no special path for a reload, a recycled worker or an operator's restart: each makes workers *stale*, and
//! `reconcile` replaces stale workers, new before old, within `max_surge` and `max_unavailable`.
//!
//! # Invariants (held by `tests/histories`)
//!
//! - booting + ready workers never exceed wanted + `max_surge`;
//! - the wanted number stays within `min_workers` and `max_workers`, and the load alone makes it less only by a worker
//!   that was claimed while it was idle;
//! - no action names a worker after its `Reap`;
//! - a slot's spawns are bounded by its back-off;
//! - after a stop every history ends, whatever the workers do.

mod action;
mod carried;
mod change;
mod ends;
mod event;
mod jitter;
mod leadership;
mod limits;
mod load;
mod memory;
mod policy;
mod reload;
mod request;
mod roll;
mod scaler;
mod seat;
mod seats;
mod status;
mod upgrade;
mod why;
mod worker;
mod yielding;

use std::time::{Duration, Instant};

pub use action::{Action, Cause, Death, LastChange, Note, Outcome, Verdict};
pub use carried::Carried;
pub use change::Step;
use change::{Reload, Waiter};
pub use event::{Event, ExitStatus, Load, Refusal, ScaleBy, Slots, Speed, Ticket, WorkerKey};
use jitter::Jitter;
use leadership::Leadership;
pub use policy::{Band, Lease, MAX_WORKERS, Policy};
use scaler::Scaler;
use seats::Seats;
pub use status::{Snapshot, Totals, WorkerRow};
pub use upgrade::Departure;
use upgrade::Upgrade;
pub use why::Why;
use worker::{State, Worker};

/// A deadline missed by more than this was not missed by a busy master, but by a stopped one.
const GAP: Duration = Duration::from_secs(1);

/// What a worker leaves behind may outlive it, or stay a zombie, by this much: to look for it takes longer the more
/// children there are, so a burst of deaths is followed by one look.
const SWEEP_DELAY: Duration = Duration::from_secs(1);
/// By this much for each worker, if that is longer: a look takes about a microsecond for each.
const SWEEP_DELAY_OF_ONE: Duration = Duration::from_millis(10);
/// But by no more than this.
const SWEEP_DELAY_MOST: Duration = Duration::from_secs(10);

/// Between two attempts to start a guard, while the system refuses.
const GUARD_RETRY: Duration = Duration::from_secs(1);

/// Decides; see the [module](self).
#[derive(Debug)]
pub struct Arbiter {
    policy: Policy,
    phase: Phase,
    /// The generation that workers should be of.
    generation: u32,
    /// The highest number given to a generation so far.
    newest: u32,
    wanted: u32,
    scaler: Scaler,
    seats: Seats,
    spawned: u64,
    reload: Option<Reload>,
    /// A reload that waits for the one under way, with all who asked for it.
    queued: Option<Vec<Ticket>>,
    upgrade: Option<Upgrade>,
    /// The election that decides whether there are workers; none where nobody contends.
    lead: Option<Leadership>,
    waiters: Vec<Waiter>,
    /// The system refuses to make processes: no slot tries before then.
    trouble: Option<Trouble>,
    /// When to look for late requests next: every quarter of `timeout`, and exactly when one is due. `None` while no
    /// worker can be inside one.
    scan: Option<Instant>,
    /// When to look next for workers above `max_memory`. `None` while there is nobody to look at.
    weigh: Option<Instant>,
    /// The slot whose worker is being replaced for its memory: one at a time.
    relieved: Option<u32>,
    /// When to look for what ended workers left behind: once for a burst of deaths.
    sweep: Option<Instant>,
    /// When to try to start a guard again.
    guard_retry: Option<Instant>,
    /// When to start a zygote again, and how many ends in a row it has waited for.
    zygote_retry: Option<Instant>,
    zygote_ends: u32,
    /// Requests count from here at the earliest, after the master itself was away.
    forgiven: Option<Instant>,
    totals: Totals,
    /// Ready workers, as the last decision about them counted.
    ready: u32,
    last_change: Option<LastChange>,
    started: Instant,
    jitter: Jitter,
    /// The instant of the last step: deadlines up to it have been dealt with.
    now: Instant,
    /// The earliest deadline of all states, as the last step left them.
    deadline: Option<Instant>,
}

/// Where the whole is in its life. Why it stops lives in its phase.
#[derive(Clone, Debug, PartialEq)]
enum Phase {
    New,
    /// The first generation boots; a worker that can't is fatal.
    Starting,
    Running,
    /// `WINCH`: a master without workers.
    Resting,
    Stopping {
        speed: Speed,
        outcome: Outcome,
        asked: Vec<Ticket>,
    },
    Over,
}

#[derive(Clone, Debug)]
struct Trouble {
    until: Instant,
    failures: u32,
}

impl Arbiter {
    /// An arbiter that waits for [`Event::Start`]. `seed` drives the jitter of back-offs and lifetimes.
    pub fn new(policy: Policy, now: Instant, seed: u64) -> Self {
        Self {
            wanted: policy.at_start(),
            scaler: Scaler::Off,
            lead: policy.lease.is_some().then(Leadership::new),
            policy,
            phase: Phase::New,
            generation: 1,
            newest: 1,
            seats: Seats::default(),
            spawned: 0,
            reload: None,
            queued: None,
            upgrade: None,
            waiters: Vec::new(),
            trouble: None,
            scan: None,
            weigh: None,
            relieved: None,
            sweep: None,
            guard_retry: None,
            zygote_retry: None,
            zygote_ends: 0,
            forgiven: None,
            totals: Totals::default(),
            ready: 0,
            last_change: None,
            started: now,
            jitter: Jitter::new(seed),
            now,
            deadline: None,
        }
    }

    /// The arbiter of a master that takes over from another, whose workers are of the generation `former`. It begins
    /// with the number of workers that an operator had that one have.
    pub fn succeeding(
        policy: Policy,
        former: u32,
        wanted: Option<u32>,
        now: Instant,
        seed: u64,
    ) -> Self {
        let mut arbiter = Self::new(policy, now, seed);
        arbiter.generation = former.saturating_add(1);
        arbiter.newest = arbiter.generation;
        let fits =
            |wanted: &u32| (1..=MAX_WORKERS).contains(wanted) && arbiter.policy.band.is_none();
        arbiter.wanted = wanted.filter(fits).unwrap_or(arbiter.wanted);
        arbiter
    }

    /// Takes one event at an instant and returns what to do about it, in order.
    pub fn step(&mut self, now: Instant, event: Event) -> Vec<Action> {
        let now = now.max(self.now);
        let mut out = Vec::new();
        self.forgive_gap(now, &mut out);
        self.now = now;
        // What concerns no worker, while no limit has run out, leaves nothing to decide anew.
        if event.concerns_workers() || self.deadline.is_some_and(|at| at <= now) {
            self.decide(now, event, &mut out);
        } else {
            self.apply(now, event, &mut out);
            let timers = self.timers().into_iter().flatten().filter(|at| *at > now);
            self.deadline = self.deadline.into_iter().chain(timers).min();
        }
        out
    }

    fn decide(&mut self, now: Instant, event: Event, out: &mut Vec<Action>) {
        self.apply(now, event, out);
        self.expire(now, out);
        self.reconcile(now, out);
        self.settle(now, out);
        self.attend(now, out);
        self.deadline = self.earliest();
    }

    /// The instant by which [`step`](Self::step) wants to be called again, if nothing else happens.
    pub fn next_deadline(&self) -> Option<Instant> {
        self.deadline
    }

    fn earliest(&mut self) -> Option<Instant> {
        let spawning = matches!(self.phase, Phase::Starting | Phase::Running) && self.staffs();
        let limit = self.seats.next_limit(self.now);
        let wait = if spawning { self.seats.next_wait(self.now) } else { None };
        let trouble = self.trouble.as_ref().filter(|_| spawning).map(|trouble| trouble.until);
        [limit, wait, trouble]
            .into_iter()
            .chain(self.timers())
            .chain([self.scaler.deadline(), self.upgrade.as_ref().and_then(|it| it.deadline)])
            .flatten()
            .chain(self.lead.iter().flat_map(Leadership::deadlines))
            // What was due by the last step was dealt with then; it waits for an event, not for a time.
            .filter(|at| *at > self.now)
            .min()
    }

    /// What is due for no worker's sake alone.
    fn timers(&self) -> [Option<Instant>; 5] {
        [self.sweep, self.scan, self.weigh, self.guard_retry, self.zygote_retry]
    }

    /// Whether the last action was, or will be, [`Action::Exit`].
    pub fn is_over(&self) -> bool {
        self.phase == Phase::Over
    }

    fn apply(&mut self, now: Instant, event: Event, out: &mut Vec<Action>) {
        match event {
            Event::Start => {
                if self.phase == Phase::New {
                    self.phase = Phase::Starting;
                    self.open_seats(self.wanted);
                    self.campaign(out);
                }
            }
            Event::Tick => {}
            Event::GuardDied => {
                if self.phase != Phase::Over {
                    out.push(Action::StartGuard);
                }
            }
            Event::GuardFailed => {
                if self.phase != Phase::Over {
                    self.guard_retry = Some(now + GUARD_RETRY);
                }
            }
            Event::ZygoteDied { steady } => self.zygote_died(now, steady, out),
            Event::ChildEnded => self.sweep_soon(now),
            Event::SpawnFailed { worker, reason } => self.spawn_failed(now, worker, &reason, out),
            Event::Ready { worker } => self.became_ready(now, worker, out),
            Event::BootFailed { worker, reason } => {
                if let Some(worker) = self.worker(worker) {
                    worker.told = Some(reason);
                }
            }
            Event::Recycle { worker } => self.outdate(worker, Why::MaxRequests),
            Event::Broke { worker } => self.broke(now, worker, out),
            Event::Busy { worker, since, shared } => self.busy(now, worker, (since, shared), out),
            Event::Weighed(weights) => self.weighed(now, weights, out),
            Event::Connected => self.connected(now, out),
            Event::Load(load) => self.measured(now, &load, out),
            Event::Claimed { worker } => self.claimed(worker, out),
            Event::Exited { worker, status } => self.exited(now, worker, status, out),
            Event::Scale { asked, by } => self.scale(now, asked, by, out),
            Event::Reload { asked } => self.reload_asked(now, asked, out),
            Event::Upgrade { asked } => self.upgrade_asked(now, asked, out),
            Event::SuccessorReady => self.successor_ready(out),
            Event::ProgramReady => self.program_ready(out),
            Event::Resumed => self.resumed(out),
            Event::TookOver => self.took_over(now, out),
            Event::SuccessorServes => self.successor_serves(now, out),
            Event::SuccessorFailed { reason } => self.successor_failed(now, &reason, out),
            Event::ConfigRead(result) => self.config_read(now, result, out),
            Event::Restart { asked, slots } => self.restart(now, asked, slots, out),
            Event::StopWorker { asked, slot } => self.stop_worker(now, asked, slot, out),
            Event::RetireAll => self.rest(now, out),
            Event::Stop { asked, speed } => self.stop(now, asked, speed, Outcome::Stopped, out),
            Event::Elected { token, until } => self.elected(now, token, until, out),
            Event::Deposed { leader } => self.deposed(now, leader, out),
            Event::CampaignTroubled => self.campaign_troubled(),
            Event::LeaseOver => self.lease_over(now, out),
            Event::ElectorEnded { reason } => self.elector_ended(now, reason, out),
            Event::ListenersOpened => self.listeners_opened(out),
            Event::ListenersRefused { reason } => self.listeners_refused(now, &reason, out),
            Event::Resign { asked } => self.resign(now, asked, out),
            Event::Forget(ticket) => self.forget(ticket),
        }
    }

    /// Whether this worker is one that was killed, and of whose end only the notice is missing.
    pub fn has_killed(&self, key: WorkerKey) -> bool {
        let seat = self.seats.get(&key.slot);
        let worker = seat.and_then(|seat| seat.workers.iter().find(|worker| worker.key == key));
        worker.is_some_and(|worker| matches!(worker.state, State::Killed { .. }))
    }

    fn worker(&mut self, key: WorkerKey) -> Option<&mut Worker> {
        self.seats.get_mut(key.slot)?.worker(key)
    }

    fn became_ready(&mut self, now: Instant, key: WorkerKey, out: &mut Vec<Action>) {
        let Some(worker) = self.worker(key).filter(|worker| worker.is_booting()) else { return };
        let generation = worker.generation;
        let lifetime = self.policy_of(generation).max_lifetime;
        let recycle_at = lifetime.map(|most| now + most.mul_f64(1.0 - self.jitter.next() / 10.0));
        let first = self.phase == Phase::Starting;
        let Some(seat) = self.seats.get_mut(key.slot) else { return };
        seat.served |= first;
        let Some(worker) = seat.worker(key) else { return };
        worker.state = State::Ready { since: now, recycle_at, outdated: None, above: 0 };
        let took = now - worker.spawned;
        let look = worker.timeout.map(|limit| now + limits::pace(limit));
        out.push(Action::Tell(Note::Ready { slot: key.slot, generation, took, first }));
        self.trouble = None;
        self.scan = self.scan.into_iter().chain(look).min();
        self.weigh_later(now);
        self.canary_ready(generation, out);
    }

    fn outdate(&mut self, key: WorkerKey, why: Why) {
        if let Some(Worker { state: State::Ready { outdated, .. }, .. }) = self.worker(key) {
            outdated.get_or_insert(why);
        }
    }
}

fn kill(worker: &mut Worker, cause: Cause, out: &mut Vec<Action>) {
    out.push(Action::Tell(Note::Killing { worker: worker.key, cause: cause.clone() }));
    out.push(Action::Kill { worker: worker.key });
    worker.state = State::Killed { cause };
}
