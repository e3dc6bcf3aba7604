//! Pending signals as something an event loop can wait for.
//!
//! Two backends, one behaviour. [`Source::signalfd`] keeps the signals blocked and reads them from a
//! descriptor (signalfd(2)): no handler runs at all, which is why it is the one that [`Source::new`] picks
//! on Linux. [`Source::pipe`] installs handlers that note the signal in a word of memory and write a byte
//! into a pipe: it works on every Unix, and takes signals on any thread.
//!
//! | | signalfd | pipe |
//! | --- | --- | --- |
//! | mask of the calling thread, while the source lives | blocks the set | unblocks the set |
//! | dispositions | untouched, but for an ignored `SIGCHLD` | handlers, with `SA_RESTART` |
//! | other threads | must block the set: start them after the source, so that they inherit it | need nothing |
//! | system calls of other code | never interrupted | restarted where `SA_RESTART` does (signal(7)) |
//! | after `fork`, in the child | reads the child's own signals | handlers do nothing; the parent hears nothing |
//! | after the drop | mask as before | mask as before; handlers stay, without effect |

use std::fmt;
use std::io;
use std::marker::PhantomData;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use crate::set::SignalSet;
use crate::signal::Signal;

#[cfg(target_os = "linux")]
mod descriptor;
mod pipe;
#[cfg(target_os = "linux")]
mod sole;

pub(crate) use pipe::Bell;

/// Why a source could not be made.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// No program can wait for these: [`SignalSet::UNSTOPPABLE`], [`SignalSet::FAULTS`] and the C
    /// library's own.
    #[error("cannot wait for {0:?}: such signals never become pending in a program's hands")]
    Unwatchable(SignalSet),
    /// A system call failed: `EMFILE` and `ENFILE` when there are no descriptors left.
    #[error("cannot make a signal source: {call}: {source}")]
    Os {
        /// Which one.
        call: &'static str,
        /// Its errno.
        source: io::Error,
    },
    /// The process has a source made by [`Source::sole`] already.
    #[error("this process has its sole signal source already")]
    NotSole,
    /// The handler of one signal could not be installed.
    #[error("cannot install a handler for {signal}: {source}")]
    Handler {
        /// The signal.
        signal: Signal,
        /// The errno of sigaction(2).
        source: io::Error,
    },
}

impl SourceError {
    fn os(call: &'static str) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Os { call, source }
    }
}

/// A pollable, level-triggered source of pending signals.
///
/// Its descriptor ([`AsFd`]) is readable while signals of its set are pending, is not inherited by
/// executed programs, and never blocks; [`Source::pending`] drains it. It may now and then be readable
/// with nothing to report. A signal should have one source: of several, the signalfd ones share what
/// arrives, so that only one of them sees it, while each of the pipe ones sees everything.
///
/// A source belongs to the thread that made it, whose mask it changed, and is thus neither `Send` nor
/// `Sync`. A forked child should leave it alone, or drop it; an epoll set that was made before the fork
/// goes on reporting the parent's signals.
pub struct Source {
    backend: Backend,
    watched: SignalSet,
    _thread: PhantomData<*const ()>,
}

enum Backend {
    #[cfg(target_os = "linux")]
    Signalfd(descriptor::Descriptor),
    Pipe(pipe::Pipe),
    #[cfg(target_os = "linux")]
    Sole(sole::Sole),
}

impl Source {
    /// The best source of this system: [`Source::signalfd`] on Linux, [`Source::pipe`] elsewhere.
    ///
    /// # Errors
    ///
    /// As those two.
    pub fn new(set: SignalSet) -> Result<Self, SourceError> {
        #[cfg(target_os = "linux")]
        return Self::signalfd(set);
        #[cfg(not(target_os = "linux"))]
        return Self::pipe(set);
    }

    /// Blocks `set` in the calling thread, and reads what becomes pending from a descriptor.
    ///
    /// Signals sent to the process reach the source as long as *no* thread leaves them unblocked: make the
    /// source before other threads. When it is dropped, each signal of the set is blocked or not as it was
    /// before, and what was pending and never read is delivered.
    ///
    /// If `SIGCHLD` is in the set and was ignored (inherited, as from some cron daemons), it gets its
    /// default action until the drop: the kernel never sends an ignored one.
    ///
    /// # Errors
    ///
    /// [`SourceError::Unwatchable`], or [`SourceError::Os`] with the errno of signalfd(2).
    #[cfg(target_os = "linux")]
    pub fn signalfd(set: SignalSet) -> Result<Self, SourceError> {
        check(set)?;
        Ok(Self::with(Backend::Signalfd(descriptor::Descriptor::new(set)?), set))
    }

    /// Installs handlers for `set` that note what arrives and wake the pipe's reader.
    ///
    /// The handlers are signal-hook's: they share a signal with other users of that crate, call the handler
    /// that was there before, and have `SA_RESTART`, so that most system calls go on after one (sleeping
    /// and polling ones do not: signal(7)). The set is unblocked in the calling thread. A process forked
    /// later shares the pipe, not the memory: its handlers do nothing, so the parent neither wakes nor
    /// counts its child's signals, and until [`crate::disposition::reset_for_child`] such a signal has no
    /// effect there at all. A new source in the child works.
    ///
    /// When it is dropped, the mask is as before but the handlers stay installed, without effect (another
    /// user of signal-hook may need them): [`crate::disposition::default`] gives a signal its default back.
    ///
    /// # Errors
    ///
    /// [`SourceError::Unwatchable`], [`SourceError::Os`] with the errno of pipe(2) or fcntl(2), or
    /// [`SourceError::Handler`].
    pub fn pipe(set: SignalSet) -> Result<Self, SourceError> {
        check(set)?;
        Ok(Self::with(Backend::Pipe(pipe::Pipe::new(set)?), set))
    }

    /// As [`Source::pipe`], but the only such source of its process: without a registry, it costs a forked child an
    /// eventfd and a system call per signal, and no memory.
    ///
    /// Its handlers take the place of whatever was there, and a later user of the same signals takes theirs
    /// (signal-hook calls the handler that it finds). When it is dropped, the signals get their default actions.
    ///
    /// # Errors
    ///
    /// As [`Source::pipe`], and [`SourceError::NotSole`].
    #[cfg(target_os = "linux")]
    pub fn sole(set: SignalSet) -> Result<Self, SourceError> {
        check(set)?;
        Ok(Self::with(Backend::Sole(sole::Sole::new(set)?), set))
    }

    fn with(backend: Backend, watched: SignalSet) -> Self {
        Self { backend, watched, _thread: PhantomData }
    }

    /// The signals that this source reports.
    #[must_use]
    pub fn watched(&self) -> SignalSet {
        self.watched
    }

    /// Everything that arrived since the last call, without waiting; empty if nothing did.
    ///
    /// Queued real-time signals are one member, like a burst of any other. Work per call is bounded: under
    /// a flood of real-time signals the descriptor stays readable, and the next call reports the rest.
    ///
    /// # Errors
    ///
    /// The errno of read(2), which a source in one piece has no reason to give.
    pub fn pending(&mut self) -> io::Result<SignalSet> {
        match &mut self.backend {
            #[cfg(target_os = "linux")]
            Backend::Signalfd(descriptor) => descriptor.drain(),
            Backend::Pipe(pipe) => pipe.drain(),
            #[cfg(target_os = "linux")]
            Backend::Sole(sole) => sole.drain(),
        }
    }

    /// Whether surely nothing is pending, if that can be told without a system call; otherwise `false`.
    ///
    /// For a program that looks between two short pieces of work. It takes nothing.
    #[must_use]
    pub fn is_quiet(&self) -> bool {
        match &self.backend {
            #[cfg(target_os = "linux")]
            Backend::Signalfd(_) => false,
            Backend::Pipe(pipe) => pipe.is_quiet(),
            #[cfg(target_os = "linux")]
            Backend::Sole(_) => crate::sys::sole::is_quiet(),
        }
    }

    /// Waits until something is pending and returns it, or the empty set when `timeout` has passed.
    /// `None` waits for ever.
    ///
    /// # Errors
    ///
    /// As [`Source::pending`], or the errno of poll(2); being interrupted is none.
    pub fn wait(&mut self, timeout: Option<Duration>) -> io::Result<SignalSet> {
        // A deadline beyond what the clock can count is none.
        let deadline = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
        loop {
            let pending = self.pending()?;
            let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
            if !pending.is_empty() || left == Some(Duration::ZERO) {
                return Ok(pending);
            }
            match poll(&mut [PollFd::new(self.as_fd(), PollFlags::POLLIN)], poll_timeout(left)) {
                Ok(_) | Err(Errno::EINTR) => {}
                Err(errno) => return Err(errno.into()),
            }
        }
    }
}

/// Whole milliseconds, rounded up so that the last one is not spent spinning; as long as poll(2) can.
fn poll_timeout(left: Option<Duration>) -> PollTimeout {
    left.map_or(PollTimeout::NONE, |left| {
        let millis = left.as_nanos().div_ceil(1_000_000);
        PollTimeout::try_from(millis).unwrap_or(PollTimeout::MAX)
    })
}

/// Refuses what can never be pending for a program to take.
fn check(set: SignalSet) -> Result<(), SourceError> {
    let reserved: SignalSet = set.iter().filter(|signal| signal.is_reserved()).collect();
    let never = (set & (SignalSet::UNSTOPPABLE | SignalSet::FAULTS)) | reserved;
    if never.is_empty() { Ok(()) } else { Err(SourceError::Unwatchable(never)) }
}

impl AsFd for Source {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match &self.backend {
            #[cfg(target_os = "linux")]
            Backend::Signalfd(descriptor) => descriptor.as_fd(),
            Backend::Pipe(pipe) => pipe.as_fd(),
            #[cfg(target_os = "linux")]
            Backend::Sole(sole) => sole.as_fd(),
        }
    }
}

impl AsRawFd for Source {
    fn as_raw_fd(&self) -> RawFd {
        self.as_fd().as_raw_fd()
    }
}

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let backend = match self.backend {
            #[cfg(target_os = "linux")]
            Backend::Signalfd(_) => "signalfd",
            Backend::Pipe(_) => "pipe",
            #[cfg(target_os = "linux")]
            Backend::Sole(_) => "sole",
        };
        f.debug_struct("Source")
            .field("backend", &backend)
            .field("watched", &self.watched)
            .field("fd", &self.as_raw_fd())
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_waited_for_is_named() {
        let set = SignalSet::of(&[Signal::TERM, Signal::KILL, Signal::SEGV]);
        for source in [Source::new(set), Source::pipe(set)] {
            let error = source.unwrap_err().to_string();
            assert!(error.starts_with("cannot wait for {SIGKILL, SIGSEGV}: "), "{error}");
        }
    }

    #[test]
    fn a_timeout_is_never_cut_short() {
        assert_eq!(poll_timeout(Some(Duration::from_nanos(1))), PollTimeout::from(1u8));
        assert_eq!(poll_timeout(Some(Duration::from_millis(7))), PollTimeout::from(7u8));
        assert_eq!(poll_timeout(Some(Duration::MAX)), PollTimeout::MAX);
        assert_eq!(poll_timeout(None), PollTimeout::NONE);
    }
}
