//! The request to leave, as all threads of a worker see it.

use std::os::fd::{AsFd as _, BorrowedFd};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

use nix::sys::eventfd::{EfdFlags, EventFd};

/// Whether this worker was asked to leave, and how those hear of it who can't take the signal themselves.
#[derive(Debug, Default)]
pub(crate) struct Stop {
    asked: AtomicBool,
    /// Readable from the request on, for ever; made where a second thread is.
    bell: OnceLock<EventFd>,
    #[cfg(feature = "async")]
    coroutines: tokio::sync::Notify,
}

impl Stop {
    /// Makes the bell: from here on other threads can wait for the request.
    pub(crate) fn hang_bell(&self) -> nix::Result<()> {
        let flags = EfdFlags::EFD_CLOEXEC | EfdFlags::EFD_NONBLOCK;
        let bell = EventFd::from_flags(flags)?;
        // Hung before: the first one stays.
        let _ = self.bell.set(bell);
        Ok(())
    }

    pub(crate) fn is_asked(&self) -> bool {
        self.asked.load(Ordering::Acquire)
    }

    pub(crate) fn ask(&self) {
        self.asked.store(true, Ordering::Release);
        if let Some(bell) = self.bell.get() {
            // It can only fail for having been rung 2^64 times.
            let _ = bell.write(1);
        }
        #[cfg(feature = "async")]
        self.coroutines.notify_waiters();
    }

    /// Waits for the request, in a coroutine.
    #[cfg(feature = "async")]
    pub(crate) async fn asked(&self) {
        let mut notified = std::pin::pin!(self.coroutines.notified());
        // In this order: a request between the two is not lost.
        notified.as_mut().enable();
        if !self.is_asked() {
            notified.await;
        }
    }

    pub(crate) fn bell(&self) -> Option<BorrowedFd<'_>> {
        self.bell.get().map(EventFd::as_fd)
    }
}
