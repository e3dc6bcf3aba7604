//! What a leader's workers listen on: opened when it begins to lead, closed when it has ceased to.

use super::Master;
use crate::arbiter::Event;

impl Master<'_> {
    /// Opens what the workers are to listen on.
    pub(in crate::master) fn open_listeners(&mut self) {
        self.take_office();
        let opened = self.try_listeners();
        self.queue.push_back(match opened {
            Ok(()) => Event::ListenersOpened,
            Err(reason) => Event::ListenersRefused { reason },
        });
    }

    fn try_listeners(&mut self) -> Result<(), String> {
        let number = self.arbiter.generation();
        let Some(generation) = self.generations.get_mut(&number) else { return Ok(()) };
        let opened = generation.plan.open(&self.handed).and_then(|listeners| {
            let bundles = generation.plan.open_bundles(&listeners, &self.bundles)?;
            Ok((listeners, bundles))
        });
        let (listeners, bundles) = opened.map_err(|error| error.to_string())?;
        generation.listeners = listeners;
        if self.channel.is_none() {
            self.channel = generation.channel().map_err(|error| error.to_string())?;
        }
        self.bundles.extend(bundles);
        if let Some(office) = self.candidacy.as_ref().and_then(|it| it.office.as_ref()) {
            let lock = self.lock_for_worker();
            let laid =
                lock.and_then(|lock| office.lay_out(&self.current().listeners, lock.as_ref()));
            laid.map_err(|error| format!("the workers that wait can't begin: {error}"))?;
        }
        Ok(())
    }

    /// What was handed to this master stays open, since only who has handed it over can do it again.
    pub(super) fn close_listeners(&mut self) {
        self.unwatch_listeners();
        let generations = self.generations.values_mut();
        let listeners = generations.flat_map(|one| std::mem::take(&mut one.listeners));
        for listener in listeners.filter(|listener| !listener.is_inherited()) {
            listener.close();
        }
        for bundle in self.bundles.drain(..) {
            bundle.listeners().for_each(|listener| listener.close());
        }
    }
}
