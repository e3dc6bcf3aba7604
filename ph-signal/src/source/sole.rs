//! The backend without a registry: one per process, handlers of our own, an eventfd.

use std::fs::File;
use std::io::{self, Read as _};
use std::os::fd::{AsFd, AsRawFd as _, BorrowedFd, OwnedFd};

use nix::sys::eventfd::{EfdFlags, EventFd};

use super::SourceError;
use crate::mask;
use crate::set::SignalSet;
use crate::sys::sole;

#[derive(Debug)]
pub(super) struct Sole {
    bell: File,
    set: SignalSet,
    /// What of the set was blocked before.
    unblocked_here: SignalSet,
}

impl Sole {
    pub(super) fn new(set: SignalSet) -> Result<Self, SourceError> {
        let flags = EfdFlags::EFD_CLOEXEC | EfdFlags::EFD_NONBLOCK;
        let bell = EventFd::from_value_and_flags(0, flags)
            .map_err(|errno| SourceError::Os { call: "eventfd", source: errno.into() })?;
        let bell = File::from(OwnedFd::from(bell));
        if !sole::claim(bell.as_raw_fd()) {
            return Err(SourceError::NotSole);
        }
        let mut source = Self { bell, set, unblocked_here: SignalSet::EMPTY };
        for signal in set {
            sole::handle(signal).map_err(|source| SourceError::Handler { signal, source })?;
        }
        source.unblocked_here = set & mask::unblock(set);
        Ok(source)
    }

    pub(super) fn drain(&mut self) -> io::Result<SignalSet> {
        let mut count = [0; 8];
        match self.bell.read(&mut count) {
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            // Interrupted by one of our own signals, most likely: the bell rings on, the next call reads it.
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
        Ok(sole::take())
    }
}

impl AsFd for Sole {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.bell.as_fd()
    }
}

impl Drop for Sole {
    fn drop(&mut self) {
        sole::release(self.set);
        mask::block(self.unblocked_here);
    }
}
