//! A reload as a transaction: read, one canary, the rest; a failure puts everything back.

use std::collections::BTreeSet;
use std::time::Instant;

use super::action::{Action, Note, Verdict};
use super::change::{Before, Purpose, Reload, Stage, Step};
use super::event::{Refusal, Ticket};
use super::policy::Policy;
use super::request::{answer, failed};
use super::{Arbiter, Phase};

/// Former generations that may have workers at once.
const MOST_DRAINING: usize = 2;
/// The exit code of a reload whose new generation failed while the old one still serves.
const NEW_GENERATION_FAILED: i64 = 5;

impl Arbiter {
    /// One reload runs, at most one waits; whoever asks meanwhile shares the waiting one's verdict.
    pub(super) fn reload_asked(
        &mut self,
        now: Instant,
        asked: Option<Ticket>,
        out: &mut Vec<Action>,
    ) {
        if self.refuse_when_ending(asked, out) {
            return;
        }
        if !self.may_reload() {
            if self.queued.is_none() {
                out.push(Purpose::Reload.comes_to(Step::Waiting));
            }
            self.queued.get_or_insert_default().extend(asked);
            return;
        }
        self.begin_reload(now, asked.into_iter().collect(), out);
    }

    /// Whether a [`ConfigRead`](super::Event::ConfigRead) is awaited. A stop no longer waits for one.
    pub fn is_reading(&self) -> bool {
        matches!(self.reload, Some(Reload { stage: Stage::Reading, .. }))
    }

    /// Not during another, and not while two generations drain: a third would triple what the service takes.
    fn may_reload(&self) -> bool {
        let free = self.reload.is_none() && self.upgrade.is_none();
        let free = free && matches!(self.phase, Phase::Running | Phase::Resting);
        free && self.draining_generations() < MOST_DRAINING
    }

    /// Whether there is a generation to go back to.
    pub(super) fn has_former(&self) -> bool {
        self.reload.as_ref().is_some_and(|reload| reload.before().is_some())
    }

    /// Whether another master waits for this one to be ready, and goes on if it never is. Only one that succeeds another begins
    /// with a later generation.
    pub(super) fn is_on_trial(&self) -> bool {
        self.phase == Phase::Starting && self.generation > 1
    }

    /// The rules for workers of this generation: the former one lives by its own while it is not given up.
    pub(super) fn policy_of(&self, generation: u32) -> &Policy {
        match self.reload.as_ref().and_then(Reload::before) {
            Some(before) if before.generation == generation => &before.policy,
            _ => &self.policy,
        }
    }

    /// Former generations that still have workers.
    fn draining_generations(&self) -> usize {
        let workers = self.seats.values().flat_map(|seat| &seat.workers);
        let former = workers.map(|worker| worker.generation).filter(|it| *it != self.generation);
        former.collect::<BTreeSet<_>>().len()
    }

    fn begin_reload(&mut self, now: Instant, asked: Vec<Ticket>, out: &mut Vec<Action>) {
        let (purpose, stage) = (Purpose::Reload, Stage::Reading);
        self.reload = Some(Reload { purpose, asked, began: now, stage });
        out.push(purpose.comes_to(Step::Reading));
        out.push(Action::ReadConfig);
    }

    pub(super) fn config_read(
        &mut self,
        now: Instant,
        result: Result<Policy, Refusal>,
        out: &mut Vec<Action>,
    ) {
        let Some(reload) = &mut self.reload else { return };
        if !matches!(reload.stage, Stage::Reading) {
            return;
        }
        let policy = match result {
            Ok(policy) => policy,
            Err(Refusal { code, reason }) => {
                self.end_reload(now, &failed(code, reason), out);
                return;
            }
        };
        // What the former configuration did wrong is not held against the new one, but is no better if that fails.
        let mut crashes = Vec::new();
        for (slot, seat) in self.seats.all_mut().filter(|(_, seat)| seat.crashes.row > 0) {
            crashes.push((*slot, seat.crashes.clone(), seat.wait));
            seat.forget_crashes();
        }
        let wanted = policy.after(&self.policy, self.wanted);
        self.newest += 1;
        let before = Before {
            policy: std::mem::replace(&mut self.policy, policy),
            generation: std::mem::replace(&mut self.generation, self.newest),
            crashes,
            wanted: Some(self.wanted),
        };
        out.push(Action::KeepGenerations(vec![before.generation, self.generation]));
        // An upgrade began when it was asked for.
        if reload.purpose == Purpose::Reload {
            let generation = self.generation;
            out.push(Action::Tell(Note::ChangeBegan { kind: "reload", generation }));
        }
        let works = self.staffs();
        let canary = if works { self.wanted.max(wanted).min(1) } else { 0 };
        let (stage, step) = match canary {
            // Nobody to be replaced, nobody to be tried.
            0 => (Stage::Rolling { before }, Step::Rolling),
            _ => (Stage::Canary { before, wanted }, Step::Canary),
        };
        if let Some(reload) = &mut self.reload {
            reload.stage = stage;
            out.push(reload.purpose.comes_to(step));
        }
        if !works {
            self.open_seats(self.policy.within(wanted));
        } else if self.wanted < canary {
            self.open_seats(canary);
        }
        self.weigh_later(now);
        if self.phase == Phase::Resting {
            self.phase = Phase::Running;
        }
        self.forget_load();
    }

    /// The first ready worker of the new generation lets the rest follow.
    pub(super) fn canary_ready(&mut self, generation: u32, out: &mut Vec<Action>) {
        let Some(reload) = &mut self.reload else { return };
        if generation != self.generation {
            return;
        }
        if let Stage::Canary { before, wanted } = &reload.stage {
            // Meanwhile an operator may have changed it, from outside the new bounds.
            let wanted = self.policy.within(*wanted);
            reload.stage = Stage::Rolling { before: before.clone() };
            out.push(reload.purpose.comes_to(Step::Rolling));
            self.open_seats(wanted);
        }
    }

    /// A reload is over when every wanted slot has a ready worker of the new generation.
    pub(super) fn settle_reload(&mut self, now: Instant, out: &mut Vec<Action>) {
        let rolling = matches!(&self.reload, Some(Reload { stage: Stage::Rolling { .. }, .. }));
        // There is nobody to wait for where nobody works.
        if rolling && (!self.staffs() || self.seats.sums(self.generation).unrenewed == 0) {
            self.end_reload(now, &Verdict::Done, out);
        }
        if self.queued.is_some()
            && self.may_reload()
            && let Some(asked) = self.queued.take()
        {
            self.begin_reload(now, asked, out);
        }
    }

    /// The new generation failed: the former one is wanted again, and what is left of the new one goes.
    pub(super) fn roll_back(&mut self, now: Instant, reason: &str, out: &mut Vec<Action>) {
        let Some(reload) = &self.reload else { return };
        let Some(before) = reload.before().cloned() else { return };
        out.push(reload.purpose.comes_to(Step::RollingBack));
        let failing = self.generation;
        self.policy = before.policy;
        self.generation = before.generation;
        self.weigh_later(now);
        self.open_seats(self.policy.within(before.wanted.unwrap_or(self.wanted)));
        for seat in self.seats.values_mut() {
            // The crashes of the failed generation are not the former one's fault.
            seat.forget_crashes();
            for worker in &mut seat.workers {
                if worker.generation == failing && worker.is_booting() {
                    super::kill(worker, super::Cause::Hurry, out);
                }
            }
        }
        for (slot, crashes, wait) in before.crashes {
            if let Some(seat) = self.seats.get_mut(slot) {
                (seat.crashes, seat.wait) = (crashes, wait);
            }
        }
        self.end_reload(now, &failed(NEW_GENERATION_FAILED, reason.to_owned()), out);
    }

    fn end_reload(&mut self, now: Instant, verdict: &Verdict, out: &mut Vec<Action>) {
        let Some(reload) = self.reload.take() else { return };
        out.push(Action::KeepGenerations(vec![self.generation]));
        self.forget_load();
        match (reload.purpose, verdict) {
            (Purpose::Reload, _) => {}
            (Purpose::Upgrade, Verdict::Done) => out.push(Action::Stay),
            (Purpose::Upgrade, Verdict::Failed { reason, .. }) => {
                self.return_from(&reload, reason.clone(), out);
                return;
            }
        }
        self.record(reload.purpose.word(), reload.began, verdict, now, out);
        for ticket in reload.asked {
            answer(Some(ticket), verdict.clone(), out);
        }
    }
}
