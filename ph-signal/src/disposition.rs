//! What a process does about a signal that is delivered: the default, nothing, or a handler.
//!
//! Dispositions belong to the process, are copied by `fork`, and at `execve` handlers become the default
//! while *ignored stays ignored* (sigaction(2)). A child that is to behave like a program started by hand
//! therefore needs [`reset_for_child`] and an empty mask.

use std::io;

use crate::set::SignalSet;
use crate::signal::{MAX, Signal};
use crate::sys::{self, Disposition};

/// Why a disposition could not be read or changed.
#[derive(Debug, thiserror::Error)]
#[error("cannot {verb} the disposition of {signal}: {source}")]
pub struct DispositionError {
    verb: &'static str,
    signal: Signal,
    /// The errno of sigaction(2): `EINVAL` for `SIGKILL`, `SIGSTOP` and the C library's own signals.
    source: io::Error,
}

fn change(signal: Signal, disposition: Disposition) -> Result<(), DispositionError> {
    sys::set_disposition(signal, disposition).map_err(|source| DispositionError {
        verb: "change",
        signal,
        source,
    })
}

/// Ignores the signal from now on, in this process and in what it executes.
///
/// With `SIGCHLD` ignored the kernel reaps children by itself: nobody can wait for them.
///
/// # Errors
///
/// `EINVAL` for signals that nothing can ignore.
pub fn ignore(signal: Signal) -> Result<(), DispositionError> {
    change(signal, Disposition::Ignore)
}

/// Gives the signal its default action (signal(7)) back, in place of a handler or of being ignored.
///
/// # Errors
///
/// `EINVAL` for signals of which nothing can change the disposition.
pub fn default(signal: Signal) -> Result<(), DispositionError> {
    change(signal, Disposition::Default)
}

/// True if the signal is ignored, as `nohup` leaves `SIGHUP` and Rust's runtime `SIGPIPE`.
///
/// # Errors
///
/// `EINVAL` for the C library's own signals.
pub fn is_ignored(signal: Signal) -> Result<bool, DispositionError> {
    sys::disposition(signal)
        .map(|disposition| disposition == Disposition::Ignore)
        .map_err(|source| DispositionError { verb: "read", signal, source })
}

/// The signals of this process that are handled or ignored: what a child would have to reset.
///
/// A program that forks often asks once and hands the answer to [`reset`] in each child, which then costs no
/// system call for the signals that nobody changed.
pub fn changed() -> SignalSet {
    let signals = (1..=i32::from(MAX)).filter_map(Signal::from_number);
    let default = |signal: &Signal| {
        // What can't be asked about can't have been changed.
        sys::disposition(*signal).is_ok_and(|found| found != Disposition::Default)
    };
    signals.filter(default).collect()
}

/// Gives these signals their default action. Async-signal-safe, as [`reset_for_child`].
pub fn reset(set: SignalSet) {
    for signal in set {
        // Refused for the signals nobody can change, which is as good as reset.
        let _ = sys::set_disposition(signal, Disposition::Default);
    }
}

/// Gives every signal but those in `keep` its default action: the clean slate of a new program.
///
/// For a child, right after `fork` and while all signals are still blocked, so that none is delivered to a
/// handler that was the parent's. Then [`crate::mask::set_mask`] with the empty set, a separate step
/// because the child may have handlers of its own to install in between. `SIGKILL`, `SIGSTOP` and the C
/// library's own signals have nothing to reset.
///
/// Async-signal-safe: one `sigaction` per signal, no allocation, no lock. It cannot fail.
pub fn reset_for_child(keep: SignalSet) {
    reset(SignalSet::ALL.difference(keep));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ignoring_is_seen_and_undone() {
        // A signal that no other test of this process touches.
        let signal = Signal::URG;
        assert!(!is_ignored(signal).unwrap());
        ignore(signal).unwrap();
        assert!(is_ignored(signal).unwrap());
        assert!(changed().contains(signal));
        default(signal).unwrap();
        assert!(!is_ignored(signal).unwrap());
        assert!(!changed().contains(signal));
    }

    #[test]
    fn what_cannot_be_ignored_says_so() {
        let error = ignore(Signal::KILL).unwrap_err();
        assert!(
            error.to_string().starts_with("cannot change the disposition of SIGKILL: "),
            "{error}"
        );
    }
}
