//! The channel through which a worker that leaves hands its live connections to those that stay.
//!
//! A pair of sockets whose two ends the master holds and every worker inherits, so that a connection under way in it is
//! lost with no worker. Each message is one connection: its descriptor (`SCM_RIGHTS`, unix(7)), a byte that says of what
//! kind it is, and what had been read from it and not been used.

use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::net::{
    AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, SocketFlags, SocketType,
};

/// Most bytes that travel with a connection. More than that is not a rest, but a request.
pub const MOST_UNREAD: usize = 64 << 10;

/// The two ends. Copies are the same channel.
#[derive(Debug)]
pub struct Channel {
    give: OwnedFd,
    take: OwnedFd,
}

/// A connection that came through a channel.
#[derive(Debug)]
pub struct Moved {
    /// Its socket.
    pub fd: OwnedFd,
    /// Of what kind it is.
    pub kind: Kind,
    /// What was read from it and not used.
    pub unread: Vec<u8>,
}

/// What a worker must know of a connection to go on with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kind {
    /// A Unix socket; TCP otherwise.
    pub unix: bool,
    /// Its handler counts each request by itself, so that what was read of the next is no request yet.
    pub counted: bool,
    /// The master whose workers' sum of connections it is in, while it is in no worker's hands: after an upgrade that is
    /// another than its taker's.
    pub master: u32,
}

/// Bytes of a message before the rest of what was read.
const HEADER: usize = 5;

impl Kind {
    const UNIX: u8 = 1;
    const COUNTED: u8 = 2;

    fn to_bytes(self) -> [u8; HEADER] {
        let unix = if self.unix { Self::UNIX } else { 0 };
        let counted = if self.counted { Self::COUNTED } else { 0 };
        let [a, b, c, d] = self.master.to_ne_bytes();
        [unix | counted, a, b, c, d]
    }

    fn of_bytes([flags, a, b, c, d]: [u8; HEADER]) -> Self {
        let (unix, counted) = (flags & Self::UNIX != 0, flags & Self::COUNTED != 0);
        Self { unix, counted, master: u32::from_ne_bytes([a, b, c, d]) }
    }
}

impl Channel {
    /// A channel with nothing in it.
    pub fn open() -> io::Result<Self> {
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        let pair = rustix::net::socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, flags, None);
        let (give, take) = pair?;
        Ok(Self { give, take })
    }

    /// The channel of these two ends, which another process made.
    pub(crate) fn of(give: OwnedFd, take: OwnedFd) -> Self {
        Self { give, take }
    }

    /// Hands a connection on. `WouldBlock` when as many are under way as the channel holds; see [`giving`](Self::giving).
    pub fn give(&self, connection: BorrowedFd<'_>, kind: Kind, unread: &[u8]) -> io::Result<()> {
        let descriptors = [connection];
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut ancillary = SendAncillaryBuffer::new(&mut space);
        // It has room for exactly this.
        ancillary.push(SendAncillaryMessage::ScmRights(&descriptors));
        let kind = kind.to_bytes();
        let pieces = [IoSlice::new(&kind), IoSlice::new(unread)];
        rustix::net::sendmsg(&self.give, &pieces, &mut ancillary, SendFlags::NOSIGNAL)?;
        Ok(())
    }

    /// The next connection, if one is under way. What comes with it lands in `landing` first, which has room for the most
    /// after the first time: several come at once, and their clients wait.
    pub fn take(&self, landing: &mut Vec<u8>) -> io::Result<Option<Moved>> {
        landing.resize(HEADER + MOST_UNREAD, 0);
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut ancillary = RecvAncillaryBuffer::new(&mut space);
        let mut pieces = [IoSliceMut::new(landing)];
        let flags = RecvFlags::CMSG_CLOEXEC | RecvFlags::DONTWAIT;
        let received = match rustix::net::recvmsg(&self.take, &mut pieces, &mut ancillary, flags) {
            Ok(received) => received.bytes,
            Err(rustix::io::Errno::WOULDBLOCK) => return Ok(None),
            Err(errno) => return Err(errno.into()),
        };
        let fd = ancillary.drain().find_map(|message| match message {
            RecvAncillaryMessage::ScmRights(mut descriptors) => descriptors.next(),
            _ => None,
        });
        // Without a descriptor there is nothing to go on with: its worker had none left, and the kernel dropped it.
        let header = landing[..received].first_chunk::<HEADER>();
        let (Some(fd), Some(&header)) = (fd, header) else { return Ok(None) };
        let (kind, unread) = (Kind::of_bytes(header), landing[HEADER..received].to_vec());
        Ok(Some(Moved { fd, kind, unread }))
    }

    /// Whether a connection is under way that nobody has taken yet.
    pub fn has_waiting(&self) -> bool {
        rustix::io::ioctl_fionread(&self.take).is_ok_and(|bytes| bytes > 0)
    }

    /// What becomes writable when the channel holds less.
    pub fn giving(&self) -> BorrowedFd<'_> {
        self.give.as_fd()
    }
}

/// What is readable while a connection is under way.
impl AsFd for Channel {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.take.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};
    use std::os::unix::net::UnixStream;

    use super::*;

    const KIND: Kind = Kind { unix: true, counted: false, master: 0x0102_0304 };

    #[test]
    fn a_connection_travels_with_its_rest() {
        let channel = Channel::open().unwrap();
        let landing = &mut Vec::new();
        assert!(channel.take(landing).unwrap().is_none());
        let (mut client, server) = UnixStream::pair().unwrap();
        assert!(!channel.has_waiting());
        channel.give(server.as_fd(), KIND, b"half a requ").unwrap();
        drop(server);
        assert!(channel.has_waiting());
        client.write_all(b"est").unwrap();
        let moved = channel.take(landing).unwrap().unwrap();
        assert!(!channel.has_waiting());
        assert_eq!((moved.kind, moved.unread.as_slice()), (KIND, &b"half a requ"[..]));
        let mut server = UnixStream::from(moved.fd);
        let mut rest = [0; 3];
        server.read_exact(&mut rest).unwrap();
        assert_eq!(&rest, b"est");
        drop(server);
        assert_eq!(client.read(&mut rest).unwrap(), 0, "a descriptor was left open");
    }

    #[test]
    fn a_kind_is_a_few_bytes() {
        for unix in [false, true] {
            for counted in [false, true] {
                let kind = Kind { unix, counted, ..KIND };
                assert_eq!(Kind::of_bytes(kind.to_bytes()), kind);
            }
        }
    }

    #[test]
    fn a_full_channel_says_so() {
        let channel = Channel::open().unwrap();
        let (_client, server) = UnixStream::pair().unwrap();
        let full = (0..100_000).find_map(|_| channel.give(server.as_fd(), KIND, b"").err());
        assert_eq!(full.unwrap().kind(), io::ErrorKind::WouldBlock);
        assert!(channel.take(&mut Vec::new()).unwrap().is_some());
    }
}
