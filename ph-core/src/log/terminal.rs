//! Standard error. It may be a pipe that nobody reads, or a terminal whose other side hangs: a line is lost rather than waited
//! for.
//!
//! Whether a write waits is a matter of the open file, which we share with whoever started us, and not ours to change. So a
//! pipe or a terminal is opened once more by its name in `/proc`. Where that is refused, it is asked for room before.

use std::fs::File;
use std::io::{self, IoSlice, IsTerminal as _};
use std::os::fd::{AsFd as _, AsRawFd as _, BorrowedFd};
use std::os::unix::fs::OpenOptionsExt as _;
use std::sync::OnceLock;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout};
use nix::sys::socket::MsgFlags;
use rustix::fs::FileType;
use rustix::io::ReadWriteFlags;

/// What standard error is, opened by us.
static OWN: OnceLock<Option<File>> = OnceLock::new();

/// Opens it, before there are workers to inherit it.
pub(super) fn open() {
    let stderr = io::stderr();
    // A second opening of a file would write at an offset of its own, over what is there.
    let apart = kind(&stderr) == Some(FileType::Fifo) || stderr.is_terminal();
    let again = || {
        let flags = libc::O_NONBLOCK | libc::O_NOCTTY | libc::O_CLOEXEC;
        File::options().write(true).custom_flags(flags).open("/proc/self/fd/2").ok()
    };
    let _ = OWN.set(apart.then(again).flatten());
}

/// Its descriptor, if there is one.
pub(super) fn descriptor() -> Option<BorrowedFd<'static>> {
    OWN.get()?.as_ref().map(File::as_fd)
}

/// How much of the line was written.
pub(super) fn write(line: &[u8]) -> nix::Result<usize> {
    if let Some(own) = descriptor() {
        return nix::unistd::write(own, line);
    }
    let stderr = io::stderr();
    // Workers write to the same: that there was room a moment ago is no promise.
    let at_once = match kind(&stderr) {
        Some(FileType::Fifo) => write_to_pipe(&stderr, line),
        Some(FileType::Socket) => {
            let flags = MsgFlags::MSG_DONTWAIT | MsgFlags::MSG_NOSIGNAL;
            Some(nix::sys::socket::send(stderr.as_raw_fd(), line, flags))
        }
        _ => None,
    };
    if let Some(written) = at_once {
        return written;
    }
    let mut events = [PollFd::new(stderr.as_fd(), PollFlags::POLLOUT)];
    match nix::poll::poll(&mut events, PollTimeout::ZERO)? {
        0 => Err(Errno::EAGAIN),
        _ => nix::unistd::write(&stderr, line),
    }
}

/// `None` if the kernel can't: those before 6.4 don't know how not to wait on a pipe that others may wait on.
fn write_to_pipe(stderr: &io::Stderr, line: &[u8]) -> Option<nix::Result<usize>> {
    // At no offset: as write(2).
    let (line, flags) = ([IoSlice::new(line)], ReadWriteFlags::NOWAIT);
    match rustix::io::pwritev2(stderr, &line, u64::MAX, flags) {
        Err(rustix::io::Errno::OPNOTSUPP) => None,
        written => Some(written.map_err(|errno| Errno::from_raw(errno.raw_os_error()))),
    }
}

fn kind(stderr: &io::Stderr) -> Option<FileType> {
    rustix::fs::fstat(stderr).ok().map(|found| FileType::from_raw_mode(found.st_mode))
}
