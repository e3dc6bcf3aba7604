//! What a master and its *elector* say to each other: a datagram of JSON at a time, over a pair of sockets.
//!
//! The elector is this very program in a process of its own, started by the master as its child. It campaigns, which may block,
//! look names up and use threads; the master does none of that. It reports each change and each renewal by a number, and takes or renews a lease
//! only once the master has answered the latest one. With a lock on a file for a lease, its descriptor comes along with the report.
//!
//! The first datagram is the master's: the [`Orders`]. They hold a password, so they are neither in the command line nor in the
//! environment, which others can read.

use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd, RawFd};
use std::path::PathBuf;
use std::time::Duration;

use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, recvmsg, sendmsg,
};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// The hidden first argument by which a program is an elector.
pub const ELECTOR: &str = "--elector";
/// The variable by which it knows that a master has started it.
pub const VARIABLE: &str = "PH_ELECTOR";
/// The descriptor of its end of the pair.
pub const SOCKET: RawFd = 3;
/// The descriptor of a lock that is held already, where the orders say that there is one.
pub const LOCK: RawFd = 4;
/// Of these messages. An elector outlives an upgrade in place, and may be of another version then.
pub const VERSION: u32 = 1;

/// Bytes of one message, at most.
const MOST: usize = 64 << 10;

/// All that an elector starts from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Orders {
    /// [`VERSION`].
    pub version: u32,
    /// The master's pid: without it, there is nobody to campaign for.
    pub master: i32,
    /// The application's name, for the title.
    pub app: String,
    /// The candidate's name, unlike that of any other.
    pub candidate: String,
    /// How long a lease lasts without a renewal.
    pub ttl: Duration,
    /// How much sooner it counts as over here.
    pub margin: Duration,
    /// Where candidates meet.
    pub place: Place,
    /// The leadership to go on with; none to begin as one of many.
    pub standing: Option<Standing>,
    /// Whether [`LOCK`] is open.
    pub has_lock: bool,
}

/// Where candidates meet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Place {
    /// A file of this host.
    File(PathBuf),
    /// A key of an etcd cluster.
    Etcd {
        /// The addresses of its members.
        endpoints: Vec<String>,
        /// The key.
        key: String,
        /// The account, and its password.
        user: Option<(String, String)>,
        /// The certificates that vouch for the cluster.
        tls_ca: Option<PathBuf>,
        /// Our own certificate, and its key.
        tls_identity: Option<(PathBuf, PathBuf)>,
    },
}

/// A leadership, as another elector can go on with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Standing {
    /// The store's name for the lease.
    pub lease: u64,
    /// The fencing token.
    pub token: u64,
    /// When it ends without a renewal: nanoseconds of `CLOCK_BOOTTIME`.
    pub deadline: u64,
}

/// What an elector says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Word {
    /// This is so from now on. To be answered by its number.
    So {
        /// The number.
        serial: u64,
        /// What is so.
        news: News,
    },
    /// A sentence for somebody who can do something about it.
    Trouble(String),
}

/// Who leads.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum News {
    /// The candidate does.
    Leader(Standing),
    /// Another does.
    Follower {
        /// Its name.
        of: String,
    },
    /// Nobody, or nobody can be asked.
    Unknown,
}

/// What a master says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Command {
    /// The news of this number was heard.
    Answer(u64),
    /// Let others lead.
    Resign,
    /// Let others lead, and end.
    Stop,
}

/// Sends one message. Nobody waits: what doesn't fit into the socket's buffer is an error.
pub fn send(
    socket: impl AsFd,
    message: &impl Serialize,
    descriptor: Option<BorrowedFd<'_>>,
) -> io::Result<()> {
    let bytes = serde_json::to_vec(message)?;
    let descriptors: Vec<BorrowedFd<'_>> = descriptor.into_iter().collect();
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut ancillary = SendAncillaryBuffer::new(&mut space);
    if !descriptors.is_empty() {
        // It has room for exactly one.
        ancillary.push(SendAncillaryMessage::ScmRights(&descriptors));
    }
    let flags = SendFlags::NOSIGNAL | SendFlags::DONTWAIT;
    sendmsg(socket, &[IoSlice::new(&bytes)], &mut ancillary, flags)?;
    Ok(())
}

/// What came over the socket.
#[derive(Debug)]
pub enum Received<T> {
    /// A message, and the descriptor that came with it.
    Message(T, Option<OwnedFd>),
    /// None yet.
    Nothing,
    /// The other side has gone.
    Gone,
}

/// The next message, without waiting.
///
/// # Errors
///
/// It is none that is known here.
pub fn receive<T: DeserializeOwned>(socket: impl AsFd) -> io::Result<Received<T>> {
    let mut bytes = vec![0; MOST];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut ancillary = RecvAncillaryBuffer::new(&mut space);
    let flags = RecvFlags::CMSG_CLOEXEC | RecvFlags::DONTWAIT;
    let mut pieces = [IoSliceMut::new(&mut bytes)];
    let received = match recvmsg(socket, &mut pieces, &mut ancillary, flags) {
        Ok(received) => received.bytes,
        Err(rustix::io::Errno::AGAIN | rustix::io::Errno::INTR) => return Ok(Received::Nothing),
        Err(_) => return Ok(Received::Gone),
    };
    let descriptor = ancillary.drain().find_map(|message| match message {
        RecvAncillaryMessage::ScmRights(mut descriptors) => descriptors.next(),
        _ => None,
    });
    if received == 0 {
        return Ok(Received::Gone);
    }
    Ok(Received::Message(serde_json::from_slice(&bytes[..received])?, descriptor))
}

#[cfg(test)]
mod tests {
    use rustix::net::{AddressFamily, SocketFlags, SocketType, socketpair};

    use super::*;

    #[test]
    fn what_is_said_arrives_with_its_descriptor() {
        let flags = SocketFlags::CLOEXEC;
        let (ours, theirs) =
            socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, flags, None).unwrap();
        assert!(matches!(receive::<Word>(&theirs), Ok(Received::Nothing)));
        let standing = Standing { lease: 1, token: 2, deadline: 3 };
        let word = Word::So { serial: 4, news: News::Leader(standing) };
        send(&ours, &word, Some(ours.as_fd())).unwrap();
        send(&ours, &Word::Trouble("nobody answers".into()), None).unwrap();
        let Received::Message(first, Some(_)) = receive::<Word>(&theirs).unwrap() else {
            panic!("no descriptor came along")
        };
        assert_eq!(first, word);
        assert!(matches!(receive::<Word>(&theirs), Ok(Received::Message(Word::Trouble(_), None))));
        send(&ours, &Command::Answer(7), None).unwrap();
        assert!(receive::<Word>(&theirs).is_err(), "a command is no word");
        drop(ours);
        assert!(matches!(receive::<Word>(&theirs), Ok(Received::Gone)));
    }
}
