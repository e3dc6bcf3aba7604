//! Datagrams whose senders the kernel names (`SCM_CREDENTIALS`, unix(7)), whatever they say of themselves.

use std::io;
use std::os::fd::{AsFd, AsRawFd as _};

use nix::unistd::Pid;

use super::cvt;

/// Room for what the kernel says of the sender, and for nothing else: descriptors that come along find none, and are closed by
/// the kernel. It lies as cmsg(3) has it.
#[repr(C)]
struct Along {
    header: libc::cmsghdr,
    sender: libc::ucred,
}

/// The next datagram, without waiting: how long it is, and who has sent it. Nobody, if that is a process of another pid
/// namespace, which has no number here.
pub fn receive(socket: impl AsFd, bytes: &mut [u8]) -> io::Result<(usize, Option<Pid>)> {
    let socket = socket.as_fd().as_raw_fd();
    let mut piece = libc::iovec { iov_base: bytes.as_mut_ptr().cast(), iov_len: bytes.len() };
    // SAFETY: both structures are plain data for which zeroes are a value. What the message points to outlives the call, with the
    // lengths that it really has: the kernel writes into `bytes`, which is borrowed for that, and into `along`.
    let (length, along) = unsafe {
        let mut along: Along = std::mem::zeroed();
        let mut message: libc::msghdr = std::mem::zeroed();
        message.msg_iov = &raw mut piece;
        message.msg_iovlen = 1;
        message.msg_control = (&raw mut along).cast();
        message.msg_controllen = size_of::<Along>() as _;
        let length = libc::recvmsg(socket, &raw mut message, libc::MSG_DONTWAIT);
        (cvt(length as libc::c_int)? as usize, along)
    };
    let told = along.header.cmsg_level == libc::SOL_SOCKET
        && along.header.cmsg_type == libc::SCM_CREDENTIALS;
    Ok((length, Some(along.sender.pid).filter(|pid| told && *pid > 0).map(Pid::from_raw)))
}

#[cfg(test)]
mod tests {
    use std::io::{IoSlice, Read as _};
    use std::os::unix::net::UnixDatagram;

    use nix::sys::socket::{ControlMessage, MsgFlags, sendmsg, setsockopt, sockopt};

    use super::*;

    #[test]
    fn the_kernel_names_the_sender_and_descriptors_are_closed() {
        let (ours, theirs) = UnixDatagram::pair().unwrap();
        setsockopt(&ours, sockopt::PassCred, &true).unwrap();
        let (mut reader, writer) = std::io::pipe().unwrap();
        let passed = [writer.as_raw_fd()];
        let along = [ControlMessage::ScmRights(&passed)];
        let word = [IoSlice::new(b"READY=1")];
        sendmsg::<()>(theirs.as_raw_fd(), &word, &along, MsgFlags::empty(), None).unwrap();
        let mut bytes = [0; 64];
        let (length, sender) = receive(&ours, &mut bytes).unwrap();
        assert_eq!((&bytes[..length], sender), (&b"READY=1"[..], Some(Pid::this())));
        // Nobody has the other end any more.
        drop(writer);
        assert_eq!(reader.read(&mut [0]).unwrap(), 0);
        let none = receive(&ours, &mut bytes).unwrap_err();
        assert_eq!(none.kind(), io::ErrorKind::WouldBlock);
    }
}
