//! Connections that another worker is to go on with: they leave together.
//!
//! The worker that gets the first of them answers its client at once, and may do so on the processor of this thread, for as
//! long as the scheduler lets it: some milliseconds. Connections that are still to be answered here would wait as long. So
//! those have their turn first.

use std::cell::RefCell;
use std::sync::Arc;

use super::AsyncStream;
use super::registry::Entry;
use crate::desk::Desk;
use crate::front::TOGETHER;
use crate::hold::Hold;

/// One that leaves, and all that this worker has of it.
pub(super) struct Leaver {
    pub(super) stream: AsyncStream,
    pub(super) hold: Hold,
    pub(super) entry: Entry,
    pub(super) desk: Arc<Desk>,
}

/// Those that wait for each other.
#[derive(Default)]
pub(super) struct Leaving(RefCell<Vec<Leaver>>);

impl Leaving {
    /// Hands a connection on, or has that done by the coroutine of another one.
    pub(super) async fn leave(&self, leaver: Leaver) {
        let waiting = {
            let mut waiting = self.0.borrow_mut();
            waiting.push(leaver);
            waiting.len()
        };
        match waiting {
            // After all coroutines that were woken with this one.
            1 => tokio::task::yield_now().await,
            TOGETHER.. => {}
            // The first of them does it.
            _ => return,
        }
        for leaver in self.0.take() {
            leaver.hand_on().await;
        }
    }
}

impl Leaver {
    async fn hand_on(self) {
        let Self { stream, hold, entry, desk } = self;
        if stream.hand_on().await {
            hold.hand_on();
        } else {
            drop(hold);
        }
        drop(entry);
        desk.leave();
    }
}
