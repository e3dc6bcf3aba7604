//! The queue of a Unix socket, which only sock_diag(7) tells.

use std::os::fd::BorrowedFd;

use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, netlink};
use rustix::net::{recv, send, socket_with};

/// Sizes of `nlmsghdr`, `unix_diag_req` and `unix_diag_msg`.
const HEADER: usize = 16;
const QUESTION: usize = 24;
const ANSWER: usize = 16;
/// `SOCK_DIAG_BY_FAMILY`: the type of the question and of its answer.
const BY_FAMILY: u16 = 20;
/// `NLM_F_REQUEST`.
const REQUEST: u16 = 1;
/// `AF_UNIX`.
const UNIX: u8 = 1;
/// `UDIAG_SHOW_RQLEN`, and `UNIX_DIAG_RQLEN`, the attribute that it asks for.
const SHOW_QUEUE: u32 = 0x10;
const QUEUE: u16 = 4;

/// How many connections wait to be accepted; `None` if this kernel does not tell.
///
/// The kernel answers within the call that asks, so nothing is waited for.
pub(super) fn waiting(listener: BorrowedFd<'_>) -> Option<u32> {
    let inode = nix::sys::stat::fstat(listener).ok()?.st_ino;
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let protocol = Some(netlink::SOCK_DIAG);
    let socket = socket_with(AddressFamily::NETLINK, SocketType::RAW, flags, protocol).ok()?;
    send(&socket, &question(u32::try_from(inode).ok()?), SendFlags::empty()).ok()?;
    let mut buffer = [0; 512];
    let (length, _) = recv(&socket, &mut buffer[..], RecvFlags::empty()).ok()?;
    queue(&buffer[..length])
}

/// One socket, whatever its state, by its inode.
fn question(inode: u32) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(HEADER + QUESTION);
    bytes.extend(((HEADER + QUESTION) as u32).to_ne_bytes());
    bytes.extend(BY_FAMILY.to_ne_bytes());
    bytes.extend(REQUEST.to_ne_bytes());
    // Sequence number and sender: nothing else is asked on this socket.
    bytes.extend([0; 8]);
    bytes.extend([UNIX, 0, 0, 0]);
    for word in [u32::MAX, inode, SHOW_QUEUE, u32::MAX, u32::MAX] {
        bytes.extend(word.to_ne_bytes());
    }
    bytes
}

/// The first number of the attribute that was asked for: of a listener, the connections in its queue.
fn queue(message: &[u8]) -> Option<u32> {
    let short = |at: usize| Some(u16::from_ne_bytes(message.get(at..at + 2)?.try_into().ok()?));
    if short(4)? != BY_FAMILY {
        return None;
    }
    let mut at = HEADER + ANSWER;
    loop {
        let length = usize::from(short(at)?);
        if short(at + 2)? == QUEUE {
            let number = message.get(at + 4..at + 8)?;
            return Some(u32::from_ne_bytes(number.try_into().ok()?));
        }
        if length < 4 {
            return None;
        }
        at += length.next_multiple_of(4);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::fd::AsFd as _;
    use std::os::unix::net::{UnixListener, UnixStream};

    #[test]
    fn connections_that_wait_are_counted() {
        let path = std::env::temp_dir().join(format!("ph-core-{}-queue", std::process::id()));
        let listener = UnixListener::bind(&path).unwrap();
        let mut clients = Vec::new();
        for count in 0..3 {
            assert_eq!(waiting(listener.as_fd()), Some(count));
            clients.push(UnixStream::connect(&path).unwrap());
        }
        std::fs::remove_file(path).unwrap();
    }

    #[test]
    fn an_answer_that_is_cut_or_another_is_none() {
        let mut message = vec![0; HEADER + ANSWER];
        message[4..6].copy_from_slice(&BY_FAMILY.to_ne_bytes());
        for attribute in [(5u16, 0u16, 6u32), (8, QUEUE, 7)] {
            message.extend(attribute.0.to_ne_bytes());
            message.extend(attribute.1.to_ne_bytes());
            message.extend(attribute.2.to_ne_bytes());
        }
        assert_eq!(queue(&message), Some(7));
        for length in 0..message.len() {
            assert_eq!(queue(&message[..length]), None, "{length}");
        }
        message[4] = 2;
        assert_eq!(queue(&message), None);
    }
}
