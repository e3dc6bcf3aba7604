//! How a leadership, and what was on the way to one, ends.

use std::time::Duration;

use super::{Action, Election, GOODBYE, Phase, Then};
use crate::instant::Instant;

impl Election {
    /// Ends what has run out.
    pub(super) fn lapse(&mut self, out: &mut Vec<Action>) {
        if self.lapses_at().is_none_or(|at| self.now < at) {
            return;
        }
        if matches!(self.phase, Phase::Leading { .. }) {
            let who = if self.is_answered() { "the store" } else { "whom it is for" };
            self.complain(format!("the lease was not renewed in time: no answer from {who}"), out);
        }
        // The work ends now; the rest of the lease is there to be sure of it.
        let after = self.options.before_the_end();
        self.leave(after, Then::Look, out);
    }

    /// The clock is not what it was. What was measured by it is worth nothing: a deadline that had passed is not ahead again, and one
    /// that is ahead may be further off than it was.
    pub(super) fn turn_back(&mut self, now: Instant, out: &mut Vec<Action>) {
        let by = self.now.saturating_since(now);
        self.complain(
            format!("the clock went back by {by:?}; a lease that was held is taken for over"),
            out,
        );
        let ttl = self.options.ttl();
        self.now = now;
        self.at = now;
        self.aside = self.aside.min(now + ttl);
        self.pending = None;
        if let Some(seen) = &mut self.seen {
            seen.turn_back(now);
        }
        match &mut self.phase {
            Phase::Following { until } | Phase::Releasing { until, .. } => *until = now + ttl,
            Phase::Claiming(term) | Phase::Leading { term, .. } => {
                let lease = term.lease;
                self.unknown(out);
                let until = now + ttl + self.options.before_the_end();
                let phase = Phase::Releasing { lease, until, then: Then::Look };
                self.enter(phase, now + self.options.before_the_end());
            }
            // Whether the seat may be taken is measured anew.
            Phase::Asking => self.phase = Phase::Looking,
            Phase::Looking | Phase::Over => {}
        }
    }

    pub(super) fn resign(&mut self, out: &mut Vec<Action>) {
        if !matches!(self.phase, Phase::Looking | Phase::Following { .. } | Phase::Over) {
            self.aside = self.now + self.options.ttl();
            self.leave(Duration::ZERO, Then::Look, out);
        }
    }

    pub(super) fn stop(&mut self, out: &mut Vec<Action>) {
        self.leave(Duration::ZERO, Then::End, out);
    }

    /// Gives up whatever there is of a lease, after some time.
    pub(super) fn leave(&mut self, after: Duration, then: Then, out: &mut Vec<Action>) {
        self.unwatch(out);
        let (lease, end, then) = match &self.phase {
            Phase::Claiming(term) | Phase::Leading { term, .. } => {
                // What is pending may have renewed it.
                let renewed = self.pending.as_ref().map_or(Instant::BOOT, |pending| pending.sent);
                let end = (renewed + self.options.ttl()).max(term.deadline);
                (term.lease, end, then)
            }
            Phase::Releasing { lease, until, then: before } => {
                (*lease, *until, if *before == Then::End { Then::End } else { then })
            }
            Phase::Over => return,
            Phase::Looking | Phase::Following { .. } | Phase::Asking => {
                self.unknown(out);
                return self.released(then);
            }
        };
        self.unknown(out);
        let at = self.now + after;
        let until =
            if then == Then::End { self.now + GOODBYE } else { end.max(at + self.patience()) };
        self.failures = 0;
        self.enter(Phase::Releasing { lease, until, then }, at);
    }

    pub(super) fn released(&mut self, then: Then) {
        match then {
            Then::Look => self.enter(Phase::Looking, self.now),
            Then::End => self.enter(Phase::Over, Instant::NEVER),
        }
    }
}
