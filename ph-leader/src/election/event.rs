//! What goes into an election, and what comes out.

use std::time::Duration;

use crate::instant::Instant;
use crate::store::{Reply, Request, StoreError};

/// What is known about who leads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// We do.
    Leader {
        /// Larger than that of any former leader: what a leader writes should carry it.
        token: u64,
        /// When the work must have ended; the next event of this kind replaces it.
        deadline: Instant,
    },
    /// Another does.
    Follower {
        /// Its name.
        of: String,
    },
    /// Nobody, or nobody can be asked.
    Unknown,
}

/// What whoever the candidate stands for wants of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Command {
    /// The event of this number has been heard: permission to take the lease, or to renew it once. Without an answer to its latest
    /// event the election takes nobody for alive whom it would campaign for.
    Answer(u64),
    /// Let others lead, now; campaign again when another has led, or after the length of a lease.
    Resign,
    /// Let others lead, and do nothing any more.
    Stop,
}

/// What happens to an election.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Input {
    /// Time has passed.
    Tick,
    /// A command.
    Command(Command),
    /// What the store had to say to the request of this number.
    Reply(u64, Result<Reply, StoreError>),
    /// The watch saw a change.
    Changed,
}

/// What an election wants done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Ask the store.
    Send {
        /// To be given back with the reply.
        id: u64,
        /// What to ask.
        request: Request,
        /// How long an answer is of use.
        within: Duration,
    },
    /// Watch for a change after this revision, instead of any former one, until there is one.
    Watch(u64),
    /// Watch no more.
    Unwatch,
    /// Report an event.
    Tell {
        /// Its number, for [`Command::Answer`].
        serial: u64,
        /// What is so from now on.
        event: Event,
    },
    /// Somebody should know of this sentence. The same is not said again until something has gone well.
    Complain(String),
}
