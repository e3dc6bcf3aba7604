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

use crate::listen::Listener;

/// Of all that one master tells another: this message, what is [carried](super::carried) through an exec, and the layout of
/// the slots. A master of another version can't take over.
pub(super) const VERSION: u32 = 1;
/// Descriptors in one message, at most: the kernel's limit (`SCM_MAX_FD`).
pub(super) const MOST_DESCRIPTORS: usize = 253;
/// Bytes of words, at most.
const MOST_WORDS: usize = 128 << 10;

/// The words.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
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
}

/// The settings that only a restart can change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Identity {
    pub(super) proc_name: String,
    pub(super) pidfile: Option<PathBuf>,
    pub(super) control_socket: PathBuf,
    pub(super) single_instance: bool,
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
        let (listeners, locks, has_channel) = (Vec::new(), 0, false);
        let (version, descriptors) = (VERSION, None);
        Self { version, generation, number, descriptors, identity, listeners, locks, has_channel }
    }
}

/// Sends the estate. It fits the socket's buffer, so nobody waits.
pub(super) fn bequeath(
    socket: impl AsFd,
    words: &Words,
    descriptors: &[BorrowedFd<'_>],
) -> io::Result<()> {
    let words = serde_json::to_vec(words)?;
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MOST_DESCRIPTORS))];
    let mut ancillary = SendAncillaryBuffer::new(&mut space);
    if words.len() > MOST_WORDS || !ancillary.push(SendAncillaryMessage::ScmRights(descriptors)) {
        return Err(io::Error::other("too many listeners to hand over at once"));
    }
    sendmsg(socket, &[IoSlice::new(&words)], &mut ancillary, SendFlags::NOSIGNAL)?;
    Ok(())
}

/// Receives an estate.
pub(super) fn inherit(socket: impl AsFd) -> io::Result<(Words, Vec<OwnedFd>)> {
    let mut bytes = vec![0; MOST_WORDS];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MOST_DESCRIPTORS))];
    let mut ancillary = RecvAncillaryBuffer::new(&mut space);
    let flags = RecvFlags::CMSG_CLOEXEC;
    let received = recvmsg(socket, &mut [IoSliceMut::new(&mut bytes)], &mut ancillary, flags)?;
    let descriptors = ancillary.drain().flat_map(|message| match message {
        RecvAncillaryMessage::ScmRights(descriptors) => descriptors.collect::<Vec<_>>(),
        _ => Vec::new(),
    });
    let descriptors = descriptors.collect();
    check_version(&bytes[..received.bytes])?;
    Ok((serde_json::from_slice(&bytes[..received.bytes])?, descriptors))
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
    match rustix::net::recv(socket, &mut bytes[..], RecvFlags::DONTWAIT) {
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
        };
        let mut words = Words::new(3, (2, 5), identity);
        let asked = "tcp://127.0.0.1:0".to_owned();
        words.listeners =
            vec![Heirloom { address: "tcp://127.0.0.1:80".into(), asked, inherited: false }];
        let (one, other) = UnixStream::pair().unwrap();
        bequeath(&old, &words, &[one.as_fd(), other.as_fd()]).unwrap();
        let (told, descriptors) = inherit(&new).unwrap();
        assert_eq!((told, descriptors.len()), (words.clone(), 2));
        words.version = 9;
        bequeath(&old, &words, &[]).unwrap();
        let error = inherit(&new).unwrap_err().to_string();
        assert!(error.contains("version 9"), "{error}");
        assert_eq!(hear(&new), None);
        say(&old, "yours").unwrap();
        assert_eq!(hear(&new).as_deref(), Some("yours"));
        drop(old);
        assert_eq!(hear(&new).as_deref(), Some(""));
    }
}
