//! How workers come by a new file: it lies on a shelf, for all of them to look at.
//!
//! A worker may have become another user, or have another root, so that the log's path leads it nowhere. The master
//! opens the file, and puts its descriptor into a pair of sockets as one message (`SCM_RIGHTS`, unix(7)); a worker
//! looks at that message (`MSG_PEEK`, recv(2)), which gives it a descriptor of its own and leaves the message for the next.
//! So nothing has to be given to a user who writes the log and should not own it.

use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};

use rustix::net::{
    AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, SocketFlags, SocketType, recvmsg, sendmsg, socketpair,
};

/// The two ends; a worker has the one for looking alone.
#[derive(Debug)]
pub struct Shelf {
    put: OwnedFd,
    look: OwnedFd,
}

impl Shelf {
    pub(super) fn with(file: &OwnedFd) -> io::Result<Self> {
        let shelf = Self::empty()?;
        shelf.put(file)?;
        Ok(shelf)
    }

    /// One on which nothing lies.
    pub fn empty() -> io::Result<Self> {
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        let (put, look) = socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, flags, None)?;
        Ok(Self { put, look })
    }

    /// Takes away, and closes, what is there.
    pub fn clear(&self) {
        while self.receive(RecvFlags::DONTWAIT).is_ok_and(|file| file.is_some()) {}
    }

    /// The one that others made, by its two ends.
    pub fn of(put: OwnedFd, look: OwnedFd) -> Self {
        Self { put, look }
    }

    /// The end by which files are put there, and the one by which they are looked at.
    pub fn ends(&self) -> (BorrowedFd<'_>, BorrowedFd<'_>) {
        (self.put.as_fd(), self.look.as_fd())
    }

    /// Puts a file there, instead of what was there before. Who looks in between finds nothing.
    pub fn put(&self, file: &OwnedFd) -> io::Result<()> {
        self.clear();
        let files = [file.as_fd()];
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut ancillary = SendAncillaryBuffer::new(&mut space);
        // It has room for as many.
        ancillary.push(SendAncillaryMessage::ScmRights(&files));
        sendmsg(&self.put, &[IoSlice::new(&[0])], &mut ancillary, SendFlags::NOSIGNAL)?;
        Ok(())
    }

    /// A descriptor of the file that is there.
    pub fn look(&self) -> io::Result<OwnedFd> {
        let file = self.receive(RecvFlags::DONTWAIT | RecvFlags::PEEK)?;
        file.ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn receive(&self, flags: RecvFlags) -> io::Result<Option<OwnedFd>> {
        let mut byte = [0];
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut ancillary = RecvAncillaryBuffer::new(&mut space);
        let flags = flags | RecvFlags::CMSG_CLOEXEC;
        recvmsg(&self.look, &mut [IoSliceMut::new(&mut byte)], &mut ancillary, flags)?;
        let files = ancillary.drain().find_map(|message| match message {
            RecvAncillaryMessage::ScmRights(mut files) => files.next(),
            _ => None,
        });
        Ok(files)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::File;
    use std::os::unix::fs::MetadataExt as _;

    fn identity(fd: OwnedFd) -> (u64, u64) {
        let found = File::from(fd).metadata().unwrap();
        (found.dev(), found.ino())
    }

    #[test]
    fn all_who_look_find_the_last_file() {
        let file = |path: &str| OwnedFd::from(File::open(path).unwrap());
        let shelf = Shelf::with(&file("/proc/self/stat")).unwrap();
        for path in ["/proc/self/stat", "/dev/null", "/dev/zero", "/dev/zero"] {
            shelf.put(&file(path)).unwrap();
            for _ in 0..3 {
                assert_eq!(identity(shelf.look().unwrap()), identity(file(path)), "{path}");
            }
        }
    }
}
