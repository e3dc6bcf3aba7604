//! What operators ask for: scaling, restarting, stopping; and the verdicts they get.

use std::time::Instant;

use super::action::{Action, LastChange, Note, Outcome, Verdict};
use super::change::{Goal, Waiter};
use super::event::{ScaleBy, Slots, Speed, Ticket, WorkerKey};
use super::why::Why;
use super::worker::{State, Worker};
use super::{Arbiter, Phase};

/// The codes of [`Verdict::Failed`] are the exit codes of the asker's command.
const FAILED: i64 = 1;
const REFUSED: i64 = 4;

impl Arbiter {
    pub(super) fn scale(
        &mut self,
        now: Instant,
        asked: Option<Ticket>,
        by: ScaleBy,
        out: &mut Vec<Action>,
    ) {
        if self.refuse_when_ending(asked, out) {
            return;
        }
        let from = self.wanted;
        let to = match self.number(by) {
            Ok(to) => to,
            Err(reason) => {
                if asked.is_none() {
                    out.push(Action::Tell(Note::Refused { reason: reason.clone() }));
                }
                answer(asked, failed(REFUSED, reason), out);
                return;
            }
        };
        let before = if self.wake() { Vec::new() } else { self.open_slots() };
        if let Some(reload) = &mut self.reload {
            reload.keep_number(to);
        }
        if to != from {
            self.open_seats(to);
            self.scaler.count_anew();
            out.push(Action::Tell(Note::Scaled { from, to }));
        }
        // Who asks for more waits for those, and who asks for as many for whoever is missing; who asks for fewer has them
        // with this very step.
        let mut slots = self.open_slots();
        slots.retain(|slot| !before.contains(slot) || to == from && !self.is_served(*slot));
        self.wait(now, asked, "scale", Goal::Replaced { old: Vec::new(), slots });
    }

    /// What a wish comes to, or why it can't be.
    fn number(&self, by: ScaleBy) -> Result<u32, String> {
        if self.policy.is_ondemand() {
            return Err("the load alone decides under scaling = ondemand; set max_workers".into());
        }
        let (min, max) = self.policy.bounds();
        let (from, least, most) = (i64::from(self.wanted), i64::from(min), i64::from(max));
        let to = match by {
            ScaleBy::To(number) => i64::from(number),
            ScaleBy::Relative(by) => from.saturating_add(by),
            ScaleBy::Nudge(by) => from.saturating_add(by).clamp(least, most),
        };
        match (to, &self.policy.band) {
            (to, _) if (least..=most).contains(&to) => Ok(to as u32),
            (_, None) => Err(format!("{to} workers: the number must be {min} to {max}")),
            (_, Some(_)) if to < least => {
                Err(format!("{to} workers are fewer than min_workers = {min}; lower that first"))
            }
            (_, Some(_)) => {
                Err(format!("{to} workers are more than max_workers = {max}; raise that first"))
            }
        }
    }

    pub(super) fn restart(
        &mut self,
        now: Instant,
        asked: Option<Ticket>,
        slots: Slots,
        out: &mut Vec<Action>,
    ) {
        if self.refuse_when_ending(asked, out) {
            return;
        }
        let slots = match slots {
            Slots::All => self.open_slots(),
            Slots::These(slots) => slots,
        };
        if let Some(stranger) = slots.iter().find(|slot| !self.is_open(**slot)) {
            answer(asked, failed(FAILED, self.no_such_worker(*stranger)), out);
            return;
        }
        self.wake();
        let mut old = Vec::new();
        for slot in &slots {
            let Some(seat) = self.seats.get_mut(*slot) else { continue };
            seat.wait = None;
            for worker in seat.workers.iter_mut().filter(|worker| worker.is_ready()) {
                if let State::Ready { outdated, .. } = &mut worker.state {
                    outdated.get_or_insert(Why::Restarted);
                }
                old.push(worker.key);
            }
        }
        self.wait(now, asked, "restart", Goal::Replaced { old, slots });
    }

    pub(super) fn stop_worker(
        &mut self,
        now: Instant,
        asked: Option<Ticket>,
        slot: u32,
        out: &mut Vec<Action>,
    ) {
        if self.refuse_when_ending(asked, out) {
            return;
        }
        if !self.is_open(slot) {
            answer(asked, failed(FAILED, self.no_such_worker(slot)), out);
            return;
        }
        // On demand, too, the last one may have connections that somebody has to go on with.
        let least = self.policy.bounds().0.max(1);
        if self.wanted <= least {
            let reason = match least {
                1 => "at least one worker stays; stop the master instead".to_owned(),
                _ => format!("no fewer than min_workers = {least} stay; lower that first"),
            };
            answer(asked, failed(REFUSED, reason), out);
            return;
        }
        let from = self.wanted;
        let Some(seat) = self.seats.get(&slot) else { return };
        let leaving = seat.workers.iter().map(|worker| worker.key).collect();
        self.close_seat(slot);
        self.scaler.count_anew();
        out.push(Action::Tell(Note::Scaled { from, to: self.wanted }));
        self.wait(now, asked, "stop worker", Goal::Gone(leaving));
    }

    /// `WINCH`: all workers leave, the master stays. Whoever waits for workers waits in vain.
    pub(super) fn rest(&mut self, now: Instant, out: &mut Vec<Action>) {
        if self.phase != Phase::Running || self.reload.is_some() {
            out.push(Action::Tell(Note::NotNow { what: "to retire all workers" }));
            return;
        }
        self.phase = Phase::Resting;
        for slot in self.open_slots() {
            self.fail_waiters(now, slot, "all workers were retired", out);
        }
    }

    /// Leaves the rest that `WINCH` began; whether it was one.
    fn wake(&mut self) -> bool {
        let resting = self.phase == Phase::Resting;
        if resting {
            self.phase = Phase::Running;
        }
        resting
    }

    /// Begins the end, or makes it quicker: each further signal goes one speed up, a request to the one it names.
    pub(super) fn stop(
        &mut self,
        now: Instant,
        asked: Option<Ticket>,
        speed: Speed,
        outcome: Outcome,
        out: &mut Vec<Action>,
    ) {
        let next = match &mut self.phase {
            Phase::Over => {
                answer(asked, Verdict::Done, out);
                return;
            }
            Phase::Stopping { speed: given, asked: tickets, .. } => {
                if asked.is_none() {
                    let quicker = if *given == Speed::Graceful { Speed::Quick } else { Speed::Now };
                    *given = quicker;
                }
                tickets.extend(asked);
                *given = speed.max(*given);
                *given
            }
            Phase::New | Phase::Starting | Phase::Running | Phase::Resting => {
                let asked = asked.into_iter().collect();
                self.phase = Phase::Stopping { speed, outcome, asked };
                self.end_changes(now, "the master is stopping", out);
                speed
            }
        };
        let workers = self.seats.sums(self.generation).processes as usize;
        out.push(Action::Tell(Note::Stopping { speed: next, workers }));
        self.retire_all(next, now, out);
    }

    /// Whoever waits for anything but the end will not see it come true.
    pub(super) fn end_changes(&mut self, now: Instant, why: &str, out: &mut Vec<Action>) {
        let verdict = failed(FAILED, why.to_owned());
        self.end_upgrade(now, verdict.clone(), out);
        let reload = self.reload.take().map(|reload| {
            self.record(reload.purpose.word(), reload.began, &verdict, now, out);
            reload.asked
        });
        for ticket in reload.into_iter().chain(self.queued.take()).flatten() {
            answer(Some(ticket), verdict.clone(), out);
        }
        for waiter in std::mem::take(&mut self.waiters) {
            self.end_wait(now, &waiter, verdict.clone(), out);
        }
    }

    pub(super) fn refuse_when_ending(&self, asked: Option<Ticket>, out: &mut Vec<Action>) -> bool {
        let ending = matches!(self.phase, Phase::Stopping { .. } | Phase::Over);
        if ending {
            answer(asked, failed(FAILED, "the master is stopping".to_owned()), out);
        }
        ending
    }

    fn open_slots(&self) -> Vec<u32> {
        self.seats.iter().filter(|(_, seat)| seat.open).map(|(&slot, _)| slot).collect()
    }

    /// Whether a slot is wanted: it has a worker, or will have one.
    pub fn is_open(&self, slot: u32) -> bool {
        self.seats.get(&slot).is_some_and(|seat| seat.open)
    }

    fn no_such_worker(&self, slot: u32) -> String {
        let ids: Vec<String> = self.open_slots().iter().map(u32::to_string).collect();
        match &ids[..] {
            [] => format!("no worker {slot}; there are none at the moment"),
            [only] => format!("no worker {slot}; the only one is {only}"),
            _ => format!("no worker {slot}; there are {}", ids.join(", ")),
        }
    }

    fn wait(&mut self, now: Instant, asked: Option<Ticket>, kind: &'static str, goal: Goal) {
        self.waiters.push(Waiter { asked, kind, began: now, goal });
    }

    /// Gives their verdict to those whose goal is reached.
    pub(super) fn settle(&mut self, now: Instant, out: &mut Vec<Action>) {
        if self.phase == Phase::Starting && self.is_settled() && (self.works() || self.stands_by())
        {
            self.phase = Phase::Running;
            let workers = if self.staffs() { self.wanted } else { 0 };
            out.push(Action::Tell(Note::Started { workers, took: now - self.started }));
            out.push(Action::Started);
        }
        self.settle_reload(now, out);
        for waiter in std::mem::take(&mut self.waiters) {
            if self.reached(&waiter.goal) {
                self.end_wait(now, &waiter, Verdict::Done, out);
            } else {
                self.waiters.push(waiter);
            }
        }
    }

    fn reached(&self, goal: &Goal) -> bool {
        match goal {
            Goal::Replaced { old, slots } => {
                let succeeded = |slot: &u32| match self.seats.get(slot) {
                    Some(seat) if seat.open && self.staffs() => seat.has_ready(),
                    _ => true,
                };
                old.iter().all(|key| !self.find(*key).is_some_and(Worker::is_active))
                    && slots.iter().all(succeeded)
            }
            Goal::Gone(keys) => keys.iter().all(|key| self.find(*key).is_none()),
        }
    }

    fn find(&self, key: WorkerKey) -> Option<&Worker> {
        self.seats.get(&key.slot)?.workers.iter().find(|worker| worker.key == key)
    }

    /// Every wanted slot has had a ready worker; of a master that others are to have them instead of, none.
    fn is_settled(&mut self) -> bool {
        !self.staffs() || self.seats.sums(self.generation).unserved == 0
    }

    /// A worker could not boot: that is the verdict for whoever waits for it.
    pub(super) fn fail_waiters(
        &mut self,
        now: Instant,
        slot: u32,
        reason: &str,
        out: &mut Vec<Action>,
    ) {
        for waiter in std::mem::take(&mut self.waiters) {
            let concerned = match &waiter.goal {
                Goal::Replaced { slots, .. } => slots.contains(&slot),
                Goal::Gone(_) => false,
            };
            if concerned {
                self.end_wait(now, &waiter, failed(FAILED, reason.to_owned()), out);
            } else {
                self.waiters.push(waiter);
            }
        }
    }

    fn end_wait(&mut self, now: Instant, waiter: &Waiter, verdict: Verdict, out: &mut Vec<Action>) {
        self.record(waiter.kind, waiter.began, &verdict, now, out);
        answer(waiter.asked, verdict, out);
    }

    /// Keeps a change's end for `status`, and tells it.
    pub(super) fn record(
        &mut self,
        kind: &'static str,
        began: Instant,
        verdict: &Verdict,
        now: Instant,
        out: &mut Vec<Action>,
    ) {
        let (ok, reason) = match verdict {
            Verdict::Done => (true, None),
            Verdict::Failed { reason, .. } => (false, Some(reason.clone())),
        };
        let change = LastChange { kind, ok, reason, took: now - began };
        out.push(Action::Tell(Note::ChangeEnded(change.clone())));
        self.last_change = Some(change);
    }

    /// The asker has gone; what was asked goes on.
    pub(super) fn forget(&mut self, ticket: Ticket) {
        self.forget_upgrade(ticket);
        self.forget_resignation(ticket);
        for waiter in &mut self.waiters {
            waiter.asked.take_if(|asked| *asked == ticket);
        }
        let reload = self.reload.as_mut().map(|reload| &mut reload.asked);
        let stopping = match &mut self.phase {
            Phase::Stopping { asked, .. } => Some(asked),
            _ => None,
        };
        for tickets in [reload, self.queued.as_mut(), stopping].into_iter().flatten() {
            tickets.retain(|asked| *asked != ticket);
        }
    }
}

pub(super) fn failed(code: i64, reason: String) -> Verdict {
    Verdict::Failed { code, reason }
}

pub(super) fn answer(asked: Option<Ticket>, verdict: Verdict, out: &mut Vec<Action>) {
    if let Some(ticket) = asked {
        out.push(Action::Answer { ticket, verdict });
    }
}
