//! Who of several masters has workers: the one that leads.
//!
//! ```text
//!             elected             listeners open           asked to resign, nearly over
//!  Standby ────────────► Opening ────────────────► Leading ────────────────────────────► Leaving
//!     ▲                     │ can't be had                   lost, over: KILL               │ nobody left: the lease is
//!     └─────────────────────┴───────────────────────────────────────────────────────────────┘ given up
//! ```
//!
//! Only a leader's seats are filled. A lease ends at an instant, whatever is heard or not heard until then: workers are asked to
//! leave when a renewal is overdue, or when `graceful_timeout` would not fit in otherwise, whichever is later; who is still there at the instant
//! is killed. A renewal that comes meanwhile fills the seats again.
//!
//! A master that stops gives its lease up once the last worker is gone, and ends once its elector has.

use std::time::Instant;

use super::action::{Action, Note, Outcome};
use super::event::Ticket;
use super::policy::{Lease, Policy};
use super::seat::back_off;
use super::yielding::GOODBYE;
use super::{Arbiter, Phase};

/// What an arbiter knows of the election that its master is a candidate of.
#[derive(Clone, Debug)]
pub(super) struct Leadership {
    pub(super) stage: Stage,
    /// No candidate before then: what it would listen on could not be had.
    pub(super) aside: Option<Instant>,
    /// How often in a row.
    pub(super) refusals: u32,
    /// By then the elector must have told that the time is over, or it is stopped, and others wait for what it holds.
    pub(super) silence: Option<Instant>,
    /// When to start another elector.
    pub(super) elector: Option<Instant>,
    /// How many have ended in a row without having been of use.
    pub(super) failures: u32,
}

#[derive(Clone, Debug)]
pub(super) enum Stage {
    /// Another leads, or nobody; `heard` once the campaign has told anything of it.
    Standby {
        leader: Option<String>,
        heard: bool,
    },
    /// Elected, and what the workers listen on is being opened.
    Opening(Term),
    Leading(Term),
    /// Everybody leaves, and then the lease is given up; no `term` once it is over anyway.
    Leaving {
        term: Option<Term>,
        reason: String,
        began: Instant,
        asked: Vec<Ticket>,
    },
    /// The lease is given up for good: the elector is to end by then.
    Farewell {
        until: Instant,
    },
    /// There is no elector any more, nor will there be.
    Over,
}

/// How long a leader leads if it hears nothing more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Term {
    pub(super) token: u64,
    /// Who is there then is killed.
    pub(super) until: Instant,
    /// From then on everybody is asked to leave.
    pub(super) drain: Instant,
}

impl Term {
    /// A renewal is due after a third of the lease, and is tried twice within two thirds. Before that nothing is amiss, however
    /// long workers may take to leave.
    fn new(token: u64, until: Instant, lease: &Lease, policy: &Policy, now: Instant) -> Self {
        let overdue = now + lease.ttl * 6 / 10;
        // One that was another's may be far gone.
        let overdue = until.checked_sub(lease.ttl / 8).map_or(overdue, |at| at.min(overdue));
        let latest = policy.graceful_timeout.and_then(|limit| until.checked_sub(limit));
        let drain = latest.map_or(overdue, |latest| latest.max(overdue)).min(until);
        Self { token, until, drain }
    }
}

impl Leadership {
    pub(super) fn new() -> Self {
        let stage = Stage::Standby { leader: None, heard: false };
        let (aside, silence, elector) = (None, None, None);
        Self { stage, aside, refusals: 0, silence, elector, failures: 0 }
    }

    /// Of a master that has ended.
    pub(super) fn over() -> Self {
        Self { stage: Stage::Over, ..Self::new() }
    }

    /// The lease that this master has, if it has one.
    pub(super) fn term(&self) -> Option<Term> {
        match &self.stage {
            Stage::Opening(term) | Stage::Leading(term) => Some(*term),
            Stage::Leaving { term, .. } => *term,
            Stage::Standby { .. } | Stage::Farewell { .. } | Stage::Over => None,
        }
    }

    /// When something has to be decided.
    pub(super) fn deadlines(&self) -> impl Iterator<Item = Instant> {
        let drain = match &self.stage {
            Stage::Leading(term) => Some(term.drain),
            Stage::Farewell { until } => Some(*until),
            _ => None,
        };
        let until = self.term().map(|term| term.until);
        [drain, until, self.aside, self.silence, self.elector].into_iter().flatten()
    }
}

impl Arbiter {
    /// The master takes part in no election, leads, or stands by.
    pub fn role(&self) -> &'static str {
        match self.lead.as_ref().map(Leadership::term) {
            None => "standalone",
            Some(Some(_)) => "leader",
            Some(None) => "standby",
        }
    }

    /// The token under which this master leads.
    pub fn token(&self) -> Option<u64> {
        self.lead.as_ref()?.term().map(|term| term.token)
    }

    /// Who leads instead, as far as it is known.
    pub fn leader(&self) -> Option<&str> {
        match &self.lead.as_ref()?.stage {
            Stage::Standby { leader, .. } => leader.as_deref(),
            _ => None,
        }
    }

    /// Whether the elector may take a lease, or renew it once.
    pub fn consents(&self) -> bool {
        let Some(lead) = &self.lead else { return false };
        match lead.stage {
            Stage::Standby { .. } => {
                let ends = matches!(self.phase, Phase::Stopping { .. } | Phase::Over);
                // A successor begins with the role that this one has.
                !ends && lead.aside.is_none() && self.upgrade.is_none()
            }
            Stage::Opening(_) | Stage::Leading(_) | Stage::Leaving { .. } => {
                lead.term().is_some_and(|term| self.now < term.until)
            }
            Stage::Farewell { .. } | Stage::Over => false,
        }
    }

    pub(super) fn is_changing_roles(&self) -> bool {
        let stage = self.lead.as_ref().map(|lead| &lead.stage);
        matches!(stage, Some(Stage::Opening(_) | Stage::Leaving { .. }))
    }

    /// Whether this master has workers.
    pub(super) fn works(&self) -> bool {
        match self.lead.as_ref().map(|lead| &lead.stage) {
            None => true,
            Some(Stage::Leading(term)) => self.now < term.drain,
            Some(_) => false,
        }
    }

    /// Whether its seats are filled: with workers that work, or with those of a warm standby, which wait.
    pub(super) fn staffs(&self) -> bool {
        let waits = |stage: &Stage| matches!(stage, Stage::Standby { .. } | Stage::Opening(_));
        let warm = self.policy.lease.as_ref().is_some_and(|lease| lease.warm);
        self.works() || warm && self.lead.as_ref().is_some_and(|lead| waits(&lead.stage))
    }

    /// Whether what the workers listen on is closed once they have gone.
    pub fn closes(&self) -> bool {
        match &self.phase {
            Phase::Stopping { outcome, .. } => *outcome != Outcome::HandedOver,
            _ => !self.staffs(),
        }
    }

    /// Whether a start is over although nobody works.
    pub(super) fn stands_by(&self) -> bool {
        let stage = self.lead.as_ref().map(|lead| &lead.stage);
        matches!(stage, Some(Stage::Standby { heard: true, .. }))
    }

    /// The successor of a master that leads, or that stands by. To be said before its first step.
    pub fn inherit(&mut self, led: Option<(u64, Instant)>) {
        let (Some(lead), Some(lease)) = (&mut self.lead, &self.policy.lease) else { return };
        lead.stage = match led {
            Some((token, until)) => {
                Stage::Leading(Term::new(token, until, lease, &self.policy, self.now))
            }
            None => Stage::Standby { leader: None, heard: true },
        };
    }

    /// The first elector, unless there is one already that this master is to take over.
    pub(super) fn campaign(&mut self, out: &mut Vec<Action>) {
        let fresh = |lead: &Leadership| matches!(lead.stage, Stage::Standby { heard: false, .. });
        if self.lead.as_ref().is_some_and(fresh) {
            out.push(Action::StartElector);
        }
    }

    pub(super) fn elected(
        &mut self,
        now: Instant,
        token: u64,
        until: Instant,
        out: &mut Vec<Action>,
    ) {
        let (Some(lead), Some(lease)) = (&mut self.lead, &self.policy.lease) else { return };
        let next = Term::new(token, until, lease, &self.policy, now);
        (lead.failures, lead.silence) = (0, None);
        match &mut lead.stage {
            Stage::Standby { .. } => {
                let ends = matches!(self.phase, Phase::New | Phase::Stopping { .. } | Phase::Over);
                if !ends && until > now {
                    lead.stage = Stage::Opening(next);
                    out.push(Action::OpenListeners);
                }
            }
            Stage::Opening(term)
            | Stage::Leading(term)
            | Stage::Leaving { term: Some(term), .. } => {
                if term.token != token {
                    self.lapse(now, "the lease was lost, and won anew", out);
                } else if term.until <= now || until <= now {
                    self.run_out(now, out);
                } else {
                    *term = next;
                }
            }
            // What is over is over.
            Stage::Leaving { term: None, .. } => {}
            Stage::Farewell { .. } | Stage::Over => {}
        }
    }

    pub(super) fn listeners_opened(&mut self, out: &mut Vec<Action>) {
        let Some(lead) = &mut self.lead else { return };
        let Stage::Opening(term) = lead.stage else { return };
        lead.refusals = 0;
        lead.stage = Stage::Leading(term);
        for seat in self.seats.values_mut() {
            seat.forget_crashes();
        }
        out.push(Action::Tell(Note::Leads { token: term.token }));
        self.forget_load();
    }

    pub(super) fn listeners_refused(&mut self, now: Instant, reason: &str, out: &mut Vec<Action>) {
        let jitter = self.jitter.next();
        let (Some(lead), Some(lease)) = (&mut self.lead, &self.policy.lease) else { return };
        if !matches!(lead.stage, Stage::Opening(_)) {
            return;
        }
        // As long as others have a chance, at least.
        let delay = lease.ttl.max(back_off(&self.policy, lead.refusals, jitter));
        lead.refusals = lead.refusals.saturating_add(1);
        lead.aside = Some(now + delay);
        lead.stage = Stage::Standby { leader: None, heard: true };
        let reason = reason.to_owned();
        out.push(Action::Tell(Note::CannotListen { reason: reason.clone(), delay }));
        out.push(Action::Resign);
        out.push(Action::Tell(Note::StandsBy { leader: None, reason: Some(reason) }));
    }

    pub(super) fn deposed(&mut self, now: Instant, by: Option<String>, out: &mut Vec<Action>) {
        let Some(lead) = &mut self.lead else { return };
        lead.silence = None;
        match &mut lead.stage {
            Stage::Standby { leader, heard } => {
                lead.failures = 0;
                if by.is_some() {
                    // Others can have what we could not.
                    lead.aside = None;
                    let told = *leader == by;
                    (*leader, *heard) = (by.clone(), true);
                    if !told {
                        out.push(Action::Tell(Note::StandsBy { leader: by, reason: None }));
                    }
                } else {
                    *leader = None;
                }
            }
            Stage::Opening(_) | Stage::Leading(_) | Stage::Leaving { .. } => {
                let why = match &by {
                    Some(other) => format!("{other} leads"),
                    None => "the lease was lost".to_owned(),
                };
                self.lapse(now, &why, out);
            }
            Stage::Farewell { .. } | Stage::Over => {}
        }
    }

    pub(super) fn campaign_troubled(&mut self) {
        let Some(lead) = &mut self.lead else { return };
        lead.silence = None;
        if let Stage::Standby { heard, .. } = &mut lead.stage {
            *heard = true;
        }
    }

    pub(super) fn lease_over(&mut self, now: Instant, out: &mut Vec<Action>) {
        if self.lead.as_ref().is_some_and(|lead| lead.term().is_some()) {
            self.run_out(now, out);
        }
    }

    pub(super) fn elector_ended(&mut self, now: Instant, reason: String, out: &mut Vec<Action>) {
        let jitter = self.jitter.next();
        let Some(lead) = &mut self.lead else { return };
        match lead.stage {
            Stage::Farewell { .. } | Stage::Over => lead.stage = Stage::Over,
            _ => {
                lead.silence = None;
                let delay = back_off(&self.policy, lead.failures, jitter);
                lead.failures = lead.failures.saturating_add(1);
                lead.elector = Some(now + delay);
                out.push(Action::Tell(Note::ElectorEnded { reason, delay }));
            }
        }
    }

    /// Acts on what has run out.
    pub(super) fn expire_leadership(&mut self, now: Instant, out: &mut Vec<Action>) {
        let Some(lead) = &mut self.lead else { return };
        lead.aside.take_if(|at| *at <= now);
        if lead.silence.take_if(|at| *at <= now).is_some() {
            out.push(Action::KillElector);
        }
        if lead.elector.take_if(|at| *at <= now).is_some() {
            out.push(Action::StartElector);
        }
        if let Stage::Farewell { until } = &mut lead.stage
            && *until <= now
        {
            *until = now + GOODBYE;
            out.push(Action::KillElector);
        }
        if lead.term().is_some_and(|term| term.until <= now) {
            self.run_out(now, out);
        }
    }
}
