//! What the workers of one generation start from.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;

use ph_config::Settings;
use ph_config::value::choice::WorkerClass;

use super::Master;
use super::privileges;
use crate::calls::CallTable;
use crate::channel::Channel;
use crate::listen::{Bundle, ListenError, Listener, Plan};
use crate::sys::SysError;
use crate::sys::privileges::Privileges;
use crate::sys::resolver::Names;

/// Settings, and the listeners and privileges that go with them.
pub(super) struct Generation {
    pub(super) settings: Arc<Settings>,
    pub(super) plan: Plan,
    pub(super) listeners: Vec<Arc<Listener>>,
    pub(super) privileges: Privileges,
}

impl Generation {
    /// The names that have to be resolved first.
    pub(super) fn names(settings: &Settings) -> Names {
        Names { hosts: Plan::names(settings), account: privileges::account(settings) }
    }

    /// Opens what there is not `at_hand`: listeners for all, and bundles of listeners for each. After an error nothing has
    /// changed.
    pub(super) fn open(
        plan: Plan,
        settings: Settings,
        privileges: Privileges,
        at_hand: &[Arc<Listener>],
        bundles: &[Bundle],
    ) -> Result<(Self, Vec<Bundle>), ListenError> {
        let plan = plan.owned_by(privileges.account.as_ref().map(|it| (it.uid, it.gid)));
        let listeners = plan.open(at_hand)?;
        let fresh = plan.open_bundles(&listeners, bundles)?;
        Ok((Self { settings: Arc::new(settings), plan, listeners, privileges }, fresh))
    }

    /// Of a master that does not lead: what it would listen on is opened when it does.
    pub(super) fn closed(plan: Plan, settings: Settings, privileges: Privileges) -> Self {
        let plan = plan.owned_by(privileges.account.as_ref().map(|it| (it.uid, it.gid)));
        Self { settings: Arc::new(settings), plan, listeners: Vec::new(), privileges }
    }

    fn has(&self, listener: &Arc<Listener>) -> bool {
        self.listeners.iter().any(|own| Arc::ptr_eq(own, listener))
    }

    /// Whether its workers have anything to accept from.
    pub(super) fn listens(&self) -> bool {
        let settings = &self.settings;
        !self.listeners.is_empty() || !settings.bind.is_empty() || settings.unix_socket.is_some()
    }

    /// A channel for its workers' connections, if they have any.
    pub(super) fn channel(&self) -> io::Result<Option<Arc<Channel>>> {
        Ok(self.listens().then(Channel::open).transpose()?.map(Arc::new))
    }

    /// Whether its workers answer calls, and show how those fare.
    pub(super) fn answers_calls(&self) -> bool {
        self.settings.worker_class == WorkerClass::Rpc
    }

    /// Whether each of its workers works on several requests at once, where they are copies of the master.
    pub(super) fn shares(&self) -> bool {
        let class = self.settings.worker_class;
        matches!(class, WorkerClass::Thread | WorkerClass::Async | WorkerClass::Rpc)
    }

    /// A table for its workers' calls, if they answer any.
    pub(super) fn call_table(&self) -> Result<Option<CallTable>, SysError> {
        self.answers_calls().then(CallTable::create).transpose()
    }
}

impl Master<'_> {
    /// The generation that the arbiter wants workers of.
    pub(super) fn current(&self) -> &Generation {
        &self.generations[&self.arbiter.generation()]
    }

    /// Gives up all but these, and with them the listeners that are no other's.
    pub(super) fn keep_generations(&mut self, keep: &[u32]) {
        if let Some(candidate) = self.candidate.take() {
            self.generations.insert(self.arbiter.generation(), candidate);
        }
        // The arbiter has those that stay watched again once it sleeps.
        self.unwatch_listeners();
        let (kept, given_up): (BTreeMap<_, _>, BTreeMap<_, _>) =
            std::mem::take(&mut self.generations)
                .into_iter()
                .partition(|(generation, _)| keep.contains(generation));
        self.generations = kept;
        for listener in given_up.values().flat_map(|one| &one.listeners) {
            if !self.generations.values().any(|one| one.has(listener)) {
                listener.close();
            }
        }
        self.keep_bundles();
        self.zygotes.keep(keep);
        let Generation { settings, plan, listeners, .. } = self.current();
        plan.adjust(listeners);
        crate::log::set_level(super::boot::level_of(settings));
        // Of two masters only the one that serves may rename the file.
        if self.predecessor.is_none() && self.successor.is_none() {
            crate::log::set_limit(settings.log_rotate);
        }
    }

    /// Everything that is listened on, each once.
    pub(super) fn listeners(&self) -> impl Iterator<Item = &Arc<Listener>> {
        let bundles = self.bundles.iter().flat_map(Bundle::listeners);
        bundles.chain(&self.current().listeners)
    }
}
