//! The election that the world holds, and what must hold for workers of who has won it: none is made without a lease, and
//! none is left of it once it is over.

use std::time::{Duration, Instant};

use ph_core::arbiter::{Action, Event, Lease};

use crate::dice::Dice;
use crate::world::{Life, World};

/// What the world knows of it.
#[derive(Default)]
pub(super) struct Election {
    token: u64,
    /// Until when the arbiter was told that it leads.
    until: Option<Instant>,
    /// It was asked to open what workers listen on.
    pub(super) opening: bool,
    /// It has that open.
    open: bool,
    /// How often a lease was won, and ended.
    pub(super) terms: (u64, u64),
}

/// A lease to be won, in half of the worlds.
pub(super) fn lease(dice: &mut Dice) -> Option<Lease> {
    let ttl = Duration::from_millis(200 + dice.below(8000));
    dice.one_in(2).then(|| Lease { ttl, warm: dice.one_in(3) })
}

impl World {
    /// The elector says that this master leads, or leads on.
    pub(super) fn win(&mut self) {
        let Some(lease) = &self.policy.lease else { return };
        // What it says without leave it does not mean; but a liar might.
        if !self.arbiter.consents() && !self.dice.one_in(8) {
            return;
        }
        let length = Duration::from_millis(self.dice.below(lease.ttl.as_millis() as u64));
        if self.arbiter.token().is_none() || self.dice.one_in(16) {
            self.election.token += 1;
        }
        let token = self.election.token;
        let until = self.now + length;
        let renews = self.arbiter.token() == Some(token);
        if self.arbiter.token().is_none() || renews {
            // A renewal may be too late, or tell of an earlier end.
            self.election.until = Some(until);
        }
        self.step(Event::Elected { token, until });
    }

    pub(super) fn hear_elector(&mut self) {
        if self.policy.lease.is_none() {
            return;
        }
        match self.dice.below(16) {
            0..=9 => self.win(),
            10..=11 => {
                let leader = self.dice.one_in(2).then(|| "another".to_owned());
                self.election.until = None;
                self.step(Event::Deposed { leader });
            }
            12 => self.step(Event::CampaignTroubled),
            13 => {
                self.election.until = None;
                self.step(Event::LeaseOver);
            }
            14 => {
                let asked = self.ticket();
                self.step(Event::Resign { asked });
            }
            _ => self.step(Event::ElectorEnded { reason: "it crashed".to_owned() }),
        }
    }

    pub(super) fn lose_elector(&mut self) {
        self.step(Event::ElectorEnded { reason: "exit code 0".to_owned() });
    }

    /// What it wants of its elector and its listeners.
    pub(super) fn campaign(&mut self, action: &Action) {
        assert!(self.policy.lease.is_some(), "{action:?} without an election");
        match action {
            Action::OpenListeners => {
                assert!(!self.election.open, "opened twice");
                self.election.opening = true;
            }
            Action::Resign | Action::EndCampaign => {
                // Who waits in a warm standby has not begun.
                let began = self.election.open || *action == Action::EndCampaign;
                let idle = self.is_warm() && !began;
                assert!(idle || self.live.is_empty(), "others may lead, here is {:?}", self.live);
                self.election.terms.1 += u64::from(std::mem::take(&mut self.election.open));
                self.election.until = None;
            }
            _ => {}
        }
    }

    pub(super) fn answer_listeners(&mut self) {
        if self.dice.one_in(8) {
            self.step(Event::ListenersRefused { reason: "address in use".to_owned() });
        } else {
            self.election.terms.0 += 1;
            self.election.open = true;
            self.step(Event::ListenersOpened);
        }
    }

    fn is_warm(&self) -> bool {
        self.policy.lease.as_ref().is_some_and(|lease| lease.warm)
    }

    pub(super) fn may_spawn(&self) {
        if self.policy.lease.is_some() && !self.is_warm() {
            let leads = self.election.until.is_some_and(|until| self.now < until);
            assert!(leads && self.election.open, "a worker without a lease");
        }
    }

    pub(super) fn check_lease(&self) {
        let over = self.election.until.is_none_or(|until| until <= self.now);
        let began = !self.is_warm() || self.election.open;
        if self.policy.lease.is_some() && over && began {
            let mut lives = self.live.values();
            assert!(lives.all(|life| *life == Life::Killed), "past the lease: {:?}", self.live);
        }
        if over {
            assert_ne!(self.arbiter.role(), "leader");
        }
    }
}
