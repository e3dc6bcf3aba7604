//! What an election needs of the place where it is held.

use std::time::Duration;

/// A number that names a lease.
pub type Lease = u64;

/// A place where candidates meet: it has one seat, which somebody's lease may hold.
///
/// Calls may block, for about as long as they are told; [`crate::Campaign`] makes them on a thread of their own.
pub trait Store: Send + 'static {
    /// Does what is asked. Each request may be repeated, or have been carried out although its answer was lost.
    ///
    /// # Errors
    ///
    /// A sentence about why there is no answer; nothing is known then about what has happened.
    fn perform(&mut self, request: &Request, within: Duration) -> Result<Reply, StoreError>;

    /// A watcher of this store, for a thread of its own.
    fn watcher(&self) -> Box<dyn Watch>;
}

/// Sees when the seat changes.
pub trait Watch: Send {
    /// Waits until something has changed since `revision` (as told by [`Reply::Held`]), and returns whether it has; false when
    /// it has not within that time. It may err on the side of true.
    ///
    /// # Errors
    ///
    /// A sentence about why the seat can't be watched.
    fn wait(&mut self, revision: u64, within: Duration) -> Result<bool, StoreError>;
}

/// What is asked of a store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Request {
    /// Who has the seat?
    Look,
    /// A new lease, which runs out after so long.
    Grant {
        /// How long it lasts without a renewal.
        ttl: Duration,
    },
    /// The seat for this lease, if nobody has it, and nobody has had it since that was seen.
    Claim {
        /// The lease, as granted.
        lease: Lease,
        /// How long it lasts, as granted, for those who may have to wait for its end.
        ttl: Duration,
        /// The candidate's name, for the others.
        name: String,
        /// As [`Reply::Free`] told.
        record: u64,
    },
    /// Another term for the lease, if it still has the seat by this token.
    Renew {
        /// The lease that has the seat.
        lease: Lease,
        /// As [`Reply::Claimed`] told.
        token: u64,
    },
    /// The end of the lease, and of its claim.
    Release {
        /// The lease that is to end.
        lease: Lease,
    },
}

/// What a store answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reply {
    /// Nobody has the seat.
    Free {
        /// How that came about.
        vacancy: Vacancy,
        /// The number of the latest claim, renewal or release; 0 where there was none, or where none is needed.
        record: u64,
    },
    /// Somebody has it.
    Held {
        /// The leader's name.
        of: String,
        /// The token under which that one leads.
        token: u64,
        /// The number of the leader's claim or latest renewal, as in [`Reply::Free`]: none has had it before.
        record: u64,
        /// What was known when this was answered: changes that come after it can be watched for.
        revision: u64,
    },
    /// A lease, whose term began no earlier than the request was sent.
    Granted {
        /// Its name.
        lease: Lease,
        /// How long it lasts, which may be other than what was asked for.
        ttl: Duration,
    },
    /// The lease has the seat; also when it had it before.
    Claimed {
        /// Larger than those of all former leaders.
        token: u64,
    },
    /// The lease's term began anew, no earlier than the request was sent.
    Renewed {
        /// How long it lasts.
        ttl: Duration,
    },
    /// The lease has ended, and others know that nobody works for it any more.
    Released,
    /// The lease is unknown, or has not got the seat any more.
    Gone,
}

/// Why nobody has a seat.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Vacancy {
    /// Nobody ever had it, or whoever had it last has given it up: nobody takes itself for the leader.
    Open,
    /// Its last holder did not give it up. That one may take itself for the leader until its term is over, which began when the
    /// record was made or before, whatever the store has done with the lease.
    Deserted {
        /// How long the term is at most.
        ttl: Duration,
    },
}

/// Why a store gave no answer, or none that is of use.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// Nobody answered.
    #[error("{0}")]
    Unreachable(String),
    /// It refuses us; somebody has to do something about it.
    #[error("{0}")]
    Refused(String),
    /// It answered nonsense.
    #[error("{0}")]
    Nonsense(String),
    /// What is there was not made by a candidate.
    #[error("{0}")]
    Foreign(String),
}
