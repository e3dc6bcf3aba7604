//! What the kernel tells of a TCP socket.

use std::mem::size_of;
use std::os::fd::{AsFd, AsRawFd as _};

use super::cvt;

/// The state of a listening socket (`TCP_LISTEN` in `net/tcp_states.h`).
const LISTENING: u8 = 10;

/// How many connections wait to be accepted on a listening socket: `tcpi_unacked` of its `TCP_INFO`
/// (`tcp_get_info` in `net/ipv4/tcp.c`). `None` for a socket of another state or protocol.
pub fn waiting(listener: impl AsFd) -> Option<u32> {
    let mut len = size_of::<libc::tcp_info>() as libc::socklen_t;
    // SAFETY: `tcp_info` is plain data for which zeroes are a value; the kernel writes no more than `len` bytes
    // of it, which is its size.
    let info = unsafe {
        let mut info: libc::tcp_info = std::mem::zeroed();
        cvt(libc::getsockopt(
            listener.as_fd().as_raw_fd(),
            libc::IPPROTO_TCP,
            libc::TCP_INFO,
            (&raw mut info).cast(),
            &raw mut len,
        ))
        .ok()?;
        info
    };
    (info.tcpi_state == LISTENING).then_some(info.tcpi_unacked)
}
