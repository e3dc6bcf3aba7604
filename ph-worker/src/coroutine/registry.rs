//! The connections of a worker's coroutines, to end those that only wait for their clients.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::task::Waker;
use std::time::Duration;

use slab::Slab;
use tokio::sync::Notify;

use crate::Context;

/// How a connection's reads are brought to an end from outside.
#[derive(Debug, Default)]
pub(crate) struct Cord {
    cut: Cell<bool>,
    /// The coroutine that waits for the client.
    waiting: RefCell<Option<Waker>>,
}

impl Cord {
    pub(super) fn is_cut(&self) -> bool {
        self.cut.get()
    }

    /// Remembers whom to wake.
    pub(crate) fn wait(&self, waker: &Waker) {
        let mut waiting = self.waiting.borrow_mut();
        if !waiting.as_ref().is_some_and(|known| known.will_wake(waker)) {
            *waiting = Some(waker.clone());
        }
    }

    fn wake(&self) {
        if let Some(waker) = self.waiting.borrow_mut().take() {
            waker.wake();
        }
    }
}

/// All connections that are open.
#[derive(Debug, Default)]
pub(super) struct Registry {
    open: RefCell<Slab<Context>>,
    arrived: Notify,
}

/// A connection's place among the open ones, until this is dropped.
pub(super) struct Entry {
    registry: Rc<Registry>,
    key: usize,
}

impl Registry {
    pub(super) fn enter(self: &Rc<Self>, cx: &Context) -> Entry {
        let key = self.open.borrow_mut().insert(cx.clone());
        self.arrived.notify_one();
        Entry { registry: Rc::clone(self), key }
    }

    /// Has every connection look whether the worker is stopping.
    pub(super) fn wake_all(&self) {
        for (_, cx) in &*self.open.borrow() {
            cx.cord().wake();
        }
    }

    /// Ends the reads of every connection that waits for its client.
    pub(super) fn cut_all(&self) {
        self.cut(|_| true);
    }

    /// Ends the reads of connections whose clients have been silent for longer than `limit`; for ever.
    pub(super) async fn cut_the_silent(&self, limit: Duration) {
        let turn = (limit / 4).max(Duration::from_millis(10));
        loop {
            if self.open.borrow().is_empty() {
                self.arrived.notified().await;
            }
            tokio::time::sleep(turn).await;
            self.cut(|waiting| waiting >= limit);
        }
    }

    fn cut(&self, whom: impl Fn(Duration) -> bool) {
        for (_, cx) in &*self.open.borrow() {
            if cx.visit().waiting().is_some_and(&whom) {
                cx.cord().cut.set(true);
                cx.cord().wake();
            }
        }
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        self.registry.open.borrow_mut().remove(self.key);
    }
}
