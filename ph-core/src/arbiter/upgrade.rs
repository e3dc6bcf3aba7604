//! An upgrade: another master, of the program as it is now on disk, takes over or is sent away.
//!
//! ```text
//!            asked              ready: yours, and it serves       every worker gone
//!  Running ─────────► Upgrading ───────────► Stopping(handed over) ───────────► Over
//!     ▲                   │ failed, gone, late
//!     └───────────────────┘ the successor is ended; nothing has changed
//! ```

use std::time::{Duration, Instant};

use super::action::{Action, Note, Outcome, Verdict};
use super::event::{Speed, Ticket};
use super::request::{answer, failed};
use super::{Arbiter, Phase};

/// The exit codes for who asked.
const REFUSED: i64 = 4;
const FAILED: i64 = 5;

/// A successor that boots.
#[derive(Clone, Debug)]
pub(super) struct Upgrade {
    asked: Option<Ticket>,
    began: Instant,
    /// By then it must be ready.
    pub(super) deadline: Option<Instant>,
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
        let obstacle = if self.upgrade.is_some() {
            "an upgrade is under way already"
        } else if self.reload.is_some() {
            "a reload is under way; upgrade when it is done"
        } else if self.phase == Phase::Running || self.phase == Phase::Resting {
            let deadline = self.policy.boot_timeout.map(|limit| now + limit);
            self.upgrade = Some(Upgrade { asked, began: now, deadline });
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

    /// The successor's workers are ready: it may have the rest.
    pub(super) fn successor_ready(&mut self, out: &mut Vec<Action>) {
        if self.upgrade.is_some() {
            out.push(Action::Bequeath);
        }
    }

    /// The successor has taken over: this master sees its own workers out.
    pub(super) fn successor_serves(&mut self, now: Instant, out: &mut Vec<Action>) {
        let Some(upgrade) = self.upgrade.take() else { return };
        out.push(Action::HandOver);
        self.record("upgrade", upgrade.began, &Verdict::Done, now, out);
        answer(upgrade.asked, Verdict::Done, out);
        self.end_changes(now, "another master has taken over; ask it", out);
        let (speed, outcome) = (Speed::Graceful, Outcome::HandedOver);
        self.phase = Phase::Stopping { speed, outcome, asked: Vec::new() };
        self.retire_all(speed, now, out);
    }

    /// There is no successor; whatever there is of it goes.
    pub(super) fn successor_failed(&mut self, now: Instant, reason: &str, out: &mut Vec<Action>) {
        let Some(upgrade) = self.upgrade.take() else { return };
        out.push(Action::EndSuccessor);
        let verdict = failed(FAILED, reason.to_owned());
        self.record("upgrade", upgrade.began, &verdict, now, out);
        answer(upgrade.asked, verdict, out);
    }

    pub(super) fn expire_upgrade(&mut self, now: Instant, out: &mut Vec<Action>) {
        let late = |upgrade: &Upgrade| upgrade.deadline.is_some_and(|at| at <= now);
        if self.upgrade.as_ref().is_some_and(late) {
            let limit = self.policy.boot_timeout.unwrap_or_default();
            let reason = format!("the new master was not ready within boot_timeout ({limit:?})");
            self.successor_failed(now, &reason, out);
        }
    }

    /// The master was away itself: the successor gets its time anew.
    pub(super) fn forgive_upgrade(&mut self, now: Instant) {
        let limit: Option<Duration> = self.policy.boot_timeout;
        if let Some(upgrade) = &mut self.upgrade {
            upgrade.deadline = limit.map(|limit| now + limit);
        }
    }

    /// The asker has gone; the upgrade goes on.
    pub(super) fn forget_upgrade(&mut self, ticket: Ticket) {
        if let Some(upgrade) = &mut self.upgrade {
            upgrade.asked.take_if(|asked| *asked == ticket);
        }
    }
}
