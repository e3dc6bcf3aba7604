//! What threads wait for: the next connection, and the word to begin.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use crate::acceptor::Accepted;

/// Connections on their way from the thread that accepts to those who work.
#[derive(Debug, Default)]
pub(crate) struct Queue {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    waiting: VecDeque<Accepted>,
    closed: bool,
}

impl Queue {
    pub(crate) fn put(&self, accepted: Accepted) {
        self.lock().waiting.push_back(accepted);
        self.changed.notify_one();
    }

    /// The next connection; `None` when there will be none.
    pub(crate) fn next(&self) -> Option<Accepted> {
        let mut state = self.lock();
        loop {
            if let Some(accepted) = state.waiting.pop_front() {
                return Some(accepted);
            }
            if state.closed {
                return None;
            }
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Nothing more will come.
    pub(crate) fn close(&self) {
        self.lock().closed = true;
        self.changed.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The word to begin, or not to, for threads that have booted.
#[derive(Debug, Default)]
pub(crate) struct Start {
    word: Mutex<Option<bool>>,
    spoken: Condvar,
}

impl Start {
    /// Waits for the word.
    pub(crate) fn wait(&self) -> bool {
        let word = self.word.lock().unwrap_or_else(PoisonError::into_inner);
        let word = self.spoken.wait_while(word, |word| word.is_none());
        word.unwrap_or_else(PoisonError::into_inner).unwrap_or(false)
    }

    pub(crate) fn say(&self, begin: bool) {
        *self.word.lock().unwrap_or_else(PoisonError::into_inner) = Some(begin);
        self.spoken.notify_all();
    }
}
