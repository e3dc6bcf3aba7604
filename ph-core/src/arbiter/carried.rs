//! An arbiter as data: what of it goes along when its master becomes another program.
//!
//! The policy does not: it follows from the settings, which the shell carries. Nor do the timers that any decision sets
//! anew. Instants become distances from one instant, since nothing else of a clock means anything to another program.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use super::action::{Cause, LastChange};
use super::change::{Goal, Waiter};
use super::event::{Speed, Ticket, WorkerKey};
use super::leadership::{Leadership, Stage, Term};
use super::policy::Policy;
use super::seat::{Crashes, Seat};
use super::status::Totals;
use super::upgrade::Upgrade;
use super::why::Why;
use super::worker::{State, Worker};
use super::{Arbiter, Phase};

/// An arbiter as data.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Carried {
    generation: u32,
    newest: u32,
    wanted: u32,
    configured: u32,
    resting: bool,
    spawned: u64,
    relieved: Option<u32>,
    seats: BTreeMap<u32, CarriedSeat>,
    queued: Option<Vec<Ticket>>,
    upgrade: Option<(Option<Ticket>, Distance)>,
    lead: Option<CarriedLead>,
    waiters: Vec<CarriedWaiter>,
    totals: Totals,
    last_change: Option<CarriedChange>,
    started: Distance,
    forgiven: Option<Distance>,
}

/// Nanoseconds from the instant at which an arbiter was carried off; negative for what was before.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
struct Distance(i64);

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct CarriedSeat {
    open: bool,
    row: u32,
    waits: u32,
    last: Option<Distance>,
    wait: Option<Distance>,
    workers: Vec<CarriedWorker>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct CarriedWorker {
    serial: u64,
    generation: u32,
    spawned: Distance,
    told: Option<String>,
    timeout: Option<Duration>,
    state: CarriedState,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
enum CarriedState {
    Booting { deadline: Option<Distance>, settles: Option<Distance> },
    Ready { since: Distance, recycle_at: Option<Distance>, outdated: Option<Why>, above: u8 },
    Draining { deadline: Option<Distance>, speed: Speed, late: Option<Duration>, why: Why },
    Broken { deadline: Option<Distance> },
    Killed { cause: Cause },
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct CarriedWaiter {
    asked: Option<Ticket>,
    kind: String,
    began: Distance,
    /// With slots, these have to be succeeded in them; without, they have to be gone.
    old: Vec<WorkerKey>,
    slots: Option<Vec<u32>>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct CarriedChange {
    kind: String,
    ok: bool,
    reason: Option<String>,
    took: Duration,
}

/// What of an election is known. Nobody departs in the midst of becoming a leader.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct CarriedLead {
    stage: CarriedStage,
    aside: Option<Distance>,
    silence: Option<Distance>,
    elector: Option<Distance>,
    refusals: u32,
    failures: u32,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
enum CarriedStage {
    Standby { leader: Option<String> },
    Leading(CarriedTerm),
    Leaving { term: Option<CarriedTerm>, reason: String, began: Distance, asked: Vec<Ticket> },
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
struct CarriedTerm {
    token: u64,
    until: Distance,
    drain: Distance,
}

/// The words that an arbiter has for kinds of change.
const WORDS: [&str; 7] = ["reload", "upgrade", "scale", "restart", "stop worker", "stop", "resign"];

/// The word of ours that this is. What another program may have called differently is a change all the same.
fn known(word: &str) -> &'static str {
    WORDS.into_iter().find(|known| *known == word).unwrap_or("other")
}

/// Between instants and distances.
#[derive(Clone, Copy)]
struct Anchor(Instant);

impl Anchor {
    fn distance(self, at: Instant) -> Distance {
        let nanos = |time: Duration| i64::try_from(time.as_nanos()).unwrap_or(i64::MAX);
        match at.checked_duration_since(self.0) {
            Some(ahead) => Distance(nanos(ahead)),
            None => Distance(-nanos(self.0.duration_since(at))),
        }
    }

    fn instant(self, distance: Distance) -> Instant {
        let length = Duration::from_nanos(distance.0.unsigned_abs());
        let at =
            if distance.0 < 0 { self.0.checked_sub(length) } else { self.0.checked_add(length) };
        at.unwrap_or(self.0)
    }

    fn carry(self, worker: &Worker) -> CarriedWorker {
        let far = |at: &Option<Instant>| at.map(|at| self.distance(at));
        let state = match &worker.state {
            State::Booting { deadline, settles } => {
                CarriedState::Booting { deadline: far(deadline), settles: far(settles) }
            }
            State::Ready { since, recycle_at, outdated, above } => CarriedState::Ready {
                since: self.distance(*since),
                recycle_at: far(recycle_at),
                outdated: *outdated,
                above: *above,
            },
            State::Draining { deadline, speed, late, why } => CarriedState::Draining {
                deadline: far(deadline),
                speed: *speed,
                late: *late,
                why: *why,
            },
            State::Broken { deadline } => CarriedState::Broken { deadline: far(deadline) },
            State::Killed { cause } => CarriedState::Killed { cause: cause.clone() },
        };
        CarriedWorker {
            serial: worker.key.serial,
            generation: worker.generation,
            spawned: self.distance(worker.spawned),
            told: worker.told.clone(),
            timeout: worker.timeout,
            state,
        }
    }

    fn carry_lead(self, lead: &Leadership) -> CarriedLead {
        let far = |at: Option<Instant>| at.map(|at| self.distance(at));
        let packed = |term: &Term| CarriedTerm {
            token: term.token,
            until: self.distance(term.until),
            drain: self.distance(term.drain),
        };
        let stage = match &lead.stage {
            Stage::Opening(term) | Stage::Leading(term) => CarriedStage::Leading(packed(term)),
            Stage::Leaving { term, reason, began, asked } => CarriedStage::Leaving {
                term: term.as_ref().map(packed),
                reason: reason.clone(),
                began: self.distance(*began),
                asked: asked.clone(),
            },
            Stage::Standby { leader, .. } => CarriedStage::Standby { leader: leader.clone() },
            Stage::Farewell { .. } | Stage::Over => CarriedStage::Standby { leader: None },
        };
        CarriedLead {
            stage,
            aside: far(lead.aside),
            silence: far(lead.silence),
            elector: far(lead.elector),
            refusals: lead.refusals,
            failures: lead.failures,
        }
    }

    fn unpack_lead(self, carried: CarriedLead) -> Leadership {
        let at = |distance: Option<Distance>| distance.map(|distance| self.instant(distance));
        let term = |term: CarriedTerm| Term {
            token: term.token,
            until: self.instant(term.until),
            drain: self.instant(term.drain),
        };
        let stage = match carried.stage {
            CarriedStage::Leading(packed) => Stage::Leading(term(packed)),
            CarriedStage::Leaving { term: packed, reason, began, asked } => {
                let began = self.instant(began);
                Stage::Leaving { term: packed.map(term), reason, began, asked }
            }
            CarriedStage::Standby { leader } => Stage::Standby { leader, heard: true },
        };
        Leadership {
            stage,
            aside: at(carried.aside),
            silence: at(carried.silence),
            elector: at(carried.elector),
            refusals: carried.refusals,
            failures: carried.failures,
        }
    }

    fn unpack(self, slot: u32, worker: CarriedWorker) -> Worker {
        let at = |distance: Option<Distance>| distance.map(|distance| self.instant(distance));
        let state = match worker.state {
            CarriedState::Booting { deadline, settles } => {
                State::Booting { deadline: at(deadline), settles: at(settles) }
            }
            CarriedState::Ready { since, recycle_at, outdated, above } => State::Ready {
                since: self.instant(since),
                recycle_at: at(recycle_at),
                outdated,
                above,
            },
            CarriedState::Draining { deadline, speed, late, why } => {
                State::Draining { deadline: at(deadline), speed, late, why }
            }
            CarriedState::Broken { deadline } => State::Broken { deadline: at(deadline) },
            CarriedState::Killed { cause } => State::Killed { cause },
        };
        Worker {
            key: WorkerKey { slot, serial: worker.serial },
            generation: worker.generation,
            spawned: self.instant(worker.spawned),
            state,
            timeout: worker.timeout,
            told: worker.told,
        }
    }
}

impl Arbiter {
    /// This arbiter as data, at an instant at which it waits for nothing but its workers, its askers and an upgrade.
    pub fn carry(&self, now: Instant) -> Carried {
        let anchor = Anchor(now);
        let far = |at: Option<Instant>| at.map(|at| anchor.distance(at));
        let seat = |seat: &Seat| CarriedSeat {
            open: seat.open,
            row: seat.crashes.row,
            waits: seat.crashes.waits,
            last: far(seat.crashes.last),
            wait: far(seat.wait),
            workers: seat.workers.iter().map(|worker| anchor.carry(worker)).collect(),
        };
        let waiter = |waiter: &Waiter| {
            let (old, slots) = match &waiter.goal {
                Goal::Replaced { old, slots } => (old.clone(), Some(slots.clone())),
                Goal::Gone(keys) => (keys.clone(), None),
            };
            let (kind, began) = (waiter.kind.to_owned(), anchor.distance(waiter.began));
            CarriedWaiter { asked: waiter.asked, kind, began, old, slots }
        };
        let lead = self.lead.as_ref().map(|lead| anchor.carry_lead(lead));
        Carried {
            lead,
            generation: self.generation,
            newest: self.newest,
            wanted: self.wanted,
            configured: self.policy.number_workers,
            resting: self.phase == Phase::Resting,
            spawned: self.spawned,
            relieved: self.relieved,
            seats: self.seats.iter().map(|(&slot, one)| (slot, seat(one))).collect(),
            queued: self.queued.clone(),
            upgrade: self.upgrade.as_ref().map(|it| (it.asked, anchor.distance(it.began))),
            waiters: self.waiters.iter().map(waiter).collect(),
            totals: self.totals,
            last_change: self.last_change.as_ref().map(|change| CarriedChange {
                kind: change.kind.to_owned(),
                ok: change.ok,
                reason: change.reason.clone(),
                took: change.took,
            }),
            started: anchor.distance(self.started),
            forgiven: far(self.forgiven),
        }
    }

    /// An arbiter that goes on where another one, under the same policy, was carried off at the instant `then`.
    pub fn resume(policy: Policy, carried: Carried, then: Instant, seed: u64) -> Self {
        let anchor = Anchor(then);
        let at = |distance: Option<Distance>| distance.map(|distance| anchor.instant(distance));
        let mut arbiter = Self::new(policy, then, seed);
        // `auto` may come to something else by now; it is what was there that is gone on with.
        arbiter.policy.number_workers = carried.configured;
        arbiter.phase = if carried.resting { Phase::Resting } else { Phase::Running };
        arbiter.generation = carried.generation;
        arbiter.newest = carried.newest;
        arbiter.wanted = carried.wanted;
        arbiter.spawned = carried.spawned;
        arbiter.relieved = carried.relieved;
        arbiter.queued = carried.queued;
        arbiter.totals = carried.totals;
        arbiter.started = anchor.instant(carried.started);
        arbiter.forgiven = at(carried.forgiven);
        arbiter.upgrade =
            carried.upgrade.map(|(asked, began)| Upgrade::carried(asked, anchor.instant(began)));
        if let (Some(lead), Some(carried)) = (&mut arbiter.lead, carried.lead) {
            *lead = anchor.unpack_lead(carried);
        }
        arbiter.last_change = carried.last_change.map(|change| LastChange {
            kind: known(&change.kind),
            ok: change.ok,
            reason: change.reason,
            took: change.took,
        });
        for (slot, seat) in carried.seats {
            let workers = seat.workers.into_iter().map(|worker| anchor.unpack(slot, worker));
            let crashes = Crashes { row: seat.row, waits: seat.waits, last: at(seat.last) };
            let (open, wait) = (seat.open, at(seat.wait));
            let workers = workers.collect();
            arbiter.seats.insert(slot, Seat { open, workers, crashes, wait, ..Seat::closed() });
        }
        for waiter in carried.waiters {
            let goal = match waiter.slots {
                Some(slots) => Goal::Replaced { old: waiter.old, slots },
                None => Goal::Gone(waiter.old),
            };
            let (kind, began) = (known(&waiter.kind), anchor.instant(waiter.began));
            arbiter.waiters.push(Waiter { asked: waiter.asked, kind, began, goal });
        }
        // What was under way there is begun anew.
        arbiter.sweep_soon(then);
        arbiter.scan = arbiter.next_scan(then);
        arbiter.weigh_later(then);
        arbiter.ready = arbiter.seats.sums(arbiter.generation).ready;
        arbiter.deadline = arbiter.earliest();
        arbiter
    }
}
