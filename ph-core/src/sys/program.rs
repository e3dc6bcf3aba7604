//! Starting this program once more, in a process that is no copy of this one.

use std::ffi::{CString, OsString};
use std::io;
use std::os::fd::{AsRawFd as _, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStringExt as _;

use nix::fcntl::{FcntlArg, fcntl};
use nix::spawn::{PosixSpawnAttr, PosixSpawnFileActions, PosixSpawnFlags, posix_spawn};
use nix::sys::signal::SigSet;
use nix::unistd::Pid;

use super::SysError;

/// Where the kernel has the program of whoever asks: also when its file is another by now, or none.
const THIS: &std::ffi::CStr = c"/proc/self/exe";

/// Starts this program with these arguments (its name first) and this environment, as a child that leads a process group, has
/// no signal blocked and all dispositions at their default, and has these descriptors, numbered from 0 on, and no other.
///
/// By `posix_spawn(3)`: the child shares this memory until it executes, so that the size of this process does not matter.
/// Everything that this process has open must be closed on exec.
pub fn spawn(
    arguments: impl IntoIterator<Item = OsString>,
    environment: impl IntoIterator<Item = (OsString, OsString)>,
    descriptors: &[BorrowedFd<'_>],
) -> Result<Pid, SysError> {
    let failed = |errno: nix::Error| SysError::call("spawn a program")(errno.into());
    // Copies above all numbers that they are to have: none is then in the place of another.
    let above = descriptors.len() as i32;
    let copies = descriptors.iter().map(|fd| copy_above(*fd, above));
    let copies = copies.collect::<io::Result<Vec<_>>>();
    let copies = copies.map_err(SysError::call("copy a descriptor"))?;
    let mut actions = PosixSpawnFileActions::init().map_err(failed)?;
    for (number, copy) in copies.iter().enumerate() {
        actions.add_dup2(copy.as_raw_fd(), number as i32).map_err(failed)?;
    }
    let mut attributes = PosixSpawnAttr::init().map_err(failed)?;
    attributes.set_pgroup(Pid::from_raw(0)).map_err(failed)?;
    attributes.set_sigmask(&SigSet::empty()).map_err(failed)?;
    attributes.set_sigdefault(&every_signal()).map_err(failed)?;
    let flags = PosixSpawnFlags::POSIX_SPAWN_SETPGROUP
        | PosixSpawnFlags::POSIX_SPAWN_SETSIGMASK
        | PosixSpawnFlags::POSIX_SPAWN_SETSIGDEF;
    attributes.set_flags(flags).map_err(failed)?;
    let text = |text: OsString| {
        let source = SysError::call("pass a text with a zero byte on");
        CString::new(text.into_vec()).map_err(|error| source(error.into()))
    };
    let arguments = arguments.into_iter().map(text).collect::<Result<Vec<_>, _>>()?;
    let variable = |(mut name, value): (OsString, OsString)| {
        name.push("=");
        name.push(value);
        text(name)
    };
    let environment = environment.into_iter().map(variable).collect::<Result<Vec<_>, _>>()?;
    posix_spawn(THIS, &actions, &attributes, &arguments, &environment).map_err(failed)
}

/// Every signal there is. `sigfillset(3)` leaves out the two that the C library keeps for its threads, and those that are left
/// out `posix_spawn(3)` has ignored in the child, for good.
fn every_signal() -> SigSet {
    // SAFETY: `sigset_t` is an array of bits and nothing else, for which all ones is a value.
    unsafe {
        let mut set = std::mem::MaybeUninit::<libc::sigset_t>::uninit();
        set.as_mut_ptr().write_bytes(0xff, 1);
        SigSet::from_sigset_t_unchecked(set.assume_init())
    }
}

fn copy_above(fd: BorrowedFd<'_>, least: i32) -> io::Result<OwnedFd> {
    let number = fcntl(fd, FcntlArg::F_DUPFD_CLOEXEC(least))?;
    super::fds::adopt(number)
}
