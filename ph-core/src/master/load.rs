//! The load as it can be seen from here: what workers hold, and what waits for them.

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use std::os::fd::AsFd as _;
use std::sync::Arc;

use super::Master;
use super::poll::Token;
use crate::arbiter::{Event, Load, WorkerKey};
use crate::listen::Listener;

impl Master<'_> {
    #[inline(never)]
    pub(super) fn measure(&mut self) {
        let held = |child: &super::children::Child| {
            (child.key, self.slots.items()[child.cell].claim().held())
        };
        let held = self.children.iter().map(held).collect();
        let queues = self.listeners().map(waiting);
        let accepted = self.accepted();
        let moving = self.channel.as_ref().is_some_and(|channel| channel.has_waiting());
        let queue = queues.fold(u32::from(moving), u32::saturating_add);
        self.queue.push_back(Event::Load(Load { held, queue, accepted }));
    }

    /// Has the kernel tell of the next connection, or of one that waits already. It is left to the workers.
    #[inline(never)]
    pub(super) fn watch_listeners(&mut self) {
        self.unwatch_listeners();
        self.watched = self.listeners().cloned().collect();
        for listener in &self.watched {
            if let Err(error) = self.poll.add_once(listener, Token::Listener) {
                tracing::warn!(%error, "cannot watch a listener; looking at it now and then");
                self.queue.push_back(Event::Connected);
            }
        }
    }

    /// Comes before a listener is closed, and after it has told what it was to tell.
    pub(super) fn unwatch_listeners(&mut self) {
        for listener in std::mem::take(&mut self.watched) {
            self.poll.remove(&*listener);
        }
    }

    pub(super) fn somebody_connects(&mut self) {
        self.unwatch_listeners();
        self.feed(Event::Connected);
    }

    /// Between the sample and now any of them may have taken work: the claim itself says which has not.
    #[inline(never)]
    pub(super) fn claim_one(&mut self, idle: &[WorkerKey]) {
        let retires = |worker: &&WorkerKey| {
            let child = self.children.get(worker.serial);
            child.is_some_and(|child| self.slots.items()[child.cell].claim().retire())
        };
        if let Some(&worker) = idle.iter().find(retires) {
            self.queue.push_back(Event::Claimed { worker });
        }
    }
}

/// How many connections wait; where the kernel does not tell, whether one does.
fn waiting(listener: &Arc<Listener>) -> u32 {
    listener.waiting().unwrap_or_else(|| {
        // A look, no wait.
        let mut look = [PollFd::new(listener.as_fd(), PollFlags::POLLIN)];
        u32::from(poll(&mut look, PollTimeout::ZERO).is_ok_and(|ready| ready > 0))
    })
}
