//! What the workers of one generation start from.

use std::sync::Arc;

use ph_config::Settings;

use super::Master;
use crate::listen::{ListenError, Listener, Plan};

/// Settings, and the listeners that go with them.
pub(super) struct Generation {
    pub(super) settings: Arc<Settings>,
    pub(super) plan: Plan,
    pub(super) listeners: Vec<Arc<Listener>>,
}

impl Generation {
    /// Opens what there is not `at_hand`; after an error nothing has changed.
    pub(super) fn open(
        plan: Plan,
        settings: Settings,
        at_hand: &[Arc<Listener>],
    ) -> Result<Self, ListenError> {
        let listeners = plan.open(at_hand)?;
        Ok(Self { settings: Arc::new(settings), plan, listeners })
    }
}

impl Master<'_> {
    /// The generation that the arbiter wants workers of.
    pub(super) fn current(&self) -> &Generation {
        &self.generations[&self.arbiter.generation()]
    }

    /// Gives up all but these, and with them the listeners that nobody else has.
    pub(super) fn keep_generations(&mut self, keep: &[u32]) {
        if let Some(candidate) = self.candidate.take() {
            self.generations.insert(self.arbiter.generation(), candidate);
        }
        // The arbiter has those that stay watched again once it sleeps.
        self.unwatch_listeners();
        self.generations.retain(|generation, _| keep.contains(generation));
        let current = self.current();
        current.plan.adjust(&current.listeners);
        crate::log::set_level(super::boot::level_of(&current.settings));
    }
}
