//! Between the thread that accepts and those who work: how much is in hand, and who waits for whom.

use std::os::fd::{AsFd as _, BorrowedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};

use nix::sys::eventfd::{EfdFlags, EventFd};
use ph_core::report::Report;

use crate::post::Post;

/// Counts what the crew has in hand, and rings when the front waits for that to become less.
#[derive(Debug)]
pub(crate) struct Desk {
    post: Arc<Post>,
    most: usize,
    in_hand: AtomicUsize,
    /// The front waits for room, or for the last of it.
    listening: AtomicBool,
    panicked: AtomicBool,
    bell: EventFd,
}

impl Desk {
    pub(crate) fn new(post: Arc<Post>, most: usize) -> nix::Result<Self> {
        let bell = EventFd::from_flags(EfdFlags::EFD_CLOEXEC | EfdFlags::EFD_NONBLOCK)?;
        let (in_hand, listening) = (AtomicUsize::new(0), AtomicBool::new(false));
        let panicked = AtomicBool::new(false);
        Ok(Self { post, most, in_hand, listening, panicked, bell })
    }

    /// Whether the crew can take another one. If not, the bell rings when it can.
    pub(crate) fn has_room(&self) -> bool {
        self.in_hand.load(SeqCst) < self.most || self.listen() < self.most
    }

    /// Whether the crew has nothing in hand. If it has, the bell rings when that becomes less.
    pub(crate) fn is_clear(&self) -> bool {
        self.listen() == 0
    }

    /// From here until the bell has rung, each end rings; what is in hand after that was said.
    pub(crate) fn listen(&self) -> usize {
        self.listening.store(true, SeqCst);
        self.in_hand.load(SeqCst)
    }

    /// One is handed over.
    pub(crate) fn enter(&self) {
        self.in_hand.fetch_add(1, SeqCst);
    }

    /// One is done.
    pub(crate) fn leave(&self) {
        self.in_hand.fetch_sub(1, SeqCst);
        if self.listening.swap(false, SeqCst) {
            self.ring();
        }
    }

    /// Some code of the application has panicked: the worker finishes what it has and ends. The master hears of it now,
    /// since that may take long.
    pub(crate) fn panicked(&self, panic: &str) {
        self.post.told(panic);
        if !self.panicked.swap(true, SeqCst) {
            self.post.say(&Report::Broke);
        }
        self.post.stop.ask();
        self.ring();
    }

    pub(crate) fn has_panicked(&self) -> bool {
        self.panicked.load(SeqCst)
    }

    pub(crate) fn bell(&self) -> BorrowedFd<'_> {
        self.bell.as_fd()
    }

    /// The bell was heard.
    pub(crate) fn hush(&self) {
        // Nothing rang, for instance.
        let _ = self.bell.read();
    }

    fn ring(&self) {
        // It can only fail for having been rung 2^64 times.
        let _ = self.bell.write(1);
    }
}
