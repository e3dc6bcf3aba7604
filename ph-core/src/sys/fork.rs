//! `fork`, and the first steps of the child.

use std::io;
use std::io::Write as _;
use std::os::unix::fs::MetadataExt as _;

use nix::unistd::Pid;
use ph_signal::{MaskGuard, Signal, SignalSet};

use super::{SysError, cvt};

/// Which side of a fork this is.
#[derive(Debug)]
pub enum Forked {
    /// The one who called; the child's pid. Its signal mask is as before.
    Parent(Pid),
    /// The new process, with every signal blocked and the caller's dispositions.
    Child,
}

/// How many threads this process has: the link count of `/proc/self/task`, less `.` and `..`.
///
/// Whether there is but one, unshare(2) tells for a tenth of that: `CLONE_THREAD` has no effect then, and is refused otherwise.
/// Containers may refuse it altogether.
pub fn threads() -> io::Result<u64> {
    // SAFETY: with this flag alone the call changes nothing.
    if unsafe { libc::unshare(libc::CLONE_THREAD) } == 0 {
        return Ok(1);
    }
    Ok(std::fs::metadata("/proc/self/task")?.nlink().saturating_sub(2))
}

/// Forks this process by glibc's `fork`, which keeps robust mutexes and its own locks in order in the child
/// (a raw `clone3` would not).
///
/// All signals are blocked across it, so that none reaches the child before it is ready for one. Refused when the
/// process has a second thread: the child would inherit locks that nobody is there to release.
pub fn fork() -> Result<Forked, SysError> {
    let threads = threads().map_err(SysError::call("count threads"))?;
    if threads != 1 {
        return Err(SysError::Threads(threads));
    }
    let mask = MaskGuard::block_all();
    // SAFETY: the process has one thread (checked above, and only this thread could start another), so the child
    // is a whole copy in which every lock is in the state that this thread left it in.
    let pid = cvt(unsafe { libc::fork() }).map_err(SysError::call("fork"))?;
    if pid == 0 {
        // The child unblocks by itself, once its handlers are in place.
        std::mem::forget(mask);
        return Ok(Forked::Child);
    }
    Ok(Forked::Parent(Pid::from_raw(pid)))
}

/// Dies with the parent: `PR_SET_PDEATHSIG`, then a look whether it was too late.
///
/// Returns `false` when `parent` is gone already. A change of user or group clears the setting (`prctl(2)`), so
/// it comes after the last one.
pub fn die_with(parent: Pid) -> bool {
    let set = nix::sys::prctl::set_pdeathsig(nix::sys::signal::Signal::SIGKILL).is_ok();
    set && nix::unistd::getppid() == parent
}

/// Leads a process group of its own from here on. Parent and child both call it, so that neither has to wait.
pub fn lead_group(pid: Pid) {
    // The loser of that race, or a parent whose child has gone on to exec, gets an error that means nothing.
    let _ = nix::unistd::setpgid(pid, pid);
}

/// Gives a forked child the dispositions and the mask of a fresh process, but for `USR1`, which is ignored until
/// the worker has a handler for it: an operator who reopens logs must not end a worker that boots.
///
/// `SIGSEGV` and `SIGBUS` keep their handlers, and `SIGPIPE` stays ignored: that is how the Rust runtime sets them
/// up, to tell a stack overflow and to make a closed connection an error instead of an end. So does `SIGXFSZ`, which the master
/// ignores: a log that may not grow any more costs lines.
///
/// `changed` is what the master found changed in itself; asking in each child would cost a call per signal.
pub fn fresh_signals(changed: SignalSet) {
    let keep = SignalSet::of(&[Signal::SEGV, Signal::BUS, Signal::PIPE, Signal::XFSZ]);
    ph_signal::disposition::reset(changed.difference(keep));
    let _ = ph_signal::disposition::ignore(Signal::USR1);
    let _ = ph_signal::mask::set_mask(SignalSet::EMPTY);
}

/// Ends a forked child: flushes what it printed, runs no exit handler of the process it was copied from.
pub fn leave(code: u8) -> ! {
    let _ = io::stdout().flush();
    // SAFETY: `_exit` takes any code and doesn't return; nothing of this process is used afterwards.
    unsafe { libc::_exit(i32::from(code)) }
}
