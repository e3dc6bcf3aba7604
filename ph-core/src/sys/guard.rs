//! The guard: a tiny process that outlives the master only long enough to end what the master left behind.
//!
//! It holds the reading end of the *lifeline*, a pipe whose writing end only the master has, and sleeps in a read
//! of it. When the master is gone, however it went, the read returns the end of the file; the guard then KILLs
//! every process group on the *board* and exits. A byte in the pipe tells it to go and leave them alone: another guard
//! has its place; another byte, to look at the board again. There a time may stand at which the groups end although the master
//! lives (it may be stopped): the end of the lease by which it leads. Renewals are stores; the guard looks again when it would act, and
//! goes on guarding. The board is memory that the two share and workers never
//! see, so that watching a worker costs the master one store, and a worker can't have a stranger killed.
//!
//! It is forked twice and orphaned before the master becomes a subreaper, so that it is not the master's child: a
//! parent-death signal, a `killpg` or a wait on children never concerns it.

use std::io::{self, Read as _, Write as _};
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};
use std::sync::atomic::{AtomicI32, AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use nix::fcntl::OFlag;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::prctl;
use nix::sys::time::TimeSpec;
use nix::sys::timerfd::{ClockId, Expiration, TimerFd, TimerFlags, TimerSetTimeFlags};
use nix::unistd::{Pid, pipe2};

use super::fork::{self, Forked};
use super::pidfd::PidFd;
use super::shared::SharedTable;
use super::title::Title;
use super::{SysError, cpu, fds};
use crate::log::Shelf;
use crate::slots::boot_clock;

/// What the pipe says.
const STAND_DOWN: u8 = 0;
const LOOK: u8 = 1;

/// The guard, from the master's side. Dropping it ends the guard, and with it all that is on the board.
#[derive(Debug)]
pub struct Guard {
    board: SharedTable<AtomicI32>,
    /// When the groups end at the latest; as the guard last had to be told.
    end: Option<u64>,
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
    let _ = std::fs::File::from(lifeline).write_all(&[STAND_DOWN]);
}

impl Guard {
    /// Starts a guard with a board for `places` groups. Makes the calling process a subreaper.
    /// What lies on the `shelf` it takes away when it has ended them for the sake of time.
    pub fn start(
        places: usize,
        title: &mut Title,
        name: &str,
        shelf: Option<&Shelf>,
    ) -> Result<Self, SysError> {
        let board = SharedTable::<AtomicI32>::anonymous(places)?;
        let running = Some(launch(&board, title, name, shelf)?);
        Ok(Self { board, end: None, running })
    }

    /// Ends the groups at this time of `CLOCK_BOOTTIME`, in nanoseconds, unless another is told before.
    pub fn end_at(&mut self, end: Option<u64>) {
        self.board.head::<AtomicU64>().store(end.unwrap_or(0), Relaxed);
        // One that waits for an earlier time looks at the board then.
        let waits = self.end.is_some_and(|before| boot_clock() < before);
        self.end = end;
        if let (false, Some(running)) = (waits || end.is_none(), &self.running)
            && let Err(errno) = nix::unistd::write(&running.lifeline, &[LOOK])
        {
            tracing::error!(%errno, "the guard can't be told of the lease");
        }
    }

    /// Takes note that the guard has died; what it was.
    pub fn lose(&mut self) -> Option<PidFd> {
        self.running.take().map(|running| running.pidfd)
    }

    /// Starts another in the place of a dead one, and returns its descriptor. The board, and what is on it, stays.
    pub fn restart(
        &mut self,
        title: &mut Title,
        name: &str,
        shelf: Option<&Shelf>,
    ) -> Result<&PidFd, SysError> {
        self.dismiss();
        let running = launch(&self.board, title, name, shelf)?;
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
    shelf: Option<&Shelf>,
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
            Ok(Forked::Child) => watch_over(listen, board, title, name, shelf),
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
fn watch_over(
    listen: OwnedFd,
    board: &SharedTable<AtomicI32>,
    title: &mut Title,
    name: &str,
    shelf: Option<&Shelf>,
) -> ! {
    // A session of its own keeps it off the terminal; a directory of its own would keep a mount busy.
    let _ = nix::unistd::setsid();
    let _ = nix::unistd::chdir("/");
    let kept = [Some(listen.as_fd()), shelf.map(|shelf| shelf.ends().1)];
    fds::close_all_but(&kept.into_iter().flatten());
    let _ = fds::silence();
    title.set(format_args!("ph: guard [{name}]"));
    let mut lifeline = std::fs::File::from(listen);
    let timer = TimerFd::new(ClockId::CLOCK_BOOTTIME, TimerFlags::TFD_CLOEXEC);
    let (mut served, mut is_first) = (0, false);
    loop {
        let end = board.head::<AtomicU64>().load(Relaxed);
        if end != 0 && !is_first {
            // From here on it has to be in time, however busy the machine is. Where that can't be, a lease's margin is what there is.
            cpu::come_first();
            is_first = true;
        }
        if end != 0 && end != served && end <= boot_clock() {
            end_groups(board);
            if let Some(shelf) = shelf {
                shelf.clear();
            }
            served = end;
        }
        if wait(&lifeline, timer.as_ref().ok(), (end != served).then_some(end)) {
            let mut byte = [STAND_DOWN];
            match lifeline.read(&mut byte) {
                Ok(1..) if byte == [LOOK] => {}
                Ok(1..) => fork::leave(0),
                _ => break,
            }
        }
    }
    end_groups(board);
    fork::leave(0)
}

/// Waits until the master says something or is gone, or until this time; whether it was the former. A time of zero is none.
fn wait(lifeline: &std::fs::File, timer: Option<&TimerFd>, until: Option<u64>) -> bool {
    let set = |timer: &&TimerFd| match until.filter(|until| *until != 0) {
        Some(until) => {
            let at = TimeSpec::from_duration(Duration::from_nanos(until));
            timer.set(Expiration::OneShot(at), TimerSetTimeFlags::TFD_TIMER_ABSTIME).is_ok()
        }
        None => timer.unset().is_ok(),
    };
    let mut waited = vec![PollFd::new(lifeline.as_fd(), PollFlags::POLLIN)];
    let timer = timer.filter(set);
    waited.extend(timer.map(|timer| PollFd::new(timer.as_fd(), PollFlags::POLLIN)));
    // Without a timer: often enough.
    let blind = until.is_some() && timer.is_none();
    let timeout = if blind { PollTimeout::from(50u8) } else { PollTimeout::NONE };
    let _ = poll(&mut waited, timeout);
    waited[0].any().unwrap_or(true)
}

fn end_groups(board: &SharedTable<AtomicI32>) {
    for place in board.items() {
        let group = place.load(Relaxed);
        if group > 1 {
            let _ = ph_signal::killpg(group, ph_signal::Signal::KILL);
        }
    }
}
