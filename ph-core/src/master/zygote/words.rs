//! What is said between a master and a zygote: one message each, through a pair of sockets.
//!
//! What the zygote says of itself is its word. That a worker is born, the worker says, and the kernel says who that is
//! (`SCM_CREDENTIALS`, unix(7)): it has inherited the socket.

use std::io::{self, IoSlice};
use std::mem::MaybeUninit;
use std::os::fd::{BorrowedFd, OwnedFd};

use nix::unistd::Pid;
use rustix::net::{
    AddressFamily, SendAncillaryBuffer, SendAncillaryMessage, SendFlags, SocketFlags, SocketType,
    sendmsg, socketpair, sockopt,
};
use serde::Serialize;

use crate::sys::credentials;

/// Descriptors of one message: the kernel takes no more (`SCM_MAX_FD`).
const MOST_DESCRIPTORS: usize = 253;
/// Bytes of a word.
const LONGEST: usize = 4096;

/// What a worker is made by; its output, its listeners and the lock come along, in this order.
#[derive(Debug, Serialize)]
pub(super) struct Request {
    pub(super) serial: u64,
    /// The CPUs to be bound to; none for all.
    pub(super) cpus: Vec<usize>,
    /// Variables that the zygote has not, or otherwise.
    pub(super) set: Vec<(String, String)>,
    /// Whether it is to hold the lock by which its master leads.
    pub(super) lock: bool,
}

/// What a zygote, or a worker that was just born, has to say.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Word {
    /// The application is imported.
    Ready,
    /// It can't be, and why.
    Failed(String),
    /// The worker of this number is that process, or will be when it can run.
    Forked(u64, Pid),
    /// The sender is the worker of this number.
    Born(u64),
    /// There is no process for it, and why.
    Refused(u64, String),
    /// Nobody has the other end any more.
    Gone,
    /// What no zygote of this kind says.
    Strange,
}

/// The master's end, which never waits, and the zygote's.
pub(super) fn pair() -> io::Result<(OwnedFd, OwnedFd)> {
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let (ours, theirs) = socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, flags, None)?;
    rustix::io::ioctl_fionbio(&theirs, false)?;
    sockopt::set_socket_passcred(&ours, true)?;
    Ok((ours, theirs))
}

/// Asks for a worker.
pub(super) fn ask(
    socket: &OwnedFd,
    request: &Request,
    descriptors: &[BorrowedFd<'_>],
) -> io::Result<()> {
    let words = serde_json::to_vec(request)?;
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MOST_DESCRIPTORS))];
    let mut along = SendAncillaryBuffer::new(&mut space);
    if !along.push(SendAncillaryMessage::ScmRights(descriptors)) {
        return Err(io::Error::other("too many listeners to hand over"));
    }
    sendmsg(socket, &[IoSlice::new(&words)], &mut along, SendFlags::NOSIGNAL)?;
    Ok(())
}

/// The next word and who has sent it; none if there is none yet.
pub(super) fn hear(socket: &OwnedFd) -> Option<(Option<Pid>, Word)> {
    let mut bytes = [0; LONGEST];
    match credentials::receive(socket, &mut bytes) {
        Ok((length, sender)) => Some((sender, Word::of(&bytes[..length]))),
        Err(error)
            if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted) =>
        {
            None
        }
        Err(_) => Some((None, Word::Gone)),
    }
}

impl Word {
    fn of(bytes: &[u8]) -> Self {
        let text = String::from_utf8_lossy(bytes);
        let (what, rest) = text.split_once(' ').unwrap_or((&text, ""));
        let number = |text: &str| text.parse().ok();
        let pid = |text: &str| text.parse().ok().filter(|pid| *pid > 0).map(Pid::from_raw);
        match what {
            "" => Some(Self::Gone),
            "ready" => Some(Self::Ready),
            "failed" => Some(Self::Failed(rest.replace(char::is_control, "?"))),
            "forked" => rest
                .split_once(' ')
                .and_then(|(serial, worker)| Some(Self::Forked(number(serial)?, pid(worker)?))),
            "born" => number(rest).map(Self::Born),
            "refused" => rest
                .split_once(' ')
                .and_then(|(serial, why)| Some(Self::Refused(number(serial)?, why.to_owned()))),
            _ => None,
        }
        .unwrap_or(Self::Strange)
    }
}

#[cfg(test)]
mod tests {
    use std::os::fd::AsFd as _;

    use super::*;

    #[test]
    fn words_come_from_whom_the_kernel_names() {
        let (ours, theirs) = pair().unwrap();
        assert_eq!(hear(&ours), None);
        let words = [
            ("ready", Word::Ready),
            ("failed no module a\nb", Word::Failed("no module a?b".to_owned())),
            ("forked 7 31", Word::Forked(7, Pid::from_raw(31))),
            ("born 7", Word::Born(7)),
            ("refused 8 out of memory", Word::Refused(8, "out of memory".to_owned())),
            ("forked 7 0", Word::Strange),
            ("forked 7", Word::Strange),
            ("born x", Word::Strange),
            ("refused 8", Word::Strange),
            ("hello", Word::Strange),
        ];
        for (text, word) in words {
            rustix::net::send(&theirs, text.as_bytes(), SendFlags::empty()).unwrap();
            assert_eq!(hear(&ours), Some((Some(nix::unistd::getpid()), word)));
        }
        drop(theirs);
        assert_eq!(hear(&ours).map(|(_, word)| word), Some(Word::Gone));
    }

    #[test]
    fn a_request_takes_descriptors_along() {
        let (ours, theirs) = pair().unwrap();
        let request =
            Request { serial: 7, cpus: vec![1], set: vec![("A".into(), "b".into())], lock: false };
        ask(&ours, &request, &[ours.as_fd(), theirs.as_fd()]).unwrap();
        let mut bytes = [0; 100];
        let (count, _) =
            rustix::net::recv(&theirs, &mut bytes[..], rustix::net::RecvFlags::empty()).unwrap();
        assert_eq!(&bytes[..count], br#"{"serial":7,"cpus":[1],"set":[["A","b"]],"lock":false}"#);
        assert!(ask(&ours, &request, &[ours.as_fd()].repeat(MOST_DESCRIPTORS + 1)).is_err());
    }
}
