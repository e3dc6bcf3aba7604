//! The backend of handlers and a pipe.

use std::io::{self, PipeReader, PipeWriter, Read, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::process;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use signal_hook::SigId;

use super::SourceError;
use crate::set::SignalSet;
use crate::signal::Signal;
use crate::{mask, sys};

/// What the handlers share with the source: the signals that arrived, and the pipe that says so.
#[derive(Debug)]
pub(crate) struct Bell {
    arrived: AtomicU64,
    writer: PipeWriter,
    owner: u32,
}

impl Bell {
    /// Notes the signal and, if it is the first since the last [`Bell::take`], wakes the reader.
    ///
    /// Runs in a handler: nothing but getpid(2), an atomic and write(2), with errno as it was.
    ///
    /// The bit comes before the byte, and the reader takes the byte before the bits, so a bit that is not
    /// taken always has a byte in the pipe or under way. One byte per take is also why the pipe cannot
    /// fill up, however many signals arrive.
    pub(crate) fn ring(&self, signal: Signal) {
        // A forked child shares the pipe: its signals are none of the parent's business.
        if process::id() != self.owner {
            return;
        }
        let before = self.arrived.fetch_or(SignalSet::from(signal).bits(), Ordering::SeqCst);
        if before == 0 {
            let errno = Errno::last_raw();
            // Cannot fail: there is room, and the reader lives as long as the handlers are registered.
            let _ = (&self.writer).write(&[0]);
            Errno::set_raw(errno);
        }
    }

    fn take(&self) -> SignalSet {
        SignalSet::from_bits(self.arrived.swap(0, Ordering::SeqCst))
    }
}

/// The reading end, the handlers, and what the thread's mask was before.
#[derive(Debug)]
pub(super) struct Pipe {
    reader: PipeReader,
    bell: Arc<Bell>,
    handlers: Vec<SigId>,
    /// What of the set was blocked before.
    unblocked_here: SignalSet,
}

impl Pipe {
    pub(super) fn new(set: SignalSet) -> Result<Self, SourceError> {
        // Close-on-exec from the start; non-blocking at both ends: a handler must never wait.
        let (reader, writer) = io::pipe().map_err(SourceError::os("pipe"))?;
        set_nonblocking(&reader)?;
        set_nonblocking(&writer)?;
        let bell = Arc::new(Bell { arrived: AtomicU64::new(0), writer, owner: process::id() });
        let handlers = Vec::with_capacity(set.len());
        // Made first, so that an error on the way unregisters what is registered by then.
        let mut pipe = Self { reader, bell, handlers, unblocked_here: SignalSet::EMPTY };
        for signal in set {
            let id = sys::on_signal(signal, Arc::clone(&pipe.bell))
                .map_err(|source| SourceError::Handler { signal, source })?;
            pipe.handlers.push(id);
        }
        pipe.unblocked_here = set & mask::unblock(set);
        Ok(pipe)
    }

    pub(super) fn is_quiet(&self) -> bool {
        self.bell.arrived.load(Ordering::SeqCst) == 0
    }

    pub(super) fn drain(&mut self) -> io::Result<SignalSet> {
        let mut bytes = [0; 16];
        match self.reader.read(&mut bytes) {
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            // Interrupted by one of our own signals, most likely: the byte stays, the next call reads it.
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
        Ok(self.bell.take())
    }
}

fn set_nonblocking(end: impl AsFd) -> Result<(), SourceError> {
    let flags = fcntl(&end, FcntlArg::F_GETFL).map(OFlag::from_bits_retain);
    flags
        .and_then(|flags| fcntl(&end, FcntlArg::F_SETFL(flags | OFlag::O_NONBLOCK)))
        .map(drop)
        .map_err(|errno| SourceError::Os { call: "fcntl", source: errno.into() })
}

impl AsFd for Pipe {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.reader.as_fd()
    }
}

impl Drop for Pipe {
    fn drop(&mut self) {
        mask::block(self.unblocked_here);
        for id in self.handlers.drain(..) {
            signal_hook::low_level::unregister(id);
        }
    }
}
