//! The guard: a tiny process that outlives the master only long enough to end what the master left behind.
//!
//! It holds the reading end of the *lifeline*, a pipe whose writing end only the master has, and sleeps in a read
//! of it. When the master is gone, however it went, the read returns the end of the file; the guard then KILLs
//! every process group on the *board* and exits. A byte in the pipe tells it to go and leave them alone: another guard
//! has its place. The board is memory that the two share and workers never
//! see, so that watching a worker costs the master one store, and a worker can't have a stranger killed.
//!
//! It is forked twice and orphaned before the master becomes a subreaper, so that it is not the master's child: a
//! parent-death signal, a `killpg` or a wait on children never concerns it.

use std::io::{self, Read as _, Write as _};
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};
use std::sync::atomic::{AtomicI32, Ordering::Relaxed};

use nix::fcntl::OFlag;
use nix::sys::prctl;
use nix::unistd::{Pid, pipe2};

use super::fork::{self, Forked};
use super::pidfd::PidFd;
use super::shared::SharedTable;
use super::title::Title;
use super::{SysError, fds};

/// The guard, from the master's side. Dropping it ends the guard, and with it all that is on the board.
#[derive(Debug)]
pub struct Guard {
    board: SharedTable<AtomicI32>,
    running: Option<Running>,
}

#[derive(Debug)]
struct Running {
    /// Open in the master alone.
    lifeline: OwnedFd,
    pidfd: PidFd,
}

/// Has the guard at the other end go, and leave everyone alone.
fn stand_down(lifeline: OwnedFd) {
    let _ = std::fs::File::from(lifeline).write_all(&[0]);
}

impl Guard {
    /// Starts a guard with a board for `places` groups. Makes the calling process a subreaper.
    pub fn start(places: usize, title: &mut Title, name: &str) -> Result<Self, SysError> {
        let board = SharedTable::<AtomicI32>::anonymous(places)?;
        let running = Some(launch(&board, title, name)?);
        Ok(Self { board, running })
    }

    /// Takes note that the guard has died; what it was.
    pub fn lose(&mut self) -> Option<PidFd> {
        self.running.take().map(|running| running.pidfd)
    }

    /// Starts another in the place of a dead one, and returns its descriptor. The board, and what is on it, stays.
    pub fn restart(&mut self, title: &mut Title, name: &str) -> Result<&PidFd, SysError> {
        self.dismiss();
        let running = launch(&self.board, title, name)?;
        Ok(&self.running.insert(running).pidfd)
    }

    /// Sends a guard away that can't be watched over.
    pub fn dismiss(&mut self) {
        if let Some(running) = self.running.take() {
            stand_down(running.lifeline);
        }
    }

    /// The lifeline, for a program that this process becomes. As long as that has it, the guard does its duty.
    pub fn lifeline(&self) -> Option<BorrowedFd<'_>> {
        self.running.as_ref().map(|running| running.lifeline.as_fd())
    }

    /// Sends away the guard of the program that this process was before.
    pub fn relieve(lifeline: OwnedFd) {
        stand_down(lifeline);
    }

    /// Puts a process group on the board.
    pub fn watch(&self, place: usize, group: Pid) {
        self.board.items()[place].store(group.as_raw(), Relaxed);
    }

    /// Takes it off again; before its leader is reaped, since the number is free from then on.
    pub fn unwatch(&self, place: usize) {
        self.board.items()[place].store(0, Relaxed);
    }

    /// The guard's descriptor, readable when it has died.
    pub fn pidfd(&self) -> Option<&PidFd> {
        self.running.as_ref().map(|running| &running.pidfd)
    }

    /// The guard's pid, while there is one.
    pub fn pid(&self) -> Option<Pid> {
        self.pidfd().map(PidFd::pid)
    }
}

fn launch(
    board: &SharedTable<AtomicI32>,
    title: &mut Title,
    name: &str,
) -> Result<Running, SysError> {
    let pipe = || pipe2(OFlag::O_CLOEXEC).map_err(io::Error::from);
    let (listen, lifeline) = pipe().map_err(SysError::call("make the lifeline"))?;
    let (answer, report) = pipe().map_err(SysError::call("make a pipe"))?;
    // Not while it is forked: its orphaning must pass us by.
    let subreaper = |on| prctl::set_child_subreaper(on).map_err(io::Error::from);
    subreaper(false).map_err(SysError::call("leave off being a subreaper"))?;
    let forked = board.inherit(true).and_then(|()| fork::fork());
    if forked.is_err() {
        // Refused: whatever follows, orphans are ours again, and the board is no worker's.
        board.inherit(false)?;
        subreaper(true).map_err(SysError::call("become a subreaper"))?;
    }
    let middle = match forked? {
        Forked::Parent(pid) => pid,
        Forked::Child => match fork::fork() {
            Ok(Forked::Child) => watch_over(listen, board, title, name),
            Ok(Forked::Parent(guard)) => {
                let sent = std::fs::File::from(report).write_all(&guard.as_raw().to_ne_bytes());
                fork::leave(u8::from(sent.is_err()))
            }
            Err(_) => fork::leave(1),
        },
    };
    drop(report);
    let pidfd = know_guard(board, answer, middle);
    let adopting = subreaper(true).map_err(SysError::call("become a subreaper"));
    match adopting.and(pidfd) {
        Ok(pidfd) => Ok(Running { lifeline, pidfd }),
        Err(error) => {
            stand_down(lifeline);
            Err(error)
        }
    }
}

/// Which process became the guard, once the one between is gone.
fn know_guard(
    board: &SharedTable<AtomicI32>,
    answer: OwnedFd,
    middle: Pid,
) -> Result<PidFd, SysError> {
    let mut pid = [0; 4];
    let told = std::fs::File::from(answer).read_exact(&mut pid);
    let ended = nix::sys::wait::waitpid(middle, None);
    board.inherit(false)?;
    told.map_err(SysError::call("start the guard"))?;
    ended.map_err(io::Error::from).map_err(SysError::call("start the guard"))?;
    PidFd::open(Pid::from_raw(i32::from_ne_bytes(pid))).map_err(SysError::call("watch the guard"))
}

/// The guard's whole life, with every signal blocked: nothing but KILL ends it before the master does.
fn watch_over(listen: OwnedFd, board: &SharedTable<AtomicI32>, title: &mut Title, name: &str) -> ! {
    // A session of its own keeps it off the terminal; a directory of its own would keep a mount busy.
    let _ = nix::unistd::setsid();
    let _ = nix::unistd::chdir("/");
    fds::close_all_but(&[listen.as_fd()].into_iter());
    let _ = fds::silence();
    title.set(format_args!("ph: guard [{name}]"));
    let mut lifeline = std::fs::File::from(listen);
    let mut byte = [0];
    if matches!(lifeline.read(&mut byte), Ok(1..)) {
        fork::leave(0);
    }
    for place in board.items() {
        let group = place.load(Relaxed);
        if group > 1 {
            let _ = ph_signal::killpg(group, ph_signal::Signal::KILL);
        }
    }
    fork::leave(0)
}
