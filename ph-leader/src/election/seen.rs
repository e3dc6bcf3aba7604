//! When a seat that nobody has given up may be taken.

use std::time::Duration;

use super::Election;
use crate::instant::Instant;
use crate::store::Vacancy;

/// The latest record that was seen at the store.
///
/// A term begins when its renewal is sent, the record of it is made later, and seen later still. So a term is over for whoever leads
/// when its length has passed since then, also if the store has ended the lease before.
#[derive(Debug, Clone, Copy)]
pub(super) struct Seen {
    pub(super) record: u64,
    /// When it was seen first.
    since: Instant,
    /// There was one before, and now there is none: somebody has removed it.
    is_removed: bool,
}

impl Seen {
    /// The clock is not what it was: nothing is known about how long ago that is.
    pub(super) fn turn_back(&mut self, now: Instant) {
        self.since = now;
    }
}

impl Election {
    /// Takes note of a record, which was made before the reply that tells of it came in.
    pub(super) fn see(&mut self, record: u64) -> Seen {
        match self.seen {
            Some(seen) if seen.record == record => seen,
            before => {
                let is_removed = record == 0 && before.is_some();
                *self.seen.insert(Seen { record, since: self.now, is_removed })
            }
        }
    }

    /// From when on nobody can take itself for the leader any more.
    pub(super) fn opens_at(&self, seen: Seen, vacancy: Vacancy) -> Instant {
        let wait = match vacancy {
            Vacancy::Deserted { ttl } => ttl,
            Vacancy::Open if seen.is_removed => self.options.ttl(),
            Vacancy::Open => Duration::ZERO,
        };
        seen.since + wait
    }
}
