//! Listeners of a slot's own (`accept = reuseport`), from its first worker to its last.

use std::sync::Arc;

use super::Master;
use crate::listen::{Bundle, Fate, ListenError, Listener};

impl Master<'_> {
    /// What a worker listens on, where that is not just what all listen on.
    pub(super) fn own_listeners(
        &mut self,
        slot: u32,
        generation: u32,
    ) -> Result<Option<Vec<Arc<Listener>>>, ListenError> {
        if self.bundles.is_empty() {
            return Ok(None);
        }
        let start = &self.generations[&generation];
        let bundles = self.bundles.iter_mut().filter(|bundle| start.plan.wants(bundle));
        let mut listeners =
            bundles.map(|bundle| bundle.of_slot(slot)).collect::<Result<Vec<_>, _>>()?;
        listeners.extend(start.listeners.iter().cloned());
        Ok(Some(listeners))
    }

    /// Leaves them to a successor. That may have other slots: whoever goes empties its own queue first.
    pub(super) fn disown_bundles(&mut self) {
        if !self.bundles.is_empty() {
            self.children.iter().for_each(|child| self.slots.items()[child.cell].make_last());
        }
        self.bundles.clear();
    }

    /// Arranges them anew after a successor that did not get there.
    pub(super) fn recover_bundles(&mut self) {
        self.settle_bundles();
        self.bundles.iter().for_each(Bundle::choose);
    }

    /// Takes them over from a predecessor.
    pub(super) fn claim_bundles(&mut self) {
        let arbiter = &self.arbiter;
        self.bundles.iter_mut().for_each(|bundle| bundle.free(|slot| !arbiter.has_seat(slot)));
        self.settle_bundles();
        self.keep_bundles();
    }

    /// Follows what the arbiter has decided, before anybody is asked to leave: who goes is given nothing more.
    pub(super) fn settle_bundles(&mut self) {
        // Of two masters one arranges them.
        if self.predecessor.is_some() || self.arbiter.has_bequeathed() {
            return;
        }
        let arbiter = &self.arbiter;
        let fate = |slot| match slot {
            _ if arbiter.is_served(slot) => Fate::Serves,
            _ if arbiter.has_seat(slot) => Fate::Waits,
            _ => Fate::Gone,
        };
        for bundle in &mut self.bundles {
            let left = bundle.settle(fate);
            if left > 0 {
                let address = bundle.address();
                tracing::warn!(%address, left, "connections were left in the queue of a worker that is gone");
            }
        }
    }

    /// Gives up the addresses that no generation wants, and brings the others in line with the current one.
    pub(super) fn keep_bundles(&mut self) {
        let generations = &self.generations;
        let wanted = |bundle: &Bundle| generations.values().any(|one| one.plan.wants(bundle));
        for bundle in self.bundles.extract_if(.., |bundle| !wanted(bundle)) {
            bundle.listeners().for_each(|listener| listener.close());
        }
        let backlog = self.current().plan.backlog();
        for bundle in &mut self.bundles {
            if let Err(error) = bundle.adjust(backlog) {
                tracing::warn!(address = %bundle.address(), %error, "a listener stays as it was");
            }
        }
    }
}
