//! What a reply means, by what was asked for.

use std::time::Duration;

use super::{Action, Election, Event, FIRST_BACKOFF, Phase, Term, Then};
use crate::instant::Instant;
use crate::store::{Lease, Reply, StoreError, Vacancy};

impl Election {
    pub(super) fn reply(&mut self, sent: Instant, reply: Reply, out: &mut Vec<Action>) {
        match (&self.phase, reply) {
            (
                Phase::Looking | Phase::Following { .. } | Phase::Asking,
                Reply::Held { of, token, record, revision },
            ) => {
                self.see(record);
                self.follow(sent, of, token, revision, out);
            }
            (
                Phase::Looking | Phase::Following { .. } | Phase::Asking,
                Reply::Free { vacancy, record },
            ) => self.seat_is_free(vacancy, record, out),
            (Phase::Asking, Reply::Granted { lease, ttl }) => {
                let term = self.term(lease, sent, ttl);
                if term.deadline <= self.now {
                    let what = format!(
                        "a lease came too late, or lasts only {ttl:?}: nothing is left of it"
                    );
                    self.failed(&StoreError::Refused(what), out);
                } else {
                    self.well();
                    self.enter(Phase::Claiming(term), self.now);
                }
            }
            (Phase::Claiming(term), Reply::Claimed { token }) => {
                if token > self.highest {
                    self.highest = token;
                    let term = *term;
                    self.lead(term, token, out);
                } else {
                    let highest = self.highest;
                    self.complain(
                        format!("the store gave the token {token} after {highest}, and tokens only grow; was it restored from a backup?"),
                        out,
                    );
                    // It won't be different in a moment.
                    self.aside = self.now + self.options.ttl();
                    self.leave(Duration::ZERO, Then::Look, out);
                }
            }
            (Phase::Claiming(_), Reply::Held { record, .. } | Reply::Free { record, .. }) => {
                // Another had it meanwhile, or has it.
                self.see(record);
                self.leave(Duration::ZERO, Then::Look, out);
            }
            (Phase::Claiming(_), Reply::Gone) => {
                self.enter(Phase::Looking, self.now + FIRST_BACKOFF);
            }
            (Phase::Leading { term, token }, Reply::Renewed { ttl }) => {
                let token = *token;
                let term = self.term(term.lease, sent, ttl);
                self.lead(term, token, out);
            }
            (Phase::Leading { term, .. }, Reply::Gone | Reply::Held { .. }) => {
                let left = term.deadline.saturating_since(self.now);
                self.complain("the seat was taken away: the lease has gone, or what it held is another's or deleted".to_owned(), out);
                // The work ends now. Nobody has said that it has: one who is stopped works on until the deadline that was told.
                self.leave(left + self.options.before_the_end(), Then::Look, out);
            }
            (Phase::Releasing { then, .. }, Reply::Released | Reply::Gone) => {
                let then = *then;
                self.well();
                self.released(then);
            }
            (_, reply) => {
                let what = format!("the store answered something else than was asked: {reply:?}");
                self.failed(&StoreError::Nonsense(what), out);
            }
        }
    }

    fn follow(
        &mut self,
        sent: Instant,
        of: String,
        token: u64,
        revision: u64,
        out: &mut Vec<Action>,
    ) {
        self.well();
        self.highest = self.highest.max(token);
        if of != self.options.name() {
            self.aside = self.now;
        }
        // The watch tells at once; a look now and then is for the case that it has died without a word.
        let ttl = self.options.ttl();
        self.enter(Phase::Following { until: sent + ttl + ttl }, self.now + ttl);
        out.push(Action::Watch(revision));
        let event = Event::Follower { of };
        if self.told.as_ref() != Some(&event) {
            self.tell(event, out);
        }
    }

    fn seat_is_free(&mut self, vacancy: Vacancy, record: u64, out: &mut Vec<Action>) {
        // Nothing has gone well yet: what failed may be what comes next.
        self.unwatch(out);
        let seen = self.see(record);
        let opens = self.opens_at(seen, vacancy).max(self.aside);
        if self.now < opens {
            self.unknown(out);
            let soon = self.now + self.options.ttl() / 10;
            self.enter(Phase::Looking, soon.min(opens));
        } else {
            // Told also when it was so before: it is a question, to which there is one answer.
            if !matches!(self.phase, Phase::Asking) {
                self.tell(Event::Unknown, out);
            }
            self.enter(Phase::Asking, self.now + self.options.ttl());
        }
    }

    /// The term of a lease that was asked for at `sent`.
    fn term(&self, lease: Lease, sent: Instant, granted: Duration) -> Term {
        let ttl = granted.min(self.options.ttl());
        let deadline = sent + ttl.saturating_sub(self.options.before_the_end());
        Term { lease, ttl: granted, deadline, renewal: sent + ttl / 3 }
    }

    pub(super) fn lead(&mut self, term: Term, token: u64, out: &mut Vec<Action>) {
        self.well();
        let Term { deadline, renewal, .. } = term;
        self.enter(Phase::Leading { term, token }, renewal);
        // What comes in too late is the next thing that is looked at.
        if self.now < deadline {
            self.tell(Event::Leader { token, deadline }, out);
        }
    }
}
