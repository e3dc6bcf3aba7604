//! Bringing the seats nearer to what is wanted: closing, filling, replacing.

use std::time::Instant;

use super::action::{Action, Note};
use super::change::Stage;
use super::event::{Speed, WorkerKey};
use super::leadership::Leadership;
use super::seat::Seat;
use super::seats::Seats;
use super::why::Why;
use super::worker::{State, Worker};
use super::{Arbiter, Phase};

impl Arbiter {
    /// Opens seats, lowest free id first, or closes them, highest id first, until `number` are open.
    pub(super) fn open_seats(&mut self, number: u32) {
        self.wanted = number;
        let mut open = self.seats.values().filter(|seat| seat.open).count() as u32;
        if open < number {
            // As many are enough wherever the open ones are, and the first of them are to be filled.
            self.seats.make(0..number);
            let closed = self.seats.values_mut().filter(|seat| !seat.open);
            closed.take((number - open) as usize).for_each(|seat| seat.open = true);
            open = number;
        }
        for seat in self.seats.values_mut().rev().filter(|seat| seat.open) {
            if open == number {
                break;
            }
            seat.open = false;
            open -= 1;
        }
        self.seats.drop_gone();
    }

    /// One pass over the seats. Retiring comes before spawning, so that what leaves makes room.
    pub(super) fn reconcile(&mut self, now: Instant, out: &mut Vec<Action>) {
        match &self.phase {
            Phase::New | Phase::Over => {}
            Phase::Stopping { outcome, asked, .. } => {
                let (outcome, asked) = (outcome.clone(), asked.clone());
                let gone = self.seats.sums(self.generation).processes == 0;
                if gone && self.bid_farewell(now, out) {
                    let verdict = super::Verdict::Done;
                    for ticket in asked {
                        out.push(Action::Answer { ticket, verdict: verdict.clone() });
                    }
                    out.push(Action::Exit(outcome));
                    self.phase = Phase::Over;
                    self.lead = self.lead.take().map(|_| Leadership::over());
                    (self.sweep, self.scan, self.weigh) = (None, None, None);
                    (self.guard_retry, self.zygote_retry) = (None, None);
                }
            }
            Phase::Starting | Phase::Running | Phase::Resting if !self.staffs() => {
                self.vacate(now, out);
            }
            Phase::Resting => {
                let policy = &self.policy;
                for worker in self.seats.values_mut().flat_map(|seat| &mut seat.workers) {
                    if worker.is_active() {
                        retire(worker, policy, Speed::Graceful, Why::Resting, now, out);
                    }
                }
            }
            Phase::Starting | Phase::Running => {
                let mut restless = self.seats.restless(self.generation);
                if restless.is_empty() {
                    self.end_relief(now);
                    // With the wish goes the trouble of fulfilling it.
                    self.trouble = None;
                } else {
                    if self.retire_leavers(now, &restless, out) {
                        restless = self.seats.restless(self.generation);
                    }
                    self.trim(now, &restless, out);
                    self.fill(now, &restless, out);
                    self.replace(now, &restless, out);
                }
                // Those who were asked to leave share in nothing any more.
                self.ready = self.seats.sums(self.generation).ready;
            }
        }
    }

    /// Asks those to leave whose seat is closed, or whose successor is ready; whether there were any.
    fn retire_leavers(&mut self, now: Instant, slots: &[u32], out: &mut Vec<Action>) -> bool {
        let before = out.len();
        let (policy, generation) = (&self.policy, self.generation);
        for &slot in slots {
            // Most of those who are to be replaced wait for their turn, and are not lent for nothing.
            let leaver = |seats: &Seats| seats.get(&slot).and_then(|seat| seat.leaver(generation));
            while let Some((at, why)) = leaver(&self.seats) {
                let Some(seat) = self.seats.get_mut(slot) else { break };
                retire(&mut seat.workers[at], policy, Speed::Graceful, why, now, out);
            }
        }
        out.len() > before
    }

    /// The number wanted, or the surge allowed, went down under successors that still boot: they go first.
    fn trim(&mut self, now: Instant, slots: &[u32], out: &mut Vec<Action>) {
        let most = self.wanted.saturating_add(self.policy.max_surge);
        let mut excess = self.seats.sums(self.generation).active.saturating_sub(most);
        let policy = &self.policy;
        for &slot in slots.iter().rev() {
            if excess == 0 {
                return;
            }
            let Some(seat) = self.seats.get_mut(slot).filter(|seat| seat.has_ready()) else {
                continue;
            };
            let booting = seat.workers.iter_mut().filter(|worker| worker.is_booting());
            for worker in booting.take(excess as usize) {
                retire(worker, policy, Speed::Graceful, Why::ScaledDown, now, out);
                excess -= 1;
            }
        }
    }

    /// Spawns for the seats that have nobody.
    fn fill(&mut self, now: Instant, slots: &[u32], out: &mut Vec<Action>) {
        let alone = self.policy.max_surge == 0;
        let vacant = self.pick(slots, |seat| seat.is_vacant(alone) && seat.may_spawn(now));
        for slot in vacant {
            let sums = self.seats.sums(self.generation);
            // While a canary is tried, the service is kept up by what is known to work.
            let generation = match &self.reload {
                Some(reload) if sums.current > 0 => match &reload.stage {
                    Stage::Canary { before, .. } if sums.former > 0 => before.generation,
                    Stage::Canary { .. } => return,
                    _ => self.generation,
                },
                _ => self.generation,
            };
            if !self.spawn(now, slot, generation, out) {
                return;
            }
        }
    }

    /// Moves stale seats on: a successor beside the old worker, or the old one out of the way first.
    fn replace(&mut self, now: Instant, slots: &[u32], out: &mut Vec<Action>) {
        self.end_relief(now);
        let generation = self.generation;
        let mut stale = self.pick(slots, |seat| {
            seat.open && seat.may_spawn(now) && seat.has_ready() && !seat.has_fresh(generation)
        });
        // Of an older generation first, then who has been there longest: or those who recycle fast starve the rest.
        stale.sort_by_key(|slot| {
            let workers = self.seats.get(slot).map_or(&[][..], |seat| &seat.workers[..]);
            let oldest =
                workers.iter().filter(|worker| worker.is_ready()).min_by_key(|it| it.key.serial);
            oldest.map(|worker| (worker.generation == generation, worker.key.serial))
        });
        for slot in stale {
            if self.canary_is_out() {
                return;
            }
            let heavy = self.seats.get(&slot).is_some_and(|seat| {
                seat.workers.iter().any(|it| it.is_heavy() && it.generation == generation)
            });
            if heavy && self.relieved.is_some() {
                continue;
            }
            let sums = self.seats.sums(generation);
            let room = sums.active < self.wanted.saturating_add(self.policy.max_surge);
            if self.policy.max_surge > 0 && room {
                if !self.spawn(now, slot, generation, out) {
                    return;
                }
            } else if self.wanted.saturating_sub(sums.ready) < self.policy.max_unavailable {
                let policy = &self.policy;
                let Some(seat) = self.seats.get_mut(slot) else { continue };
                for worker in seat.workers.iter_mut().filter(|worker| worker.is_ready()) {
                    retire(worker, policy, Speed::Graceful, Why::Replaced, now, out);
                }
                if self.policy.max_surge > 0 && !self.spawn(now, slot, generation, out) {
                    return;
                }
            } else {
                return;
            }
            if heavy {
                self.relieved = Some(slot);
            }
        }
    }

    /// A canary goes alone: while it boots, or while its place is made, nothing else changes.
    fn canary_is_out(&mut self) -> bool {
        let sums = self.seats.sums(self.generation);
        let canary = self.reload.as_ref().is_some_and(|reload| match &reload.stage {
            Stage::Canary { .. } => true,
            Stage::Reading | Stage::Rolling { .. } => false,
        });
        canary && (sums.current > 0 || sums.ready < self.wanted)
    }

    /// Spawns within the budget; `false` when there is none left.
    fn spawn(&mut self, now: Instant, slot: u32, generation: u32, out: &mut Vec<Action>) -> bool {
        let most = self.wanted.saturating_add(self.policy.max_surge);
        let refused = self.trouble.as_ref().is_some_and(|trouble| trouble.until > now);
        if refused || self.seats.sums(self.generation).active >= most {
            return false;
        }
        let serial = self.spawned + 1;
        let worker =
            Worker::new(WorkerKey { slot, serial }, generation, self.policy_of(generation), now);
        let Some(seat) = self.seats.get_mut(slot) else { return true };
        self.spawned = serial;
        self.totals.spawned += 1;
        seat.wait = None;
        out.push(Action::Spawn { worker: worker.key, generation });
        seat.workers.push(worker);
        true
    }

    /// Those of the slots whose seats are wanted for something.
    fn pick(&self, slots: &[u32], wanted: impl Fn(&Seat) -> bool) -> Vec<u32> {
        slots.iter().copied().filter(|slot| self.seats.get(slot).is_some_and(&wanted)).collect()
    }

    /// Asks everybody to leave at this speed, or hurries those who were asked before.
    pub(super) fn retire_all(&mut self, speed: Speed, now: Instant, out: &mut Vec<Action>) {
        let policy = &self.policy;
        for worker in self.seats.values_mut().flat_map(|seat| &mut seat.workers) {
            let slower = match worker.state {
                State::Draining { speed: given, .. } => given < speed,
                // On its way already.
                State::Broken { .. } => speed > Speed::Graceful,
                State::Booting { .. } | State::Ready { .. } => true,
                State::Killed { .. } => false,
            };
            if slower {
                retire(worker, policy, speed, Why::Stopping, now, out);
            }
        }
    }
}

/// Sends one worker on its way out.
pub(super) fn retire(
    worker: &mut Worker,
    policy: &super::Policy,
    speed: Speed,
    why: Why,
    now: Instant,
    out: &mut Vec<Action>,
) {
    if speed == Speed::Now {
        super::kill(worker, super::Cause::Hurry, out);
        return;
    }
    let why = match worker.state {
        State::Ready { outdated: Some(reason), .. } => reason,
        _ => why,
    };
    if speed == Speed::Graceful && why != Why::Stopping {
        out.push(Action::Tell(Note::Retiring { slot: worker.key.slot, why }));
    }
    out.push(Action::Stop { worker: worker.key, speed });
    let deadline = policy.drain(speed == Speed::Quick).map(|limit| now + limit);
    worker.state = State::Draining { deadline, speed, late: None, why };
}
