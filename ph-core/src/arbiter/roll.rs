//! Bringing the seats nearer to what is wanted: closing, filling, replacing.

use std::time::Instant;

use super::action::{Action, Note};
use super::change::Stage;
use super::event::{Speed, WorkerKey};
use super::seat::Seat;
use super::worker::{State, Worker};
use super::{Arbiter, Phase};

/// Active workers of the whole, counted once and kept up to date through a pass.
struct Census {
    active: u32,
    ready: u32,
    /// Active ones of the generation that is wanted.
    current: u32,
    /// Ready ones of another.
    former: u32,
}

impl Arbiter {
    /// Opens seats, lowest free id first, or closes them, highest id first, until `number` are open.
    pub(super) fn open_seats(&mut self, number: u32) {
        self.wanted = number;
        let mut open = self.seats.values().filter(|seat| seat.open).count() as u32;
        let mut id = 0;
        while open < number {
            let seat = self.seats.entry(id).or_insert_with(Seat::closed);
            if !seat.open {
                seat.open = true;
                open += 1;
            }
            id += 1;
        }
        for seat in self.seats.values_mut().rev().filter(|seat| seat.open) {
            if open == number {
                break;
            }
            seat.open = false;
            open -= 1;
        }
        self.seats.retain(|_, seat| seat.open || !seat.workers.is_empty());
    }

    /// One pass over the seats. Retiring comes before spawning, so that what leaves makes room.
    pub(super) fn reconcile(&mut self, now: Instant, out: &mut Vec<Action>) {
        match &self.phase {
            Phase::New | Phase::Over => {}
            Phase::Stopping { outcome, asked, .. } => {
                if self.seats.values().all(|seat| seat.workers.is_empty()) {
                    let verdict = super::Verdict::Done;
                    for &ticket in asked {
                        out.push(Action::Answer { ticket, verdict: verdict.clone() });
                    }
                    out.push(Action::Exit(outcome.clone()));
                    self.phase = Phase::Over;
                    (self.sweep, self.scan, self.guard_retry) = (None, None, None);
                }
            }
            Phase::Resting => {
                self.retire_where("resting", now, out, |_, worker| worker.is_active());
            }
            Phase::Starting | Phase::Running => {
                let generation = self.generation;
                if self.is_at_rest() {
                    // With the wish goes the trouble of fulfilling it.
                    self.trouble = None;
                    return;
                }
                self.retire_where("scaled down", now, out, |seat, worker| {
                    !seat.open && worker.is_active()
                });
                self.retire_where("replaced", now, out, |seat, worker| {
                    let succeeded = |other: &Worker| other.is_ready() && other.is_fresh(generation);
                    worker.is_stale(generation) && seat.workers.iter().any(succeeded)
                });
                let mut census = self.census();
                self.trim(now, &mut census, out);
                self.fill(now, &mut census, out);
                self.replace(now, &mut census, out);
            }
        }
    }

    /// Every wanted seat has one worker, a fresh one, and no other seat has an active one: nothing to bring nearer.
    fn is_at_rest(&self) -> bool {
        self.seats.values().all(|seat| {
            let active = seat.workers.iter().filter(|worker| worker.is_active()).count();
            if seat.open { active == 1 && seat.has_fresh(self.generation) } else { active == 0 }
        })
    }

    fn census(&self) -> Census {
        let mut census = Census { active: 0, ready: 0, current: 0, former: 0 };
        for worker in self.seats.values().flat_map(|seat| &seat.workers) {
            census.active += u32::from(worker.is_active());
            census.ready += u32::from(worker.is_ready());
            census.current += u32::from(worker.is_active() && worker.generation == self.generation);
            census.former += u32::from(worker.is_ready() && worker.generation != self.generation);
        }
        census
    }

    /// The number wanted, or the surge allowed, went down under successors that still boot: they go first.
    fn trim(&mut self, now: Instant, census: &mut Census, out: &mut Vec<Action>) {
        let most = self.wanted.saturating_add(self.policy.max_surge);
        let policy = &self.policy;
        for seat in self.seats.values_mut().rev().filter(|seat| seat.has_ready()) {
            for worker in seat.workers.iter_mut().filter(|worker| worker.is_booting()) {
                if census.active <= most {
                    return;
                }
                retire(worker, policy, Speed::Graceful, "scaled down", now, out);
                census.active -= 1;
                census.current -= u32::from(worker.generation == self.generation);
            }
        }
    }

    /// Spawns for the seats that have nobody.
    fn fill(&mut self, now: Instant, census: &mut Census, out: &mut Vec<Action>) {
        let alone = self.policy.max_surge == 0;
        let vacant: Vec<u32> = self
            .seats
            .iter()
            .filter(|(_, seat)| seat.is_vacant(alone) && seat.may_spawn(now))
            .map(|(&slot, _)| slot)
            .collect();
        for slot in vacant {
            // While a canary is tried, the service is kept up by what is known to work.
            let generation = match &self.reload {
                Some(reload) if census.current > 0 => match &reload.stage {
                    Stage::Canary { before, .. } if census.former > 0 => before.generation,
                    Stage::Canary { .. } => return,
                    _ => self.generation,
                },
                _ => self.generation,
            };
            if !self.spawn(now, slot, generation, census, out) {
                return;
            }
        }
    }

    /// Moves stale seats on: a successor beside the old worker, or the old one out of the way first.
    fn replace(&mut self, now: Instant, census: &mut Census, out: &mut Vec<Action>) {
        let generation = self.generation;
        let stale: Vec<u32> = self
            .seats
            .iter()
            .filter(|(_, seat)| seat.open && seat.may_spawn(now) && !seat.has_fresh(generation))
            .filter(|(_, seat)| seat.has_ready())
            .map(|(&slot, _)| slot)
            .collect();
        for slot in stale {
            if self.canary_is_out(census) {
                return;
            }
            let room = census.active < self.wanted.saturating_add(self.policy.max_surge);
            if self.policy.max_surge > 0 && room {
                if !self.spawn(now, slot, generation, census, out) {
                    return;
                }
            } else if self.wanted.saturating_sub(census.ready) < self.policy.max_unavailable {
                let policy = &self.policy;
                let Some(seat) = self.seats.get_mut(&slot) else { continue };
                for worker in seat.workers.iter_mut().filter(|worker| worker.is_ready()) {
                    retire(worker, policy, Speed::Graceful, "replaced", now, out);
                    census.ready -= 1;
                    census.active -= 1;
                }
                if self.policy.max_surge > 0 && !self.spawn(now, slot, generation, census, out) {
                    return;
                }
            } else {
                return;
            }
        }
    }

    /// A canary goes alone: while it boots, or while its place is made, nothing else changes.
    fn canary_is_out(&self, census: &Census) -> bool {
        let canary = self.reload.as_ref().is_some_and(|reload| match &reload.stage {
            Stage::Canary { .. } => true,
            Stage::Reading | Stage::Rolling { .. } => false,
        });
        canary && (census.current > 0 || census.ready < self.wanted)
    }

    /// Spawns within the budget; `false` when there is none left.
    fn spawn(
        &mut self,
        now: Instant,
        slot: u32,
        generation: u32,
        census: &mut Census,
        out: &mut Vec<Action>,
    ) -> bool {
        let most = self.wanted.saturating_add(self.policy.max_surge);
        let refused = self.trouble.as_ref().is_some_and(|trouble| trouble.until > now);
        if refused || census.active >= most {
            return false;
        }
        let Some(seat) = self.seats.get_mut(&slot) else { return true };
        self.spawned += 1;
        self.totals.spawned += 1;
        let worker = WorkerKey { slot, serial: self.spawned };
        seat.wait = None;
        seat.workers.push(Worker::new(worker, generation, &self.policy, now));
        census.active += 1;
        census.current += u32::from(generation == self.generation);
        out.push(Action::Spawn { worker, generation });
        true
    }

    /// Asks every worker that `leaves` picks to leave.
    fn retire_where(
        &mut self,
        why: &'static str,
        now: Instant,
        out: &mut Vec<Action>,
        leaves: impl Fn(&Seat, &Worker) -> bool,
    ) {
        let policy = &self.policy;
        for seat in self.seats.values_mut() {
            for at in 0..seat.workers.len() {
                if leaves(seat, &seat.workers[at]) {
                    let worker = &mut seat.workers[at];
                    let why = match worker.state {
                        State::Ready { outdated: Some(reason), .. } => reason,
                        _ => why,
                    };
                    retire(worker, policy, Speed::Graceful, why, now, out);
                }
            }
        }
    }

    /// Asks everybody to leave at this speed, or hurries those who were asked before.
    pub(super) fn retire_all(&mut self, speed: Speed, now: Instant, out: &mut Vec<Action>) {
        let policy = &self.policy;
        for worker in self.seats.values_mut().flat_map(|seat| &mut seat.workers) {
            let slower = match worker.state {
                State::Draining { speed: given, .. } => given < speed,
                State::Booting { .. } | State::Ready { .. } => true,
                State::Killed { .. } => false,
            };
            if slower {
                retire(worker, policy, speed, "stopping", now, out);
            }
        }
    }
}

/// Sends one worker on its way out.
pub(super) fn retire(
    worker: &mut Worker,
    policy: &super::Policy,
    speed: Speed,
    why: &'static str,
    now: Instant,
    out: &mut Vec<Action>,
) {
    if speed == Speed::Now {
        super::kill(worker, super::Cause::Hurry, out);
        return;
    }
    if why != "stopping" {
        out.push(Action::Tell(Note::Retiring { slot: worker.key.slot, why }));
    }
    out.push(Action::Stop { worker: worker.key, speed });
    let deadline = policy.drain(speed == Speed::Quick).map(|limit| now + limit);
    worker.state = State::Draining { deadline, speed };
}
