//! A process by descriptor: its death is an event, and no signal can reach a stranger.

use std::io;
use std::os::fd::{AsFd, AsRawFd as _, BorrowedFd, OwnedFd};
use std::time::Duration;

use nix::unistd::Pid;
use ph_signal::Signal;
use ph_signal::send::SendError;
use rustix::process::PidfdFlags;
use serde::{Deserialize, Serialize};

use super::cvt;
use crate::arbiter::ExitStatus;

/// What a process has used in its life, as the kernel tells who waits for it (getrusage(2)).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Used {
    /// Processor time in its own code, and in that of children that it has waited for.
    pub user: Duration,
    /// The same in the kernel.
    pub system: Duration,
    /// The most that it, or one of those children, had in memory, in bytes.
    pub peak: u64,
}

/// A descriptor of one process (`pidfd_open(2)`); readable once it has ended.
#[derive(Debug)]
pub struct PidFd {
    fd: OwnedFd,
    pid: Pid,
}

impl PidFd {
    /// Opens the descriptor of a process that can't have been reaped yet: a child of ours, or one vouched for.
    pub fn open(pid: Pid) -> io::Result<Self> {
        let raw = rustix::process::Pid::from_raw(pid.as_raw())
            .ok_or(io::Error::from_raw_os_error(libc::ESRCH))?;
        let fd = rustix::process::pidfd_open(raw, PidfdFlags::empty())?;
        Ok(Self { fd, pid })
    }

    /// The process.
    pub fn pid(&self) -> Pid {
        self.pid
    }

    /// How the child ended, and what it had used; `None` while it lives. It stays a zombie: its pid and group stay ours.
    pub fn look(&self) -> io::Result<Option<(ExitStatus, Used)>> {
        self.wait(libc::WNOWAIT)
    }

    /// Reaps the ended child.
    pub fn reap(&self) -> io::Result<Option<ExitStatus>> {
        Ok(self.wait(0)?.map(|(status, _)| status))
    }

    /// Sends a signal to exactly this process: while its entry here is unreaped, its pid is nobody else's.
    pub fn signal(&self, signal: Signal) -> Result<(), SendError> {
        ph_signal::kill(self.pid.as_raw(), signal)
    }

    /// KILLs the process group that it leads. The group's number is not reused while its leader is unreaped.
    pub fn kill_group(&self) -> Result<(), SendError> {
        ph_signal::killpg(self.pid.as_raw(), Signal::KILL)
    }

    fn wait(&self, options: libc::c_int) -> io::Result<Option<(ExitStatus, Used)>> {
        let id = self.fd.as_raw_fd() as libc::id_t;
        Ok(waitid(libc::P_PIDFD, id, options)?.map(|(_, status, used)| (status, used)))
    }
}

impl AsFd for PidFd {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

/// Reaps one ended child by pid: one that was adopted, never a worker that is known. `None` while it lives; an error if it is
/// not ours, so that there is nothing to reap.
pub fn reap_child(pid: Pid) -> io::Result<Option<(ExitStatus, Used)>> {
    let end = waitid(libc::P_PID, pid.as_raw() as libc::id_t, 0)?;
    Ok(end.map(|(_, status, used)| (status, used)))
}

/// Whether this is a child of ours that is not reaped yet, living or not.
pub fn is_child(pid: Pid) -> bool {
    pid.as_raw() > 0 && waitid(libc::P_PID, pid.as_raw() as libc::id_t, libc::WNOWAIT).is_ok()
}

/// One of the children that have ended and are not reaped; it stays so, and is the one until it is reaped.
pub fn ended_child() -> Option<Pid> {
    waitid(libc::P_ALL, 0, libc::WNOWAIT).ok()?.map(|(pid, ..)| pid)
}

/// `waitid(2)` for ended children, without waiting. Real-time signals included, and what was used, which the C library's
/// function does not ask for: hence our own call.
fn waitid(
    kind: libc::idtype_t,
    id: libc::id_t,
    options: libc::c_int,
) -> io::Result<Option<(Pid, ExitStatus, Used)>> {
    let options = options | libc::WEXITED | libc::WNOHANG;
    // SAFETY: `siginfo_t` and `rusage` are plain data for which zeroes are a value; the kernel fills them in. It leaves
    // the pid zero when nobody has ended, and sets the SIGCHLD fields otherwise, which are the ones read here.
    let (pid, code, status, usage) = unsafe {
        let mut info: libc::siginfo_t = std::mem::zeroed();
        let mut usage: libc::rusage = std::mem::zeroed();
        let (to, used) = (&raw mut info, &raw mut usage);
        cvt(libc::syscall(libc::SYS_waitid, kind, id, to, options, used) as libc::c_int)?;
        (info.si_pid(), info.si_code, info.si_status(), usage)
    };
    if pid == 0 {
        return Ok(None);
    }
    let status = match code {
        libc::CLD_EXITED => ExitStatus::Code(status),
        _ => ExitStatus::Signal { signal: status, core: code == libc::CLD_DUMPED },
    };
    let time = |time: libc::timeval| {
        Duration::new(time.tv_sec as u64, 0) + Duration::from_micros(time.tv_usec as u64)
    };
    let peak = usage.ru_maxrss as u64 * 1024;
    let used = Used { user: time(usage.ru_utime), system: time(usage.ru_stime), peak };
    Ok(Some((Pid::from_raw(pid), status, used)))
}
