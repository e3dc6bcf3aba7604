//! What the load makes of the wanted number: samples asked for, judged, and acted upon.
//!
//! A busy worker is never given up for want of work. Only it knows whether it is busy, at any one moment, so the shell
//! tries to claim one of those that were idle in the last sample ([`Action::Claim`]), and only one that was claimed, and
//! so will not take work any more, is asked to leave.

use std::time::Instant;

use super::action::{Action, Note};
use super::change::Stage;
use super::event::{Load, WorkerKey};
use super::policy::Band;
use super::scaler::{Decision, Sample, Scaler};
use super::seat::Seat;
use super::why::Why;
use super::worker::{State, Worker};
use super::{Arbiter, Phase};

impl Arbiter {
    /// Sees to it that the load is looked at whenever the number follows it.
    pub(super) fn attend(&mut self, now: Instant, out: &mut Vec<Action>) {
        let follows = self.phase == Phase::Running && self.works();
        let Some(band) = self.policy.band.as_ref().filter(|_| follows) else {
            self.scaler = Scaler::Off;
            return;
        };
        let begins = match self.scaler {
            Scaler::Off => true,
            // Somebody else has made them more: they are given up again when they are idle.
            Scaler::Asleep => self.wanted > band.min && band.idle_timeout.is_some(),
            Scaler::Awake(_) => false,
        };
        if begins {
            self.look_at_load(now, out);
        }
    }

    /// The listeners are others than before, and so is what was seen of them.
    pub(super) fn forget_load(&mut self) {
        self.scaler = Scaler::Off;
    }

    /// Nothing was in hand, and somebody connects.
    pub(super) fn connected(&mut self, now: Instant, out: &mut Vec<Action>) {
        if matches!(self.scaler, Scaler::Asleep) {
            self.look_at_load(now, out);
        }
    }

    fn look_at_load(&mut self, now: Instant, out: &mut Vec<Action>) {
        if let Some(band) = &self.policy.band {
            self.scaler = Scaler::awake(now, band);
            out.push(Action::Measure);
        }
    }

    /// One more sample.
    pub(super) fn measured(&mut self, now: Instant, load: &Load, out: &mut Vec<Action>) {
        let Some(band) = &self.policy.band else { return };
        let (sample, idle) = self.judge(load, band);
        let Scaler::Awake(watch) = &mut self.scaler else { return };
        let decision = watch.decide(now, sample, self.wanted, band);
        let stage = self.reload.as_ref().map(|reload| &reload.stage);
        match (decision, stage) {
            // A canary goes alone.
            (Decision::Stay, _) | (Decision::Grow(_), Some(Stage::Canary { .. })) => {}
            (Decision::Grow(number), _) => self.adapt(number, out),
            // What serves is being replaced: who is left over then goes then.
            (Decision::Shrink | Decision::Sleep, Some(_)) => {}
            (Decision::Shrink, None) => match self.absent_slot() {
                Some(slot) => {
                    self.close_seat(slot);
                    self.gave_up_one(out);
                }
                None if idle.is_empty() => {}
                None => out.push(Action::Claim(idle)),
            },
            (Decision::Sleep, None) => {
                self.scaler = Scaler::Asleep;
                out.push(Action::Watch);
            }
        }
    }

    /// What a look at the workers tells; and who might be given up, highest id first.
    fn judge(&self, load: &Load, band: &Band) -> (Sample, Vec<WorkerKey>) {
        let Load { queue, accepted, .. } = *load;
        let mut sample = Sample { queue, accepted, ..Sample::default() };
        let mut idle = Vec::new();
        for &(key, held) in &load.held {
            // Who leaves may hand on what it has.
            sample.held = sample.held.saturating_add(held);
            let Some(seat) = self.seats.get(&key.slot) else { continue };
            let is_it = |worker: &Worker| worker.key == key && worker.is_ready();
            if !seat.workers.iter().any(is_it) {
                continue;
            }
            sample.ready += 1;
            sample.roomy += u32::from(held < u64::from(band.capacity));
            // One that is being replaced makes room by itself.
            if held == 0 && seat.open {
                sample.idle += 1;
                if seat.workers.iter().filter(|worker| worker.is_active()).count() == 1 {
                    idle.push(key);
                }
            }
        }
        sample.absent = self.seats.values().filter(|seat| is_absent(seat)).count() as u32;
        idle.sort_unstable_by(|one, other| other.cmp(one));
        (sample, idle)
    }

    /// The highest slot that is wanted and has nobody: none to be claimed, and none to be missed.
    fn absent_slot(&self) -> Option<u32> {
        self.seats.iter().rev().find(|(_, seat)| is_absent(seat)).map(|(&slot, _)| slot)
    }

    /// An idle worker takes no work any more, because we said so: it has to go, whatever has happened meanwhile.
    pub(super) fn claimed(&mut self, key: WorkerKey, out: &mut Vec<Action>) {
        let (least, _) = self.policy.bounds();
        let too_many = self.wanted > least && self.phase == Phase::Running;
        let Some(seat) = self.seats.get_mut(key.slot) else { return };
        let alone = seat.workers.iter().filter(|worker| worker.is_active()).count() == 1;
        let open = seat.open;
        let Some(worker) = seat.worker(key) else { return };
        let State::Ready { outdated, .. } = &mut worker.state else { return };
        *outdated = Some(Why::Idle);
        // Otherwise it is replaced.
        if open && alone && too_many {
            self.close_seat(key.slot);
            self.gave_up_one(out);
        }
    }

    fn gave_up_one(&mut self, out: &mut Vec<Action>) {
        self.tell_adapted(self.wanted + 1, self.wanted, out);
        self.scaler.gave_up_one();
    }

    fn adapt(&mut self, number: u32, out: &mut Vec<Action>) {
        let from = self.wanted;
        if let Some(reload) = &mut self.reload {
            reload.keep_number(number);
        }
        self.open_seats(number);
        self.tell_adapted(from, number, out);
    }

    fn tell_adapted(&self, from: u32, to: u32, out: &mut Vec<Action>) {
        let Sample { ready, idle, queue, .. } = self.scaler.last();
        out.push(Action::Tell(Note::Adapted { from, to, busy: ready - idle, idle, queue }));
    }

    /// One worker fewer is wanted, and it is this one.
    pub(super) fn close_seat(&mut self, slot: u32) {
        let Some(seat) = self.seats.get_mut(slot).filter(|seat| seat.open) else { return };
        seat.open = false;
        self.wanted -= 1;
        if let Some(reload) = &mut self.reload {
            reload.keep_number(self.wanted);
        }
        self.seats.drop_if_gone(slot);
    }
}

/// Wanted, and without anybody: it waits out a crash, or for the system to make processes again.
fn is_absent(seat: &Seat) -> bool {
    seat.open && !seat.has_active()
}
