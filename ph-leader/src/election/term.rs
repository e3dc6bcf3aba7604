//! What a leader has.

use std::time::Duration;

use crate::instant::Instant;
use crate::store::Lease;

/// A lease, and how long it is good for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Term {
    pub(super) lease: Lease,
    /// How long the store lets it last.
    pub(super) ttl: Duration,
    pub(super) deadline: Instant,
    /// When it is to be renewed.
    pub(super) renewal: Instant,
}

/// All that there is of a leadership, to be gone on with by another [`Election`](super::Election): in a program that takes this
/// one's place, say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    /// The lease that has the seat.
    pub lease: Lease,
    /// The leader's token.
    pub token: u64,
    /// When it ends without a renewal.
    pub deadline: Instant,
}
