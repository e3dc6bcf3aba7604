//! The signalfd backend.

use std::fs::File;
use std::io::{self, Read};
use std::mem::{offset_of, size_of};
use std::os::fd::{AsFd, BorrowedFd};

use libc::signalfd_siginfo as Record;

use super::SourceError;
use crate::set::SignalSet;
use crate::signal::Signal;
use crate::{disposition, mask, sys};

/// Records per read: one for each standard signal and room for more, so that one read nearly always does.
const RECORDS: usize = 64;
/// Reads per drain, against a flood of real-time signals, which queue by the thousand.
const READS: usize = 16;

/// A signalfd, and what the thread looked like before it.
#[derive(Debug)]
pub(super) struct Descriptor {
    file: File,
    /// What of the set was not blocked before.
    blocked_here: SignalSet,
    chld_was_ignored: bool,
}

impl Descriptor {
    pub(super) fn new(set: SignalSet) -> Result<Self, SourceError> {
        let file = sys::signalfd(set).map_err(SourceError::os("signalfd"))?.into();
        let blocked_here = set - mask::block(set);
        let chld_was_ignored = set.contains(Signal::CHLD)
            && disposition::is_ignored(Signal::CHLD).is_ok_and(|ignored| ignored)
            && disposition::default(Signal::CHLD).is_ok();
        Ok(Self { file, blocked_here, chld_was_ignored })
    }

    pub(super) fn drain(&mut self) -> io::Result<SignalSet> {
        let mut seen = SignalSet::EMPTY;
        let mut buffer = [0; RECORDS * size_of::<Record>()];
        for _ in 0..READS {
            let length = match self.file.read(&mut buffer) {
                Ok(length) => length,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                // What was read has left the kernel: losing it would be worse than an error reported late.
                Err(_) if !seen.is_empty() => break,
                Err(error) => return Err(error),
            };
            seen.extend(buffer[..length].chunks_exact(size_of::<Record>()).filter_map(signal_of));
            if length < buffer.len() {
                break; // the queue was empty at that moment
            }
        }
        Ok(seen)
    }
}

/// The signal of one record (signalfd(2)), read as bytes so that no cast is needed.
fn signal_of(record: &[u8]) -> Option<Signal> {
    let number = record.get(offset_of!(Record, ssi_signo)..)?.first_chunk()?;
    Signal::from_number(u32::from_ne_bytes(*number).try_into().ok()?)
}

impl AsFd for Descriptor {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }
}

impl Drop for Descriptor {
    fn drop(&mut self) {
        if self.chld_was_ignored {
            // Worked when it was read, and has no other reason to fail.
            let _ = disposition::ignore(Signal::CHLD);
        }
        mask::unblock(self.blocked_here);
    }
}
