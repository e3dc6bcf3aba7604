//! One candidate's part in an election, as a pure state machine.
//!
//! [`Election::step`] takes an instant and an [`Input`] and returns [`Action`]s. It is total (any input in any state),
//! reads no clock and asks nobody: requests are actions, replies are inputs.
//!
//! ```text
//!             held                 free, open          answered, granted          claimed
//!  Following ◄────── Looking ──────────────────► Asking ───────────────► Claiming ───────► Leading
//!      └── changed ──►  ▲                                                   │ held          │ resigned, lapsed, lost
//!                       └──────────────────────── Releasing ◄───────────────┴───────────────┘
//! ```
//!
//! # Invariants (held by `tests/histories`)
//!
//! - it never says that it leads at or past its deadline, nor once that has passed, whatever comes in afterwards;
//! - a deadline is at most the time the request was sent + ttl − margin;
//! - a seat that was not given up is not claimed before a whole term has passed since its last renewal was seen, or, unseen, since
//!   it was found free: a store that ends leases too early makes no second leader;
//! - no lease is taken or renewed without an answer to the latest event;
//! - tokens only grow.

mod ending;
mod event;
mod replies;
mod seen;
mod term;

use std::time::Duration;

pub use event::{Action, Command, Event, Input};

use crate::instant::Instant;
use crate::options::Options;
use crate::store::{Lease, Request, StoreError};
use seen::Seen;
pub use term::Standing;
use term::Term;

/// Between the first failure and the next try; doubled with each.
const FIRST_BACKOFF: Duration = Duration::from_millis(50);
/// An instant that is earlier than the last one by no more than this was read before it.
const STALE: Duration = Duration::from_millis(10);
/// How long a candidate that ends tries to give its lease back; without that, it runs out.
const GOODBYE: Duration = Duration::from_secs(2);

/// See the [module](self).
#[derive(Debug)]
pub struct Election {
    options: Options,
    phase: Phase,
    pending: Option<Pending>,
    /// When the phase's next request is due; but see [`Election::due`].
    at: Instant,
    /// Failures in a row.
    failures: u32,
    last_id: u64,
    /// The event that was told last, and its number.
    told: Option<Event>,
    serial: u64,
    /// The number that was answered last.
    answered: u64,
    complaint: Option<String>,
    /// The highest token that was seen.
    highest: u64,
    /// What the store showed last.
    seen: Option<Seen>,
    /// After having resigned: no candidate before then.
    aside: Instant,
    /// The latest instant that was told.
    now: Instant,
}

#[derive(Debug)]
enum Phase {
    /// Nothing is known.
    Looking,
    /// Another leads; not taken for true past `until`, when it could not be seen since.
    Following {
        until: Instant,
    },
    /// Nobody leads. We would, if whom we do it for answers.
    Asking,
    Claiming(Term),
    Leading {
        term: Term,
        token: u64,
    },
    /// A lease that is not wanted any more; past `until` it has run out by itself.
    Releasing {
        lease: Lease,
        until: Instant,
        then: Then,
    },
    Over,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Then {
    Look,
    End,
}

/// A request that waits for its reply. There is never more than one.
#[derive(Debug)]
struct Pending {
    id: u64,
    sent: Instant,
    give_up: Instant,
}

impl Election {
    /// A candidate that knows nothing yet. Its first step looks.
    #[must_use]
    pub fn new(options: Options, now: Instant) -> Self {
        Self {
            options,
            phase: Phase::Looking,
            pending: None,
            at: now,
            failures: 0,
            last_id: 0,
            told: None,
            serial: 0,
            answered: 0,
            complaint: None,
            highest: 0,
            seen: None,
            aside: now,
            now,
        }
    }

    /// A candidate that goes on as the leader that another one was, with what is to be done first. It renews as soon as its first
    /// event is answered.
    #[must_use]
    pub fn resume(options: Options, standing: Standing, now: Instant) -> (Self, Vec<Action>) {
        let mut election = Self::new(options, now);
        let Standing { lease, token, deadline } = standing;
        election.highest = token;
        let mut out = Vec::new();
        let ttl = election.options.ttl();
        election.lead(Term { lease, ttl, deadline, renewal: now }, token, &mut out);
        (election, out)
    }

    /// Whether we lead, by the latest instant that was told or `now`, whichever is later: the token and the deadline.
    #[must_use]
    pub fn leading(&self, now: Instant) -> Option<(u64, Instant)> {
        let Phase::Leading { term, token } = self.phase else { return None };
        (now.max(self.now) < term.deadline).then_some((token, term.deadline))
    }

    /// What another election can [go on with](Election::resume), if we lead by the latest instant that was told.
    #[must_use]
    pub fn standing(&self) -> Option<Standing> {
        let Phase::Leading { term, token } = self.phase else { return None };
        let Term { lease, deadline, .. } = term;
        (self.now < deadline).then_some(Standing { lease, token, deadline })
    }

    /// Whether it has stopped, and waits for nothing.
    #[must_use]
    pub fn is_over(&self) -> bool {
        matches!(self.phase, Phase::Over)
    }

    /// When to step at the latest, if nothing happens before. There is always progress then.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Instant> {
        let next = self.pending.as_ref().map(|pending| pending.give_up).or_else(|| self.due());
        match (next, self.lapses_at()) {
            (Some(next), Some(limit)) => Some(next.min(limit)),
            (next, limit) => next.or(limit),
        }
    }

    /// Takes note of what has happened, and says what is to be done, in that order.
    pub fn step(&mut self, now: Instant, input: Input) -> Vec<Action> {
        let mut out = Vec::new();
        if now + STALE < self.now {
            self.turn_back(now, &mut out);
        }
        self.now = self.now.max(now);
        // First: whatever comes in, it does not come to one whose time is over.
        self.lapse(&mut out);
        match input {
            Input::Tick => {}
            Input::Command(Command::Answer(serial)) => self.answered = self.answered.max(serial),
            Input::Command(Command::Resign) => self.resign(&mut out),
            Input::Command(Command::Stop) => self.stop(&mut out),
            Input::Reply(id, reply) => {
                if let Some(pending) = self.pending.take_if(|pending| pending.id == id) {
                    match reply {
                        Ok(reply) => self.reply(pending.sent, reply, &mut out),
                        Err(error) => self.failed(&error, &mut out),
                    }
                }
            }
            Input::Changed => {
                if matches!(self.phase, Phase::Following { .. }) {
                    self.at = self.now;
                }
            }
        }
        self.lapse(&mut out);
        self.give_up(&mut out);
        self.proceed(&mut out);
        out
    }

    fn is_answered(&self) -> bool {
        self.serial > 0 && self.answered == self.serial
    }

    fn lapses_at(&self) -> Option<Instant> {
        let (Phase::Claiming(term) | Phase::Leading { term, .. }) = &self.phase else {
            return None;
        };
        Some(term.deadline)
    }

    /// When the next request is due, if none is pending.
    fn due(&self) -> Option<Instant> {
        match self.phase {
            Phase::Asking if self.is_answered() => Some(self.now),
            Phase::Leading { .. } if !self.is_answered() => None,
            Phase::Releasing { until, .. } => Some(self.at.min(until)),
            Phase::Over => None,
            _ => Some(self.at),
        }
    }

    fn give_up(&mut self, out: &mut Vec<Action>) {
        if self.pending.take_if(|pending| pending.give_up <= self.now).is_some() {
            self.failed(&StoreError::Unreachable("the store does not answer".to_owned()), out);
        }
    }

    fn proceed(&mut self, out: &mut Vec<Action>) {
        if self.pending.is_some() || self.due().is_none_or(|at| self.now < at) {
            return;
        }
        let request = match &self.phase {
            Phase::Looking | Phase::Following { .. } => Request::Look,
            Phase::Asking if self.is_answered() => Request::Grant { ttl: self.options.ttl() },
            // Somebody else may have been faster.
            Phase::Asking => Request::Look,
            Phase::Claiming(Term { lease, ttl, .. }) => {
                let name = self.options.name().to_owned();
                let record = self.seen.map_or(0, |seen| seen.record);
                Request::Claim { lease: *lease, ttl: *ttl, name, record }
            }
            Phase::Leading { term, token } => Request::Renew { lease: term.lease, token: *token },
            Phase::Releasing { until, then, .. } if *until <= self.now => {
                let then = *then;
                self.released(then);
                return self.proceed(out);
            }
            Phase::Releasing { lease, .. } => Request::Release { lease: *lease },
            Phase::Over => return,
        };
        let within = self.patience();
        self.last_id += 1;
        // The store gives up first, and says more about it.
        let mut give_up = self.now + within + within / 4;
        if let Phase::Releasing { until, .. } = self.phase {
            give_up = give_up.min(until);
        }
        self.pending = Some(Pending { id: self.last_id, sent: self.now, give_up });
        out.push(Action::Send { id: self.last_id, request, within });
    }

    /// So short that a renewal can be tried a second time before its lease is over.
    fn patience(&self) -> Duration {
        (self.options.ttl() / 4).min(Duration::from_secs(5))
    }

    fn enter(&mut self, phase: Phase, at: Instant) {
        self.phase = phase;
        self.pending = None;
        self.at = at;
    }

    fn failed(&mut self, error: &StoreError, out: &mut Vec<Action>) {
        self.complain(error.to_string(), out);
        let most = self.options.ttl() / 8;
        let wait = FIRST_BACKOFF.saturating_mul(1 << self.failures.min(10)).min(most);
        self.failures = self.failures.saturating_add(1);
        self.at = self.now + wait;
        match self.phase {
            // It may have been granted nevertheless; what holds no seat runs out unnoticed.
            Phase::Looking | Phase::Asking => {
                self.unknown(out);
                self.phase = Phase::Looking;
            }
            Phase::Following { until } if until <= self.now => {
                self.unwatch(out);
                self.unknown(out);
                self.phase = Phase::Looking;
            }
            _ => {}
        }
    }

    fn well(&mut self) {
        self.failures = 0;
        self.complaint = None;
    }

    fn unwatch(&self, out: &mut Vec<Action>) {
        if matches!(self.phase, Phase::Following { .. }) {
            out.push(Action::Unwatch);
        }
    }

    fn unknown(&mut self, out: &mut Vec<Action>) {
        if self.told != Some(Event::Unknown) {
            self.tell(Event::Unknown, out);
        }
    }

    fn tell(&mut self, event: Event, out: &mut Vec<Action>) {
        self.serial += 1;
        self.told = Some(event.clone());
        out.push(Action::Tell { serial: self.serial, event });
    }

    fn complain(&mut self, sentence: String, out: &mut Vec<Action>) {
        if self.complaint.as_ref() != Some(&sentence) {
            self.complaint = Some(sentence.clone());
            out.push(Action::Complain(sentence));
        }
    }
}
