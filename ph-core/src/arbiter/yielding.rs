//! How a leadership ends: asked for, at the end of its time, or with the master; and that nobody is left of it by then.

use std::time::{Duration, Instant};

use super::action::{Action, Cause, Note, Outcome, Verdict};
use super::event::{Speed, Ticket};
use super::leadership::{Leadership, Stage};
use super::request::{answer, failed};
use super::why::Why;
use super::worker::State;
use super::{Arbiter, Phase, kill};

const FAILED: i64 = 1;
const REFUSED: i64 = 4;

/// How long an elector may take to give the lease up and to end.
pub(super) const GOODBYE: Duration = Duration::from_secs(3);

impl Arbiter {
    /// Nobody has said so, but the time is over.
    pub(super) fn run_out(&mut self, now: Instant, out: &mut Vec<Action>) {
        let ends = matches!(self.phase, Phase::Stopping { .. } | Phase::Over);
        if let (Some(lead), Some(lease)) = (&mut self.lead, &self.policy.lease)
            && !ends
        {
            lead.silence = Some(now + lease.ttl / 4);
        }
        self.lapse(now, "the lease was not renewed in time", out);
    }

    /// It leads no more, and nobody has any time left.
    pub(super) fn lapse(&mut self, now: Instant, reason: &str, out: &mut Vec<Action>) {
        for worker in self.seats.values_mut().flat_map(|seat| &mut seat.workers) {
            if !matches!(worker.state, State::Killed { .. }) {
                kill(worker, Cause::Leadership, out);
            }
        }
        self.yield_to_others(now, reason, None, out);
        if let Some(Leadership { stage: Stage::Leaving { term, .. }, .. }) = &mut self.lead {
            *term = None;
        }
    }

    /// From here on nobody is wanted; once nobody is left, the lease is given up.
    fn yield_to_others(
        &mut self,
        now: Instant,
        reason: &str,
        ticket: Option<Ticket>,
        out: &mut Vec<Action>,
    ) {
        let Some(lead) = &mut self.lead else { return };
        match &mut lead.stage {
            Stage::Leaving { asked, .. } => asked.extend(ticket),
            Stage::Opening(term) | Stage::Leading(term) => {
                let (term, asked) = (Some(*term), ticket.into_iter().collect());
                let (reason, began) = (reason.to_owned(), now);
                let workers = self.seats.sums(self.generation).processes as usize;
                out.push(Action::Tell(Note::Yielding { reason: reason.clone(), workers }));
                lead.stage = Stage::Leaving { term, reason, began, asked };
                if !matches!(self.phase, Phase::Stopping { .. } | Phase::Over) {
                    self.end_wishes(now, "this master leads no more", out);
                }
            }
            Stage::Standby { .. } | Stage::Farewell { .. } | Stage::Over => {}
        }
    }

    /// What waits for workers waits in vain.
    fn end_wishes(&mut self, now: Instant, why: &str, out: &mut Vec<Action>) {
        self.successor_failed(now, why, out);
        self.roll_back(now, why, out);
        for slot in self.seats.keys().copied().collect::<Vec<_>>() {
            self.fail_waiters(now, slot, why, out);
        }
    }

    pub(super) fn resign(&mut self, now: Instant, asked: Option<Ticket>, out: &mut Vec<Action>) {
        if self.refuse_when_ending(asked, out) {
            return;
        }
        let obstacle = match self.lead.as_ref().map(|lead| &lead.stage) {
            None => "there is nothing to resign from: leader = none".to_owned(),
            Some(Stage::Standby { leader: Some(other), .. }) => {
                format!("this master does not lead, {other} does")
            }
            Some(Stage::Standby { .. } | Stage::Farewell { .. } | Stage::Over) => {
                "this master does not lead".to_owned()
            }
            Some(_) if self.upgrade.is_some() => {
                "an upgrade is under way; resign when it is done".to_owned()
            }
            Some(_) if self.reload.is_some() => {
                "a reload is under way; resign when it is done".to_owned()
            }
            Some(_) => return self.yield_to_others(now, "asked to resign", asked, out),
        };
        answer(asked, failed(REFUSED, obstacle), out);
    }

    /// Asks everybody to leave, for as long as the lease is good at most; and gives it up when they have gone.
    pub(super) fn vacate(&mut self, now: Instant, out: &mut Vec<Action>) {
        self.ready = 0;
        let policy = &self.policy;
        for worker in self.seats.values_mut().flat_map(|seat| &mut seat.workers) {
            if worker.is_active() {
                super::roll::retire(worker, policy, Speed::Graceful, Why::Leadership, now, out);
            }
        }
        if self.seats.sums(self.generation).processes > 0 {
            return;
        }
        let Some(lead) = &mut self.lead else { return };
        if !matches!(lead.stage, Stage::Leaving { .. }) {
            return;
        }
        let standby = Stage::Standby { leader: None, heard: true };
        let stage = std::mem::replace(&mut lead.stage, standby);
        let Stage::Leaving { reason, began, asked, .. } = stage else { return };
        out.push(Action::Resign);
        if !asked.is_empty() {
            self.record("resign", began, &Verdict::Done, now, out);
        }
        for ticket in asked {
            answer(Some(ticket), Verdict::Done, out);
        }
        out.push(Action::Tell(Note::StandsBy { leader: None, reason: Some(reason) }));
    }

    /// The last worker of a master that stops has gone: so does its elector, with the lease. Whether there is none any more.
    pub(super) fn bid_farewell(&mut self, now: Instant, out: &mut Vec<Action>) -> bool {
        let handed_over = Outcome::HandedOver;
        if matches!(&self.phase, Phase::Stopping { outcome, .. } if *outcome == handed_over) {
            return true;
        }
        let Some(lead) = &mut self.lead else { return true };
        match &mut lead.stage {
            Stage::Over => return true,
            Stage::Farewell { .. } => {}
            stage => {
                if let Stage::Leaving { asked, .. } = stage {
                    for ticket in std::mem::take(asked) {
                        answer(Some(ticket), failed(FAILED, "the master stops".to_owned()), out);
                    }
                }
                *stage = Stage::Farewell { until: now + GOODBYE };
                (lead.aside, lead.silence, lead.elector) = (None, None, None);
                out.push(Action::EndCampaign);
            }
        }
        false
    }

    /// The asker has gone; what was asked goes on.
    pub(super) fn forget_resignation(&mut self, ticket: Ticket) {
        if let Some(Leadership { stage: Stage::Leaving { asked, .. }, .. }) = &mut self.lead {
            asked.retain(|it| *it != ticket);
        }
    }
}
