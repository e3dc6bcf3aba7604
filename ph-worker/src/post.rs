//! A worker's place in the whole: what all its threads have in common.

use std::sync::{Arc, OnceLock};

use ph_config::Settings;
#[cfg(feature = "rpc")]
use ph_core::calls::Record;
use ph_core::channel::{Channel, MOST_UNREAD};
use ph_core::listen::Listener;
use ph_core::master::{Equipment, Office, Seat};
use ph_core::report::{Report, Reporter};
use ph_core::slots::{Board, Slot};
use ph_core::sys::accept_lock::AcceptLock;

use crate::ledger::Ledger;
use crate::rest::Rest;
use crate::share::Share;
use crate::stop::Stop;

/// What a worker was given by its master, and what its threads tell each other.
#[derive(Debug)]
pub(crate) struct Post {
    pub(crate) id: u32,
    pub(crate) generation: u32,
    /// The master's pid.
    pub(crate) master: u32,
    pub(crate) settings: Arc<Settings>,
    pub(crate) slot: &'static Slot,
    /// Where an RPC worker shows how its calls fare; nothing for others.
    #[cfg(feature = "rpc")]
    pub(crate) calls: &'static [Record],
    pub(crate) board: &'static Board,
    outfit: Outfit,
    /// Where this worker waits until its master leads.
    pub(crate) office: Option<Office>,
    pub(crate) lock: Option<AcceptLock>,
    pub(crate) channel: Option<Arc<Channel>>,
    pub(crate) ledger: Ledger,
    pub(crate) stop: Stop,
    pub(crate) share: Share,
    reporter: Reporter,
}

/// When a worker gets its equipment.
#[derive(Debug)]
enum Outfit {
    /// It has it from its birth.
    Whole(Equipment),
    /// In a warm standby: when its master leads.
    Later(OnceLock<Equipment>),
}

impl Outfit {
    fn get(&self) -> Option<&Equipment> {
        match self {
            Self::Whole(equipment) => Some(equipment),
            Self::Later(place) => place.get(),
        }
    }
}

impl Post {
    pub(crate) fn of(seat: Seat) -> Self {
        let Seat { slot: id, generation, settings, reporter, cell: slot, .. } = seat;
        let Seat { board, listeners, lock, channel, office, .. } = seat;
        // In a warm standby there is none yet.
        let equipment = Equipment { listeners, lock: None };
        let outfit = match office {
            None => Outfit::Whole(equipment),
            Some(_) => Outfit::Later(OnceLock::new()),
        };
        let (ledger, stop, share) = (Ledger::new(slot), Stop::default(), Share::of(&settings));
        Self {
            id,
            generation,
            master: std::os::unix::process::parent_id(),
            settings,
            slot,
            #[cfg(feature = "rpc")]
            calls: seat.calls.unwrap_or_default(),
            board,
            outfit,
            office,
            lock,
            channel,
            ledger,
            stop,
            share,
            reporter,
        }
    }

    /// What this worker may accept connections from: nothing before its master leads.
    pub(crate) fn listeners(&self) -> &[Arc<Listener>] {
        self.outfit.get().map_or(&[], |equipment| &equipment.listeners)
    }

    /// The master leads, and this is what it takes.
    pub(crate) fn equip(&self, equipment: Equipment) {
        if let Outfit::Later(place) = &self.outfit {
            // Once in a worker's life.
            let _ = place.set(equipment);
        }
    }

    /// Tells the master. If that has gone, this process is being killed already.
    pub(crate) fn say(&self, report: &Report) {
        let _ = self.reporter.say(report);
    }

    /// A panic, or an error that ends the worker, is told to the log, and to the master for the worker's death certificate.
    pub(crate) fn told(&self, end: &str) {
        tracing::error!("worker {end}");
        self.say(&Report::Said(end.to_owned()));
    }

    /// The way on for a connection that this worker leaves, if another worker is to go on with it.
    pub(crate) fn way_on(&self, rest: &Rest) -> Option<&Channel> {
        let alone = self.board.is_stopping() || self.board.is_resting();
        let leaves = self.stop.is_asked() && !alone;
        let goes_on = !rest.has_ended() && rest.len() <= MOST_UNREAD;
        self.channel.as_deref().filter(|_| leaves && goes_on)
    }

    /// A request has ended: when that was the last of the worker's share, it asks to be relieved, and goes on meanwhile.
    pub(crate) fn count(&self) {
        if self.share.is_done(self.slot.requests()) && self.share.ask_once() {
            self.say(&Report::Recycle);
        }
    }
}
