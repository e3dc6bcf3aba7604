//! What a master leaves to its successor: descriptors, and a few words about them.
//!
//! One message over a socketpair of sequenced packets: a version and JSON for the words, `SCM_RIGHTS` (unix(7)) for the
//! descriptors. The successor answers `ready` or `failed CODE REASON`; the predecessor says `yours`, and goes.

use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::PathBuf;

use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, recvmsg, sendmsg,
};
use serde::{Deserialize, Serialize};

use crate::elector::Standing;
use crate::listen::{CarriedBundle, Listener};

/// Of all that one master tells another: this message, what is [carried](super::carried) through an exec, and the layout of
/// the slots. A master of another version can't take over.
pub(super) const VERSION: u32 = 3;
/// Descriptors in one message, at most: the kernel's limit (`SCM_MAX_FD`).
const MOST_DESCRIPTORS: usize = 253;
/// Bytes of words, at most.
const MOST_WORDS: usize = 128 << 10;

/// The words.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Words {
    version: u32,
    /// The generation of the predecessor's workers.
    pub(super) generation: u32,
    /// The number of workers that its configuration names, and the one that it had.
    pub(super) number: (u32, u32),
    /// The soft limit on descriptors that workers get.
    pub(super) descriptors: Option<u64>,
    /// What makes it the only one: nobody can take over what has another.
    pub(super) identity: Identity,
    /// In the order of their descriptors.
    pub(super) listeners: Vec<Heirloom>,
    pub(super) locks: usize,
    pub(super) has_channel: bool,
    /// The lease that it leads by.
    pub(super) lease: Option<Standing>,
    /// Whether that is a lock, of which there is a descriptor.
    pub(super) has_lock: bool,
    /// Listeners of slots' own. Their numbers are places among the descriptors.
    pub(super) bundles: Vec<CarriedBundle>,
    /// How many descriptors follow.
    count: usize,
}

/// The settings that only a restart can change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Identity {
    pub(super) proc_name: String,
    pub(super) pidfile: Option<PathBuf>,
    pub(super) control_socket: PathBuf,
    pub(super) single_instance: bool,
    /// Which masters are candidates with it, if there are any: the texts of the keys.
    pub(super) election: Option<[String; 4]>,
}

/// A listener, in words.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Heirloom {
    /// As it was asked for.
    pub(super) asked: String,
    pub(super) address: String,
    /// It was handed to the predecessor as well, by whoever started it.
    pub(super) inherited: bool,
}

impl Heirloom {
    pub(super) fn of(listener: &Listener) -> Self {
        Self {
            asked: listener.asked().to_string(),
            address: listener.address().to_string(),
            inherited: listener.is_inherited(),
        }
    }

    /// The listener that this tells of.
    pub(super) fn listener(&self, fd: OwnedFd) -> io::Result<Listener> {
        let address = |text: &str| text.parse().map_err(io::Error::other);
        Listener::succeed(fd, address(&self.asked)?, address(&self.address)?, self.inherited)
    }
}

impl Words {
    pub(super) fn new(generation: u32, number: (u32, u32), identity: Identity) -> Self {
        Self {
            version: VERSION,
            generation,
            number,
            descriptors: None,
            identity,
            listeners: Vec::new(),
            locks: 0,
            has_channel: false,
            lease: None,
            has_lock: false,
            bundles: Vec::new(),
            count: 0,
        }
    }
}

/// Sends the estate. Nobody waits: what doesn't fit the socket's buffer can't be handed over.
pub(super) fn bequeath(
    socket: impl AsFd,
    mut words: Words,
    descriptors: &[BorrowedFd<'_>],
) -> io::Result<()> {
    words.count = descriptors.len();
    let words = serde_json::to_vec(&words)?;
    let too_many = || io::Error::other("too many listeners to hand over");
    if words.len() > MOST_WORDS {
        return Err(too_many());
    }
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MOST_DESCRIPTORS))];
    let mut send = |bytes: &[u8], descriptors: &[BorrowedFd<'_>]| {
        let mut ancillary = SendAncillaryBuffer::new(&mut space);
        if !descriptors.is_empty() {
            // It has room for as many.
            ancillary.push(SendAncillaryMessage::ScmRights(descriptors));
        }
        let sent = sendmsg(&socket, &[IoSlice::new(bytes)], &mut ancillary, SendFlags::NOSIGNAL);
        sent.map(drop).map_err(|errno| match errno {
            rustix::io::Errno::AGAIN | rustix::io::Errno::TOOMANYREFS => too_many(),
            errno => errno.into(),
        })
    };
    send(&words, &[])?;
    descriptors.chunks(MOST_DESCRIPTORS).try_for_each(|some| send(&[0], some))
}

/// Receives an estate.
pub(super) fn inherit(socket: impl AsFd) -> io::Result<(Words, Vec<OwnedFd>)> {
    let mut bytes = vec![0; MOST_WORDS];
    let (count, _) = rustix::net::recv(&socket, &mut bytes[..], RecvFlags::empty())?;
    check_version(&bytes[..count])?;
    let words: Words = serde_json::from_slice(&bytes[..count])?;
    let mut descriptors = Vec::new();
    while descriptors.len() < words.count {
        let some = receive(&socket)?;
        if some.is_empty() {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        descriptors.extend(some);
    }
    Ok((words, descriptors))
}

/// The descriptors of one message.
fn receive(socket: impl AsFd) -> io::Result<Vec<OwnedFd>> {
    let mut byte = [0];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MOST_DESCRIPTORS))];
    let mut ancillary = RecvAncillaryBuffer::new(&mut space);
    let flags = RecvFlags::CMSG_CLOEXEC;
    recvmsg(socket, &mut [IoSliceMut::new(&mut byte)], &mut ancillary, flags)?;
    let descriptors = ancillary.drain().flat_map(|message| match message {
        RecvAncillaryMessage::ScmRights(descriptors) => descriptors.collect::<Vec<_>>(),
        _ => Vec::new(),
    });
    Ok(descriptors.collect())
}

/// Looks for the version, before anything else: what follows it may be anything.
pub(super) fn check_version(words: &[u8]) -> io::Result<()> {
    let Version { version } = serde_json::from_slice(words)?;
    if version == VERSION {
        return Ok(());
    }
    let reason = format!("the running master speaks version {version}, this one {VERSION}");
    Err(io::Error::other(reason))
}

#[derive(Deserialize)]
struct Version {
    version: u32,
}

/// Sends a word between the two.
pub(super) fn say(socket: impl AsFd, word: &str) -> io::Result<()> {
    rustix::net::send(socket, word.as_bytes(), SendFlags::NOSIGNAL)?;
    Ok(())
}

/// The next word, without waiting; `None` when there is none yet. An empty one: the other side has gone.
pub(super) fn hear(socket: impl AsFd) -> Option<String> {
    let mut bytes = [0; 4096];
    let mut receive = || rustix::net::recv(&socket, &mut bytes[..], RecvFlags::DONTWAIT);
    let received = match receive() {
        // It left without reading what it was told, which is the first that is told of it, once: what it said comes after.
        Err(rustix::io::Errno::CONNRESET) => receive(),
        received => received,
    };
    match received {
        Ok((count, _)) => Some(String::from_utf8_lossy(&bytes[..count]).into_owned()),
        Err(rustix::io::Errno::AGAIN | rustix::io::Errno::INTR) => None,
        Err(_) => Some(String::new()),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixStream;

    use rustix::net::{AddressFamily, SocketFlags, SocketType, socketpair};

    use super::*;

    /// As from a program that is at odds with its configuration, and asks for nothing else.
    #[test]
    fn the_last_word_of_one_that_listened_to_nothing_is_heard() {
        let flags = SocketFlags::CLOEXEC;
        let (old, new) =
            socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, flags, None).unwrap();
        say(&old, "an estate").unwrap();
        say(&new, "failed a.ini:8: expected key = value").unwrap();
        drop(new);
        assert_eq!(hear(&old).unwrap(), "failed a.ini:8: expected key = value");
        assert_eq!(hear(&old).unwrap(), "");
    }

    #[test]
    fn an_estate_arrives_whole() {
        let flags = SocketFlags::CLOEXEC;
        let (old, new) =
            socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, flags, None).unwrap();
        let identity = Identity {
            proc_name: "app".into(),
            pidfile: Some("/run/app.pid".into()),
            control_socket: "/run/app.sock".into(),
            single_instance: false,
            election: None,
        };
        let mut words = Words::new(3, (2, 5), identity);
        let asked = "tcp://127.0.0.1:0".to_owned();
        words.listeners =
            vec![Heirloom { address: "tcp://127.0.0.1:80".into(), asked, inherited: false }];
        let (one, other) = UnixStream::pair().unwrap();
        let many = [one.as_fd(), other.as_fd()].repeat(200);
        bequeath(&old, words.clone(), &many).unwrap();
        let (told, descriptors) = inherit(&new).unwrap();
        assert_eq!((told.listeners, descriptors.len()), (words.listeners.clone(), 400));
        drop(descriptors);
        words.version = 9;
        bequeath(&old, words, &[]).unwrap();
        let error = inherit(&new).unwrap_err().to_string();
        assert!(error.contains("version 9"), "{error}");
        assert_eq!(hear(&new), None);
        say(&old, "yours").unwrap();
        assert_eq!(hear(&new).as_deref(), Some("yours"));
        drop(old);
        assert_eq!(hear(&new).as_deref(), Some(""));
    }
}
