//! How the workers of a warm standby come by what they need once their master leads: listeners, and the lock.
//!
//! They were made before any of that was open. So the master lays it out in a pair of sockets as one message, at which each of them
//! looks (`MSG_PEEK`, recv(2)), as at the log's [shelf](crate::log::Shelf). Until then they wait for the socket to be readable.

use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;

use rustix::net::{
    AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, SocketFlags, SocketType, recvmsg, sendmsg, socketpair,
};

use super::estate::Heirloom;
use crate::listen::Listener;

/// Descriptors in the message, at most: the kernel's limit (`SCM_MAX_FD`).
const MOST_DESCRIPTORS: usize = 253;
/// Bytes of its words, at most.
const MOST_WORDS: usize = 64 << 10;

/// The two ends; a worker has the one for looking alone.
#[derive(Debug)]
pub struct Office {
    /// None in a worker.
    put: Option<OwnedFd>,
    look: OwnedFd,
}

/// What a worker works with.
#[derive(Debug)]
pub struct Equipment {
    /// What it may accept connections from.
    pub listeners: Vec<Arc<Listener>>,
    /// What keeps others from leading as long as it is open.
    pub lock: Option<OwnedFd>,
}

impl Office {
    pub(super) fn open() -> io::Result<Self> {
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        let (put, look) = socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, flags, None)?;
        Ok(Self { put: Some(put), look })
    }

    pub(super) fn of(put: OwnedFd, look: OwnedFd) -> Self {
        Self { put: Some(put), look }
    }

    pub(super) fn ends(&self) -> (BorrowedFd<'_>, BorrowedFd<'_>) {
        (self.put.as_ref().unwrap_or(&self.look).as_fd(), self.look.as_fd())
    }

    /// Another descriptor of the end for looking, for a worker.
    pub(super) fn for_worker(&self) -> io::Result<Self> {
        Ok(Self { put: None, look: self.look.try_clone()? })
    }

    /// Lays out what workers need. They go on at once.
    pub(super) fn lay_out(
        &self,
        listeners: &[Arc<Listener>],
        lock: Option<&OwnedFd>,
    ) -> io::Result<()> {
        self.clear();
        let words: Vec<Heirloom> =
            listeners.iter().map(|listener| Heirloom::of(listener)).collect();
        let words = serde_json::to_vec(&words)?;
        let descriptors = listeners.iter().map(|listener| listener.as_fd());
        let descriptors: Vec<_> = descriptors.chain(lock.map(OwnedFd::as_fd)).collect();
        if words.len() > MOST_WORDS || descriptors.len() > MOST_DESCRIPTORS {
            return Err(io::Error::other("too many listeners for a warm standby"));
        }
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MOST_DESCRIPTORS))];
        let mut ancillary = SendAncillaryBuffer::new(&mut space);
        if !descriptors.is_empty() {
            // It has room for as many.
            ancillary.push(SendAncillaryMessage::ScmRights(&descriptors));
        }
        let (put, _) = self.ends();
        sendmsg(put, &[IoSlice::new(&words)], &mut ancillary, SendFlags::NOSIGNAL)?;
        Ok(())
    }

    /// Takes it away.
    pub(super) fn clear(&self) {
        while self.receive(RecvFlags::empty()).is_ok_and(|found| found.is_some()) {}
    }

    /// What is laid out; none as long as there is nothing.
    pub fn look(&self) -> io::Result<Option<Equipment>> {
        let Some((words, descriptors)) = self.receive(RecvFlags::PEEK)? else { return Ok(None) };
        let words: Vec<Heirloom> = serde_json::from_slice(&words)?;
        let mut descriptors = descriptors.into_iter();
        let mut listeners = Vec::with_capacity(words.len());
        for heirloom in words {
            let fd = descriptors.next().ok_or(io::ErrorKind::InvalidData)?;
            let listener = heirloom.listener(fd)?;
            rustix::io::ioctl_fionbio(&listener, true)?;
            listeners.push(Arc::new(listener));
        }
        Ok(Some(Equipment { listeners, lock: descriptors.next() }))
    }

    fn receive(&self, flags: RecvFlags) -> io::Result<Option<(Vec<u8>, Vec<OwnedFd>)>> {
        let mut words = vec![0; MOST_WORDS];
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MOST_DESCRIPTORS))];
        let mut ancillary = RecvAncillaryBuffer::new(&mut space);
        let flags = flags | RecvFlags::DONTWAIT | RecvFlags::CMSG_CLOEXEC;
        let pieces = &mut [IoSliceMut::new(&mut words)];
        let count = match recvmsg(&self.look, pieces, &mut ancillary, flags) {
            Ok(received) => received.bytes,
            Err(rustix::io::Errno::AGAIN | rustix::io::Errno::INTR) => return Ok(None),
            Err(errno) => return Err(errno.into()),
        };
        let descriptors = ancillary.drain().flat_map(|message| match message {
            RecvAncillaryMessage::ScmRights(descriptors) => descriptors.collect::<Vec<_>>(),
            _ => Vec::new(),
        });
        let descriptors = descriptors.collect();
        if count == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        words.truncate(count);
        Ok(Some((words, descriptors)))
    }
}

/// Readable once something is laid out.
impl AsFd for Office {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.look.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_who_look_find_the_lock_until_it_is_taken_away() {
        let office = Office::open().unwrap();
        assert!(office.look().unwrap().is_none());
        let lock = OwnedFd::from(std::fs::File::open("/dev/null").unwrap());
        office.lay_out(&[], Some(&lock)).unwrap();
        for _ in 0..3 {
            let found = office.look().unwrap().unwrap();
            assert!(found.listeners.is_empty() && found.lock.is_some());
        }
        office.lay_out(&[], None).unwrap();
        assert!(office.look().unwrap().unwrap().lock.is_none());
        office.clear();
        assert!(office.look().unwrap().is_none());
    }
}
