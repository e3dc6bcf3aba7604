//! The signal mask of the calling thread.
//!
//! A masked (blocked) signal waits, pending, until it is unblocked or read from a descriptor. The mask
//! belongs to one thread; it is inherited by threads it starts, by forked children and across `execve`.
//! Each function here is one `pthread_sigmask` (POSIX; it fails only for arguments that cannot be passed
//! here), async-signal-safe, and leaves `SIGKILL`, `SIGSTOP` and the C library's own signals alone.

use std::marker::PhantomData;

use crate::set::SignalSet;
use crate::sys::{self, How};

/// The signals that the calling thread blocks now.
#[must_use]
pub fn current_mask() -> SignalSet {
    // Blocking nothing more is the question without the change.
    sys::sigmask(How::Block, SignalSet::EMPTY)
}

/// Makes `set` the calling thread's mask, and returns the one before.
pub fn set_mask(set: SignalSet) -> SignalSet {
    sys::sigmask(How::Set, set)
}

/// Adds `set` to the calling thread's mask, and returns the mask before.
pub fn block(set: SignalSet) -> SignalSet {
    sys::sigmask(How::Block, set)
}

/// Takes `set` out of the calling thread's mask, and returns the mask before. What was pending is
/// delivered before this returns.
pub fn unblock(set: SignalSet) -> SignalSet {
    sys::sigmask(How::Unblock, set)
}

/// Gives the calling thread its mask back when it goes out of scope.
///
/// Guards nest like scopes: drop them in the reverse order of their making, since each restores the whole
/// mask as it found it. A guard cannot move to another thread, whose mask is another. After `fork` the
/// child has a copy of the guard: it may drop it too, or end with [`set_mask`].
///
/// ```
/// use ph_signal::{MaskGuard, Signal, mask};
///
/// let before = mask::current_mask();
/// {
///     let _quiet = MaskGuard::block_all();
///     assert!(mask::current_mask().contains(Signal::TERM));
/// }
/// assert_eq!(mask::current_mask(), before);
/// ```
#[derive(Debug)]
#[must_use = "the mask is restored as soon as the guard is dropped"]
pub struct MaskGuard {
    previous: SignalSet,
    /// The mask is the thread's: neither `Send` nor `Sync`.
    _thread: PhantomData<*const ()>,
}

impl MaskGuard {
    /// Blocks `set`, on top of what is blocked already.
    pub fn block(set: SignalSet) -> Self {
        Self::after(block(set))
    }

    /// Blocks every signal that can be blocked.
    pub fn block_all() -> Self {
        Self::block(SignalSet::ALL)
    }

    fn after(previous: SignalSet) -> Self {
        Self { previous, _thread: PhantomData }
    }

    /// The mask that will be restored.
    #[must_use]
    pub fn previous(&self) -> SignalSet {
        self.previous
    }
}

impl Drop for MaskGuard {
    fn drop(&mut self) {
        set_mask(self.previous);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::signal::Signal;

    #[test]
    fn nested_guards_unwind_to_where_they_began() {
        let start = current_mask();
        let outer = MaskGuard::block(Signal::USR1.into());
        assert_eq!(outer.previous(), start);
        {
            let _inner = MaskGuard::block_all();
            assert_eq!(current_mask() & SignalSet::UNSTOPPABLE, SignalSet::EMPTY);
            let blocked = current_mask().len();
            assert!(blocked > 55, "only {blocked} signals are blocked");
        }
        assert_eq!(current_mask(), start.with(Signal::USR1));
        drop(outer);
        assert_eq!(current_mask(), start);
    }

    #[test]
    fn every_change_returns_the_mask_before() {
        let start = current_mask();
        assert_eq!(block(Signal::HUP.into()), start);
        assert_eq!(unblock(Signal::HUP.into()), start.with(Signal::HUP));
        assert_eq!(set_mask(Signal::USR2.into()), start.without(Signal::HUP));
        assert_eq!(set_mask(start), Signal::USR2.into());
    }

    #[test]
    fn a_thread_inherits_the_mask_and_keeps_its_own() {
        let _guard = MaskGuard::block(Signal::WINCH.into());
        std::thread::spawn(|| {
            assert!(current_mask().contains(Signal::WINCH));
            unblock(Signal::WINCH.into());
        })
        .join()
        .unwrap();
        assert!(current_mask().contains(Signal::WINCH));
    }
}
