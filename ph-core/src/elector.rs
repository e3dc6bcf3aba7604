//! What a master and its *elector* say to each other: a datagram of JSON at a time, over a pair of sockets.
//!
//! The elector is this very program in a process of its own, started by the master as its child. It campaigns, which may block,
//! look names up and use threads; the master does none of that. It reports each change and each renewal by a number, and takes a lease
//! only once the master has answered the latest one. Before it renews one it asks anew, so that a master that is stopped loses
//! what it has within the time that the lease lasts, and not a renewal later.
//!
//! Where a lock on a file is the lease, the elector lays a descriptor of it on a shelf that both have, for the master to give to its
//! workers, and takes it away when the time is over. (Along with a message, it would be held by the socket of a master that is
//! stopped, and nobody else could ever lead.)
//!
//! The first datagram is the master's: the [`Orders`]. They hold a password, so they are neither in the command line nor in the
//! environment, which others can read.

use std::io;
use std::os::fd::{AsFd, RawFd};
use std::path::PathBuf;
use std::time::Duration;

use rustix::net::{RecvFlags, SendFlags};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// The hidden first argument by which a program is an elector.
pub const ELECTOR: &str = "--elector";
/// The variable by which it knows that a master has started it.
pub const VARIABLE: &str = "PH_ELECTOR";
/// The descriptor of its end of the pair.
pub const SOCKET: RawFd = 3;
/// The two descriptors of the shelf for a lock, where a lock is the lease.
pub const SHELF: [RawFd; 2] = [4, 5];
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
    /// Whether what lies on the shelf is to be gone on with.
    pub has_lock: bool,
    /// Where there is no guard, because the master is PID 1: so long before a lease's deadline the elector ends the workers
    /// of a master that is stopped.
    pub guards: Option<Duration>,
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
    /// The lease of this number is to be renewed: to be answered by its number, as long as that is wanted.
    Asks(u64),
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
pub fn send(socket: impl AsFd, message: &impl Serialize) -> io::Result<()> {
    let bytes = serde_json::to_vec(message)?;
    rustix::net::send(socket, &bytes, SendFlags::NOSIGNAL | SendFlags::DONTWAIT)?;
    Ok(())
}

/// What came over the socket.
#[derive(Debug)]
pub enum Received<T> {
    /// A message.
    Message(T),
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
    match rustix::net::recv(socket, &mut bytes[..], RecvFlags::DONTWAIT) {
        Ok((0, _)) => Ok(Received::Gone),
        Ok((count, _)) => Ok(Received::Message(serde_json::from_slice(&bytes[..count])?)),
        Err(rustix::io::Errno::AGAIN | rustix::io::Errno::INTR) => Ok(Received::Nothing),
        Err(_) => Ok(Received::Gone),
    }
}

#[cfg(test)]
mod tests {
    use rustix::net::{AddressFamily, SocketFlags, SocketType, socketpair};

    use super::*;

    #[test]
    fn what_is_said_arrives() {
        let flags = SocketFlags::CLOEXEC;
        let (ours, theirs) =
            socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, flags, None).unwrap();
        assert!(matches!(receive::<Word>(&theirs), Ok(Received::Nothing)));
        let standing = Standing { lease: 1, token: 2, deadline: 3 };
        let word = Word::So { serial: 4, news: News::Leader(standing) };
        send(&ours, &word).unwrap();
        send(&ours, &Word::Trouble("nobody answers".into())).unwrap();
        let first = receive::<Word>(&theirs).unwrap();
        assert!(matches!(first, Received::Message(first) if first == word));
        assert!(matches!(receive::<Word>(&theirs), Ok(Received::Message(Word::Trouble(_)))));
        send(&ours, &Command::Answer(7)).unwrap();
        assert!(receive::<Word>(&theirs).is_err(), "a command is no word");
        drop(ours);
        assert!(matches!(receive::<Word>(&theirs), Ok(Received::Gone)));
    }
}
