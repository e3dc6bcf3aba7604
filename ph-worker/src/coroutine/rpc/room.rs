//! How many calls a worker has under way, on all its connections, and which connections wait for that to become less.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;
use std::task::Waker;

/// Room for calls that wait for something: `max_coroutines` of them.
#[derive(Debug)]
pub(super) struct Room {
    most: usize,
    taken: Cell<usize>,
    /// Connections that found no room, each once, the first one first.
    queue: RefCell<VecDeque<(Place, Waker)>>,
}

/// A connection's place in the queue: whether it is in there.
pub(super) type Place = Rc<Cell<bool>>;

impl Room {
    pub(super) fn new(most: usize) -> Self {
        Self { most, taken: Cell::new(0), queue: RefCell::default() }
    }

    pub(super) fn is_free(&self) -> bool {
        self.taken.get() < self.most
    }

    /// A call begins to wait for something.
    pub(super) fn enter(&self) {
        self.taken.set(self.taken.get() + 1);
    }

    /// It has ended.
    pub(super) fn leave(&self) {
        self.taken.set(self.taken.get() - 1);
        self.pass_on();
    }

    /// Has a connection woken when there is room again.
    pub(super) fn wait(&self, place: &Place, waker: &Waker) {
        if !place.replace(true) {
            self.queue.borrow_mut().push_back((Rc::clone(place), waker.clone()));
        }
    }

    /// Wakes the next connection, if there is room for a call of its. Each that was woken says this again when it has
    /// taken what it needs, or has gone.
    pub(super) fn pass_on(&self) {
        while self.is_free() {
            let next = self.queue.borrow_mut().pop_front();
            let Some((place, waker)) = next else { return };
            place.set(false);
            // The other half of the place goes with its connection.
            if Rc::strong_count(&place) > 1 {
                return waker.wake();
            }
        }
    }
}
