//! Requests and connections of all workers, the ended ones included: what a stop cost.

use std::time::Instant;

use super::Master;
use crate::slots::Slot;

/// Sums over workers.
#[derive(Clone, Copy, Debug, Default)]
struct Sums {
    requests: u64,
    accepted: u64,
    /// Connections that their worker had open when it ended.
    aborted: u64,
    /// Connections that are open.
    open: u64,
}

impl Sums {
    fn add(&mut self, slot: &Slot) {
        self.requests = self.requests.saturating_add(slot.requests());
        self.accepted = self.accepted.saturating_add(slot.accepted());
    }

    fn finished(&self) -> u64 {
        self.accepted.saturating_sub(self.aborted + self.open)
    }
}

#[derive(Debug, Default)]
pub(super) struct Accounts {
    ended: Sums,
    stop: Option<(Instant, Sums)>,
}

impl Accounts {
    /// Requests of workers that have ended.
    pub(super) fn requests(&self) -> u64 {
        self.ended.requests
    }

    /// The worker of this slot is gone.
    pub(super) fn close(&mut self, slot: &Slot) {
        self.ended.add(slot);
        self.ended.aborted += slot.connections();
    }
}

impl Master<'_> {
    /// The end begins, or becomes quicker: the account is from the first moment.
    pub(super) fn begin_stop_account(&mut self) {
        let mut sums = self.accounts.ended;
        for child in self.children.iter() {
            let slot = &self.slots.items()[child.cell];
            sums.add(slot);
            sums.open += slot.connections();
        }
        self.accounts.stop.get_or_insert((Instant::now(), sums));
    }

    /// Nobody is left: what became of the connections since.
    pub(super) fn tell_stop_account(&self) {
        let Some((began, before)) = self.accounts.stop else { return };
        let after = self.accounts.ended;
        if after.accepted == 0 && self.left_in_queue() == 0 {
            return;
        }
        tracing::info!(
            open = before.open,
            accepted = after.accepted - before.accepted,
            finished = after.finished().saturating_sub(before.finished()),
            aborted = after.aborted - before.aborted,
            left_in_queue = self.left_in_queue(),
            took = ?began.elapsed(),
            "connections of the stop"
        );
    }

    fn left_in_queue(&self) -> u64 {
        self.listeners().filter_map(|listener| listener.waiting()).map(u64::from).sum()
    }
}
