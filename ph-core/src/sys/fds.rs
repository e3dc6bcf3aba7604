//! What a child inherits: nothing that is not its own.

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd as _, OwnedFd, RawFd};

use nix::fcntl::{FcntlArg, FdFlag, fcntl};

use super::cvt;

/// Closes every descriptor from 3 on except `keep`, by `close_range(2)` over the gaps.
///
/// Only for a process that was just forked and never returns to the code that owned them: the owners of the closed
/// descriptors are still in its memory, and must not be dropped or used.
///
/// Takes no memory: a page that a child writes to first has to be copied. That is why the few are not sorted, but
/// looked through once for each gap.
pub fn close_all_but<'a>(keep: &(impl Iterator<Item = BorrowedFd<'a>> + Clone)) {
    let mut first: u32 = 3;
    while first < u32::MAX {
        let kept = keep.clone().map(|fd| fd.as_raw_fd() as u32).filter(|fd| *fd >= first);
        let next = kept.min().unwrap_or(u32::MAX);
        if next > first {
            close_range(first, next - 1);
        }
        first = next.saturating_add(1);
    }
}

fn close_range(first: u32, last: u32) {
    // SAFETY: closes descriptors by number; the caller is a forked child that owns none of them any more, and no
    // memory is involved. It can fail only for `first > last`, which the caller excludes.
    unsafe {
        libc::syscall(libc::SYS_close_range, first, last, 0u32);
    }
}

/// Raises the soft limit on open descriptors to the hard one, and returns the soft limit as it was; `None` if it was as high
/// already.
///
/// A master needs two for each worker; what it runs gets the old limit back.
pub fn raise_limit() -> Option<u64> {
    use nix::sys::resource::{Resource, getrlimit, setrlimit};
    let (soft, hard) =
        getrlimit(Resource::RLIMIT_NOFILE).ok().filter(|(soft, hard)| soft < hard)?;
    setrlimit(Resource::RLIMIT_NOFILE, hard, hard).ok()?;
    Some(soft)
}

/// The soft limit on open descriptors.
pub fn limit() -> usize {
    use nix::sys::resource::{Resource, getrlimit};
    getrlimit(Resource::RLIMIT_NOFILE).map_or(usize::MAX, |(soft, _)| soft as usize)
}

/// Sets the soft limit on open descriptors.
pub fn set_limit(soft: u64) {
    use nix::sys::resource::{Resource, getrlimit, setrlimit};
    if let Ok((_, hard)) = getrlimit(Resource::RLIMIT_NOFILE) {
        let _ = setrlimit(Resource::RLIMIT_NOFILE, soft.min(hard), hard);
    }
}

/// Points descriptors 0 to 2 at `/dev/null`.
pub fn silence() -> io::Result<()> {
    let null = std::fs::File::options().read(true).write(true).open("/dev/null")?;
    nix::unistd::dup2_stdin(&null)?;
    nix::unistd::dup2_stdout(&null)?;
    nix::unistd::dup2_stderr(&null)?;
    Ok(())
}

/// Puts a duplicate of `fresh` in the place of `old`, in one step: whoever uses that number uses the new file.
pub fn replace(old: &OwnedFd, fresh: &OwnedFd) -> io::Result<()> {
    // SAFETY: both numbers are open descriptors that the caller owns; `old` stays open throughout, as another file.
    cvt(unsafe { libc::dup3(fresh.as_raw_fd(), old.as_raw_fd(), libc::O_CLOEXEC) }).map(drop)
}

/// Takes a descriptor that was open when this program began, and that its starter says is ours. Closed on exec from here on.
///
/// Each is to be taken once, and before this program opens anything: a number that is not what it is said to be would
/// otherwise be a file of our own.
pub fn adopt(number: RawFd) -> io::Result<OwnedFd> {
    if number < 0 {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    // SAFETY: the number is used for no longer than this call, which fails if it is not open.
    let borrowed = unsafe { BorrowedFd::borrow_raw(number) };
    fcntl(borrowed, FcntlArg::F_SETFD(FdFlag::FD_CLOEXEC))?;
    // SAFETY: it is open, and its starter has left it to this program; the caller takes each once.
    Ok(unsafe { OwnedFd::from_raw_fd(number) })
}

/// A copy of such a descriptor, which stays where it is.
pub fn copy(number: RawFd) -> io::Result<OwnedFd> {
    if number < 0 {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    // SAFETY: the number is used for no longer than this call, which fails if it is not open.
    unsafe { BorrowedFd::borrow_raw(number) }.try_clone_to_owned()
}

/// Whether a program that this process becomes has the descriptor still.
pub fn pass_on(fd: impl AsFd, pass: bool) -> io::Result<()> {
    let flags = if pass { FdFlag::empty() } else { FdFlag::FD_CLOEXEC };
    fcntl(fd, FcntlArg::F_SETFD(flags))?;
    Ok(())
}
