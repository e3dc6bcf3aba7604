//! An upgrade: the program as it is now on disk takes over, or is sent away.
//!
//! By *handover*, another master takes over from this one:
//!
//! ```text
//!            asked              ready: yours, and it serves       every worker gone
//!  Running ─────────► Upgrading ───────────► Stopping(handed over) ───────────► Over
//!     ▲                   │ failed, gone, late
//!     └───────────────────┘ the successor is ended; nothing has changed
//! ```
//!
//! *In place*, this process becomes the other program and goes on, its arbiter [carried](super::Carried) along; the rest is a
//! reload, whose failure gives the process back:
//!
//! ```text
//!            asked           it could: exec    canary, ready    all ready
//!  Running ─────────► Upgrading ═════════════► Reload ═════════════════► Running, the new program
//!     ▲                   │ it can't              │ it fails
//!     ├───────────────────┘                       ▼
//!     └═══════════════════════════════════════ exec back
//! ```

use std::time::{Duration, Instant};

use super::action::{Action, Note, Outcome, Verdict};
use super::change::{Purpose, Reload, Stage, Step};
use super::event::{Speed, Ticket};
use super::request::{answer, failed};
use super::{Arbiter, Phase};

/// The exit codes for who asked.
const REFUSED: i64 = 4;
const FAILED: i64 = 5;

/// Another program on its way to take over, or back.
#[derive(Clone, Debug)]
pub(super) struct Upgrade {
    pub(super) asked: Option<Ticket>,
    pub(super) began: Instant,
    /// By then it must be ready.
    pub(super) deadline: Option<Instant>,
    stage: Progress,
}

/// How far it is.
#[derive(Clone, Debug)]
enum Progress {
    /// The successor boots, or the program is asked.
    Asked,
    /// The successor was told that all is its own.
    Bequeathed,
    /// This process is to become the other program, or the former one.
    Departing(Departure),
}

/// This process is to become another program, as soon as everything else is done that was decided.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Departure {
    /// The one on disk, which goes on with [`Resumed`](super::Event::Resumed).
    Forth,
    /// The one that it was before, which goes on with [`SuccessorFailed`](super::Event::SuccessorFailed) for this reason.
    Back {
        /// One sentence for a person.
        reason: String,
    },
}

impl Upgrade {
    /// One that had begun when its arbiter was carried off.
    pub(super) fn carried(asked: Option<Ticket>, began: Instant) -> Self {
        Self { asked, began, deadline: None, stage: Progress::Asked }
    }
}

impl Arbiter {
    /// One at a time, and not in the middle of another change.
    pub(super) fn upgrade_asked(
        &mut self,
        now: Instant,
        asked: Option<Ticket>,
        out: &mut Vec<Action>,
    ) {
        if self.refuse_when_ending(asked, out) {
            return;
        }
        let obstacle = if self.is_upgrading() {
            "an upgrade is under way already"
        } else if self.reload.is_some() {
            "a reload is under way; upgrade when it is done"
        } else if self.is_changing_roles() {
            "this master is about to lead, or to lead no more; upgrade after that"
        } else if self.phase == Phase::Running || self.phase == Phase::Resting {
            let deadline = self.policy.boot_timeout.map(|limit| now + limit);
            self.upgrade = Some(Upgrade { asked, began: now, deadline, stage: Progress::Asked });
            out.push(Action::StartSuccessor);
            let generation = self.newest + 1;
            out.push(Action::Tell(Note::ChangeBegan { kind: "upgrade", generation }));
            return;
        } else {
            "the workers of the start are not ready yet"
        };
        if asked.is_none() {
            out.push(Action::Tell(Note::NotNow { what: "to upgrade" }));
        }
        answer(asked, failed(REFUSED, obstacle.to_owned()), out);
    }

    /// Whether another program is on its way to take over.
    pub(super) fn is_upgrading(&self) -> bool {
        let reload = self.reload.as_ref();
        self.upgrade.is_some() || reload.is_some_and(|it| it.purpose == Purpose::Upgrade)
    }

    /// The successor's workers are ready: it may have the rest.
    pub(super) fn successor_ready(&mut self, out: &mut Vec<Action>) {
        if let Some(upgrade) = &mut self.upgrade {
            upgrade.stage = Progress::Bequeathed;
            out.push(Purpose::Upgrade.comes_to(Step::HandingOver));
            out.push(Action::Bequeath);
        }
    }

    /// The program says that this process can become it.
    pub(super) fn program_ready(&mut self, out: &mut Vec<Action>) {
        if let Some(upgrade) = &mut self.upgrade {
            (upgrade.deadline, upgrade.stage) = (None, Progress::Departing(Departure::Forth));
            out.push(Purpose::Upgrade.comes_to(Step::Replacing));
        }
    }

    /// Whether this process is to become another program. Once it can't, tell of it by `SuccessorFailed`.
    pub fn departure(&self) -> Option<&Departure> {
        match &self.upgrade.as_ref()?.stage {
            Progress::Departing(departure) => Some(departure),
            Progress::Asked | Progress::Bequeathed => None,
        }
    }

    /// Whether what the workers listen on is another master's to arrange, for now or for good.
    pub fn has_bequeathed(&self) -> bool {
        let bequeathed = |it: &Upgrade| matches!(it.stage, Progress::Bequeathed);
        self.upgrade.as_ref().is_some_and(bequeathed)
            || matches!(self.phase, Phase::Stopping { outcome: Outcome::HandedOver, .. })
    }

    /// Whether another master has taken over.
    pub fn is_handed_over(&self) -> bool {
        matches!(self.phase, Phase::Stopping { outcome: Outcome::HandedOver, .. })
    }

    /// The successor has taken over: this master sees its own workers out.
    pub(super) fn successor_serves(&mut self, now: Instant, out: &mut Vec<Action>) {
        let bequeathed = |it: &mut Upgrade| matches!(it.stage, Progress::Bequeathed);
        let Some(upgrade) = self.upgrade.take_if(bequeathed) else {
            // It takes what it was not given.
            self.successor_failed(now, "the new master answered out of turn", out);
            return;
        };
        out.push(Action::HandOver);
        self.record("upgrade", upgrade.began, &Verdict::Done, now, out);
        answer(upgrade.asked, Verdict::Done, out);
        if self.queued.is_some() {
            // Whoever sent a signal waits for no answer, and it may have read the file before that was changed.
            out.push(Action::ReloadSuccessor);
        }
        self.end_changes(now, "another master has taken over; ask it", out);
        let (speed, outcome) = (Speed::Graceful, Outcome::HandedOver);
        self.phase = Phase::Stopping { speed, outcome, asked: Vec::new() };
        self.retire_all(speed, now, out);
    }

    /// This master has taken over from another one.
    pub(super) fn took_over(&mut self, now: Instant, out: &mut Vec<Action>) {
        self.record("upgrade", self.started, &Verdict::Done, now, out);
        if self.lead.is_some() {
            out.push(Action::StartElector);
        }
    }

    /// There is no successor; whatever there is of it goes.
    pub(super) fn successor_failed(&mut self, now: Instant, reason: &str, out: &mut Vec<Action>) {
        self.end_upgrade(now, failed(FAILED, reason.to_owned()), out);
    }

    pub(super) fn end_upgrade(&mut self, now: Instant, verdict: Verdict, out: &mut Vec<Action>) {
        let Some(upgrade) = self.upgrade.take() else { return };
        out.push(Action::EndSuccessor);
        self.record("upgrade", upgrade.began, &verdict, now, out);
        answer(upgrade.asked, verdict, out);
    }

    /// This program has taken over in place; its workers follow.
    pub(super) fn resumed(&mut self, out: &mut Vec<Action>) {
        let Some(Upgrade { asked, began, .. }) = self.upgrade.take() else { return };
        let (purpose, stage) = (Purpose::Upgrade, Stage::Reading);
        self.reload = Some(Reload { purpose, asked: asked.into_iter().collect(), began, stage });
        out.push(purpose.comes_to(Step::Reading));
        out.push(Action::ReadConfig);
    }

    /// They could not: the former program is to go on.
    pub(super) fn return_from(&mut self, reload: &Reload, reason: String, out: &mut Vec<Action>) {
        out.push(Purpose::Upgrade.comes_to(Step::Returning));
        let (asked, began) = (reload.asked.first().copied(), reload.began);
        let (deadline, stage) = (None, Progress::Departing(Departure::Back { reason }));
        self.upgrade = Some(Upgrade { asked, began, deadline, stage });
    }

    pub(super) fn expire_upgrade(&mut self, now: Instant, out: &mut Vec<Action>) {
        let late = |upgrade: &Upgrade| upgrade.deadline.is_some_and(|at| at <= now);
        if self.upgrade.as_ref().is_some_and(late) {
            let limit = self.policy.boot_timeout.unwrap_or_default();
            let reason = format!("the new program was not ready within boot_timeout ({limit:?})");
            self.successor_failed(now, &reason, out);
        }
    }

    /// The master was away itself: the successor gets its time anew.
    pub(super) fn forgive_upgrade(&mut self, now: Instant) {
        let limit: Option<Duration> = self.policy.boot_timeout;
        if let Some(Upgrade { deadline: Some(deadline), .. }) = &mut self.upgrade
            && let Some(limit) = limit
        {
            *deadline = now + limit;
        }
    }

    /// The asker has gone; the upgrade goes on.
    pub(super) fn forget_upgrade(&mut self, ticket: Ticket) {
        if let Some(upgrade) = &mut self.upgrade {
            upgrade.asked.take_if(|asked| *asked == ticket);
        }
    }
}
