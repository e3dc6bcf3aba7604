//! Workers' ends: what they were, what they count as, and what follows from them.

use std::time::{Duration, Instant};

use super::action::{Action, Cause, Death, Note, Outcome};
use super::event::{ExitStatus, Speed, WorkerKey};
use super::seat::back_off;
use super::worker::State;
use super::{Arbiter, Phase, SWEEP_DELAY, SWEEP_DELAY_MOST, SWEEP_DELAY_OF_ONE, Trouble, kill};

impl Arbiter {
    pub(super) fn spawn_failed(
        &mut self,
        now: Instant,
        key: WorkerKey,
        reason: &str,
        out: &mut Vec<Action>,
    ) {
        if let Some(seat) = self.seats.get_mut(key.slot) {
            seat.workers.retain(|worker| worker.key != key);
            self.totals.spawned -= 1;
        }
        let sentence = format!("cannot make a process: {reason}");
        // One refusal speaks for the batch: the rest of it failed for the same reason.
        if self.trouble.as_ref().is_none_or(|trouble| trouble.until <= now) {
            let failures = self.trouble.as_ref().map_or(0, |trouble| trouble.failures + 1);
            let delay = back_off(&self.policy, failures, self.jitter.next());
            self.trouble = Some(Trouble { until: now + delay, failures });
            out.push(Action::Tell(Note::CannotSpawn { reason: reason.to_owned(), delay }));
            // A start has the patience that it has for a boot.
            let patience = self.policy.boot_timeout.unwrap_or(Duration::MAX);
            if self.phase != Phase::Starting || now - self.started >= patience {
                self.boot_failed(now, key, sentence, out);
            }
        } else {
            self.fail_waiters(now, key.slot, &sentence, out);
        }
    }

    pub(super) fn exited(
        &mut self,
        now: Instant,
        key: WorkerKey,
        status: ExitStatus,
        out: &mut Vec<Action>,
    ) {
        let Some(seat) = self.seats.get_mut(key.slot) else { return };
        let Some(at) = seat.workers.iter().position(|worker| worker.key == key) else { return };
        let worker = seat.workers.remove(at);
        let ready_for = worker.ready_for(now);
        let starved = status == ExitStatus::OutOfMemory;
        let itself = if starved { Cause::OutOfMemory } else { Cause::Itself };
        let (unasked, cause) = match worker.state {
            State::Booting { .. } => {
                let said = worker.told.unwrap_or_else(|| format!("ended in boot with {status}"));
                (true, Cause::Boot(said))
            }
            State::Ready { .. } => (true, itself),
            State::Draining { .. } if starved => (false, itself),
            State::Draining { why, .. } => (false, Cause::Asked(why)),
            // So was what follows from this.
            State::Broken { .. } => (false, itself),
            // What follows from it was decided when it was killed.
            State::Killed { cause } => (false, cause),
        };
        match cause {
            Cause::BootTimeout(_)
            | Cause::Timeout(_)
            | Cause::DrainTimeout
            | Cause::Hurry
            | Cause::Leadership => {
                self.totals.killed += 1;
            }
            Cause::Itself if status.success() => self.totals.exited += 1,
            Cause::Itself | Cause::OutOfMemory | Cause::Boot(_) => self.totals.crashed += 1,
            Cause::Asked(_) => self.totals.exited += 1,
        }
        let lived = now - worker.spawned;
        out.push(Action::Tell(Note::Died(Death {
            worker: key,
            generation: worker.generation,
            status,
            cause: cause.clone(),
            lived,
        })));
        out.push(Action::Reap { worker: key });
        self.sweep_soon(now);
        if unasked {
            self.crashed(now, key, worker.generation, ready_for, &cause, out);
        }
        self.seats.drop_if_gone(key.slot);
    }

    /// A worker's code has panicked. That is its crash, from now on: what else it has to finish must not leave its slot
    /// without anybody until then.
    pub(super) fn broke(&mut self, now: Instant, key: WorkerKey, out: &mut Vec<Action>) {
        let deadline = self.policy.drain(false).map(|limit| now + limit);
        let Some(worker) = self.worker(key).filter(|worker| worker.is_ready()) else { return };
        let (generation, ready_for) = (worker.generation, worker.ready_for(now));
        worker.state = State::Broken { deadline };
        self.crashed(now, key, generation, ready_for, &Cause::Itself, out);
    }

    /// The process that workers are forked from has died: another is there before one is needed, but not as often as it may
    /// die.
    pub(super) fn zygote_died(&mut self, now: Instant, steady: bool, out: &mut Vec<Action>) {
        if matches!(self.phase, Phase::New | Phase::Stopping { .. } | Phase::Over) {
            return;
        }
        if steady {
            (self.zygote_ends, self.zygote_retry) = (0, None);
            out.push(Action::StartZygote);
            return;
        }
        let delay = back_off(&self.policy, self.zygote_ends, self.jitter.next());
        self.zygote_ends = self.zygote_ends.saturating_add(1);
        self.zygote_retry = Some(now + delay);
    }

    pub(super) fn sweep_soon(&mut self, now: Instant) {
        if self.phase != Phase::Over && self.sweep.is_none() {
            let all = SWEEP_DELAY_OF_ONE * self.seats.sums(self.generation).processes;
            self.sweep = Some(now + all.clamp(SWEEP_DELAY, SWEEP_DELAY_MOST));
        }
    }

    /// Kills a worker that nobody asked to leave. Its slot goes on as after a crash, without waiting for the end of
    /// a process that may be stuck in the kernel.
    pub(super) fn kill_unasked(
        &mut self,
        now: Instant,
        key: WorkerKey,
        cause: &Cause,
        out: &mut Vec<Action>,
    ) {
        let Some(worker) = self.worker(key) else { return };
        let (generation, ready_for) = (worker.generation, worker.ready_for(now));
        kill(worker, cause.clone(), out);
        self.crashed(now, key, generation, ready_for, cause, out);
    }

    pub(super) fn crashed(
        &mut self,
        now: Instant,
        key: WorkerKey,
        generation: u32,
        ready_for: Option<Duration>,
        cause: &Cause,
        out: &mut Vec<Action>,
    ) {
        if matches!(self.phase, Phase::Stopping { .. }) {
            return;
        }
        let jitter = self.jitter.next();
        let fatal = self.phase == Phase::Starting && ready_for.is_none();
        let mut again = false;
        if let Some(seat) = self.seats.get_mut(key.slot)
            && let Some(delay) = seat.crashed(ready_for, &self.policy, now, jitter)
            && !fatal
        {
            again = true;
            out.push(Action::Tell(Note::BackingOff { slot: key.slot, delay, row: seat.row(now) }));
        }
        let slot = key.slot;
        let reason = match cause {
            Cause::Boot(said) => format!("worker {slot} could not boot: {said}"),
            Cause::BootTimeout(limit) => {
                format!("worker {slot} could not boot: not ready within boot_timeout ({limit:?})")
            }
            // Once may be chance. A generation whose workers are ready and then crash, again and again, will hardly ever be
            // ready as a whole: a reload would wait for that, and everybody behind it.
            cause if again && (self.has_former() || self.is_on_trial()) => {
                format!("worker {slot} was ready and ended again soon after ({})", cause.word())
            }
            _ => return,
        };
        if self.reload.is_some() && generation != self.generation {
            return;
        }
        self.boot_failed(now, key, reason, out);
    }

    /// A boot failure ends a start and a reload, and is the verdict for whoever waits for workers.
    pub(super) fn boot_failed(
        &mut self,
        now: Instant,
        key: WorkerKey,
        reason: String,
        out: &mut Vec<Action>,
    ) {
        if self.phase == Phase::Starting {
            self.stop(now, None, Speed::Quick, Outcome::BootFailed(reason), out);
        } else if self.has_former() {
            self.roll_back(now, &reason, out);
        } else {
            self.fail_waiters(now, key.slot, &reason, out);
        }
    }
}
