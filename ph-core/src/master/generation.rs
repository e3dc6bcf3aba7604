//! What the workers of one generation start from.

use std::io;
use std::sync::Arc;

use ph_config::Settings;

use super::Master;
use crate::channel::Channel;
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

    /// A channel for its workers' connections, if they have any.
    pub(super) fn channel(&self) -> io::Result<Option<Arc<Channel>>> {
        let listens = !self.listeners.is_empty();
        Ok(listens.then(Channel::open).transpose()?.map(Arc::new))
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
        self.generations.retain(|generation, _| keep.contains(generation));
        let current = self.current();
        current.plan.adjust(&current.listeners);
        crate::log::set_level(super::boot::level_of(&current.settings));
    }
}
