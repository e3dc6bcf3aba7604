//! Making a worker: a fork, and what the child does before it is the application's.

use std::os::fd::{AsFd as _, OwnedFd};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use nix::unistd::Pid;
use ph_config::value::choice::Accept;
use ph_config::{CpuAffinity, Settings};

use super::children::Child;
use super::foreign::Foreign;
use super::poll::Token;
use super::untold::{Born, Untold};
use super::{Master, Office, binding};
use crate::arbiter::{Event, WorkerKey};
use crate::calls::Record;
use crate::channel::Channel;
use crate::listen::{ListenError, Listener};
use crate::log;
use crate::report::{Report, Reporter};
use crate::slots::{self, Board, Slot};
use crate::sys::accept_lock::AcceptLock;
use crate::sys::cpu::{self, CpuSet};
use crate::sys::fork::{self, Forked};
use crate::sys::pidfd::PidFd;
use crate::sys::{SysError, fds};

/// What a forked worker starts from.
#[derive(Debug)]
pub struct Seat {
    /// Its id: the slot that it fills.
    pub slot: u32,
    /// The generation whose settings it has.
    pub generation: u32,
    /// Those settings.
    pub settings: Arc<Settings>,
    /// How it talks to the master.
    pub reporter: Reporter,
    /// Its own place in the shared table.
    pub cell: &'static Slot,
    /// Its page in the table of calls, if it answers any.
    pub calls: Option<&'static [Record]>,
    /// What concerns all workers.
    pub board: &'static Board,
    /// What it may accept connections from.
    pub listeners: Vec<Arc<Listener>>,
    /// Through which it hands live connections on, and gets those of others; none without listeners.
    pub channel: Option<Arc<Channel>>,
    /// By which workers take turns at that, under `accept = lock`.
    pub lock: Option<AcceptLock>,
    /// Where it waits, once it is ready, until its master leads; none where it need not.
    pub office: Option<Office>,
}

/// The exit code of a worker that panicked where nobody caught it: what the Rust runtime itself uses.
const PANICKED: u8 = 101;

/// The exit code of a worker that could not be made what its settings say: that of any failed boot (`EX_SOFTWARE`).
const UNFIT: u8 = 70;

/// There is no process for a worker.
#[derive(Debug, thiserror::Error)]
pub(super) enum SpawnError {
    #[error(transparent)]
    System(#[from] SysError),
    #[error(transparent)]
    Listen(#[from] ListenError),
    #[error("no worker without the lease: {0}")]
    Lease(std::io::Error),
}

/// What a worker has of its own, beside what all have.
struct Given {
    /// Its listeners, if they are other than those of all.
    own: Option<Vec<Arc<Listener>>>,
    /// What its master leads by, where that is a lock.
    lock: Option<OwnedFd>,
    office: Option<Office>,
}

/// A process that was forked in the batch under way.
pub(super) struct Newborn {
    pub(super) key: WorkerKey,
    pub(super) generation: u32,
    pub(super) pid: Pid,
    pub(super) cell: usize,
    pub(super) bound: bool,
    pub(super) reopened: u64,
    pub(super) born: u64,
    pub(super) foreign: Option<Box<Foreign>>,
}

impl Master<'_> {
    /// Makes a process for this worker, or tells the arbiter why it can't be.
    #[inline(never)]
    pub(super) fn spawn(&mut self, key: WorkerKey, generation: u32) {
        let Ok(cell) = self.find_room(|master| master.children.cells.take().ok_or(())) else {
            let reason = "every place of the shared table is taken".to_owned();
            self.queue.push_back(Event::SpawnFailed { worker: key, reason });
            return;
        };
        self.hooks.pre_fork(key.slot);
        self.slots.items()[cell].clear();
        let (born, reopened) = (ticks(), self.reopened);
        if self.generations[&generation].preloads() {
            if let Err(error) = self.expect_worker(key, generation, cell) {
                self.unseat(cell);
                self.queue.push_back(Event::SpawnFailed { worker: key, reason: error.to_string() });
            }
            return;
        }
        match self.find_room(|master| master.make_process(key, generation, cell)) {
            Ok((pid, foreign)) => {
                fork::lead_group(pid);
                if let Some(guard) = &self.guard {
                    guard.watch(cell, pid);
                }
                let affinity = &self.generations[&generation].settings.cpu_affinity;
                let bound = *affinity != CpuAffinity::None;
                let newborn =
                    Newborn { key, generation, pid, cell, bound, reopened, born, foreign };
                self.newborn.push(newborn);
            }
            Err(error) => {
                self.unseat(cell);
                self.queue.push_back(Event::SpawnFailed { worker: key, reason: error.to_string() });
            }
        }
    }

    fn make_process(
        &mut self,
        key: WorkerKey,
        generation: u32,
        cell: usize,
    ) -> Result<(Pid, Option<Box<Foreign>>), SpawnError> {
        if self.generations[&generation].is_foreign() {
            let (pid, foreign) = self.spawn_program(key, generation, cell)?;
            Ok((pid, Some(Box::new(foreign))))
        } else {
            Ok((self.fork_worker(key, generation, cell)?, None))
        }
    }

    fn fork_worker(
        &mut self,
        key: WorkerKey,
        generation: u32,
        cell: usize,
    ) -> Result<Pid, SpawnError> {
        // Between two forks of a batch as few pages as possible are written to, on both sides: each has to be copied.
        let master = nix::unistd::getpid();
        self.title.lay_out(format_args!("ph: worker {} [{}]", key.slot, self.name));
        let cpus = binding::of(&self.generations[&generation].settings.cpu_affinity, key.slot)?;
        let own = self.own_listeners(key.slot, generation)?;
        let lock = self.lock_for_worker().map_err(SpawnError::Lease)?;
        let office = self.office_for_worker().map_err(SpawnError::Lease)?;
        let given = Given { own, lock, office };
        match fork::fork()? {
            Forked::Child => {
                self.become_worker(key, generation, cell, master, cpus.as_ref(), given)
            }
            Forked::Parent(pid) => Ok(pid),
        }
    }

    /// Enters the children of a batch of forks into the tables.
    ///
    /// Their pidfds are opened only now, so that the later of them do not inherit, and close, those of the earlier.
    /// That is in time: nobody else reaps a child of ours, so its pid is its own.
    pub(super) fn register_newborn(&mut self) {
        for newborn in std::mem::take(&mut self.newborn) {
            let Newborn { key, generation, pid, cell, bound, reopened, born, foreign } = newborn;
            match self.find_room(|master| master.watch(pid, key, foreign.as_deref())) {
                Ok(process) => {
                    let forked = foreign.is_none();
                    let shared = forked && self.generations[&generation].shares();
                    let (asked, history) = (false, None);
                    self.children.insert(Child {
                        key,
                        process,
                        cell,
                        bound,
                        reopened,
                        born,
                        asked,
                        shared,
                        foreign,
                        history,
                    });
                    self.accounts.workers.started += 1;
                    let about = self.about(&key, Born { generation });
                    self.untold.push(Untold::Born { about, forked });
                }
                Err(error) => {
                    // Unknown to the table of children, it is reaped like any orphan.
                    let _ = ph_signal::killpg(pid.as_raw(), ph_signal::Signal::KILL);
                    let _ = ph_signal::kill(pid.as_raw(), ph_signal::Signal::KILL);
                    self.unseat(cell);
                    let reason = error.to_string();
                    self.queue.push_back(Event::SpawnFailed { worker: key, reason });
                }
            }
        }
    }

    fn watch(
        &self,
        pid: Pid,
        key: WorkerKey,
        foreign: Option<&Foreign>,
    ) -> Result<PidFd, SysError> {
        let failed = |errno: nix::Error| SysError::call("watch a worker")(errno.into());
        let process = PidFd::open(pid).map_err(SysError::call("open a pidfd"))?;
        self.poll.add_once(&process, Token::Death(key.serial)).map_err(failed)?;
        if let Some(foreign) = foreign {
            self.poll.add(&foreign.output, Token::Output(key.serial)).map_err(failed)?;
        }
        Ok(process)
    }

    /// Frees a place that no process has.
    fn unseat(&mut self, cell: usize) {
        if let Some(guard) = &self.guard {
            guard.unwatch(cell);
        }
        self.children.cells.give_back(cell);
    }

    /// The child's side. What the master owned is still in this memory; nothing of it is dropped or used again.
    #[inline(never)]
    fn become_worker(
        &mut self,
        key: WorkerKey,
        generation: u32,
        cell: usize,
        master: Pid,
        cpus: Option<&CpuSet>,
        given: Given,
    ) -> ! {
        // What is of no use but by being open stays so: nothing here is ever dropped.
        let Given { own, lock: held, office } = given;
        // The master may have been stopped for any time between its decision and the fork.
        let may_work = office.is_some() || slots::board(&self.slots).lease().is_good();
        if !fork::die_with(master) || !may_work {
            fork::leave(1);
        }
        fork::lead_group(Pid::from_raw(0));
        let say = self.hearing.kept();
        let Some(start) = self.generations.get_mut(&generation) else { fork::leave(PANICKED) };
        let calls = self.calls.as_ref().filter(|_| start.answers_calls());
        let calls = calls.map(|calls| calls.page(cell)).transpose();
        // Taken and not copied: neither memory nor a count of theirs is written to.
        let listeners = own.unwrap_or_else(|| std::mem::take(&mut start.listeners));
        for listener in &listeners {
            // Programs that had it before may have left it blocking.
            let _ = rustix::io::ioctl_fionbio(listener, true);
        }
        let channel = self.channel.take();
        let ends = channel.iter().flat_map(|channel| [channel.as_fd(), channel.giving()]);
        let kept = listeners.iter().map(|listener| listener.as_fd()).chain(ends);
        let kept = kept.chain(held.as_ref().map(|lock| lock.as_fd()));
        let kept = kept.chain(office.as_ref().map(|office| office.as_fd()));
        fds::close_all_but(&kept.chain(log::descriptors()).chain([say]));
        if let Some(soft) = self.descriptors {
            fds::set_limit(soft);
        }
        self.title.wear();
        let reporter = self.hearing.reporter(key.serial);
        log::become_worker(key.slot, key.serial);
        fork::fresh_signals(self.changed_signals);
        let privileges = &self.generations[&generation].privileges;
        let bound = cpus.map_or(Ok(()), cpu::bind);
        let calls = match bound.and_then(|()| privileges.assume(master)).and(calls) {
            Ok(calls) => calls,
            Err(error) => {
                let reason = error.to_string();
                tracing::error!(%reason, "cannot boot");
                let _ = reporter.say(&Report::Failed(reason));
                fork::leave(UNFIT);
            }
        };
        let settings = Arc::clone(&self.generations[&generation].settings);
        let lock = self.accept_lock.filter(|_| settings.accept == Accept::Lock);
        let seat = Seat {
            slot: key.slot,
            generation,
            settings,
            reporter,
            cell: &self.slots.items()[cell],
            calls,
            board: slots::board(&self.slots),
            listeners,
            channel,
            lock,
            office,
        };
        // A panic that nobody caught must not unwind into the master's frames, whose files would be dropped.
        let life = AssertUnwindSafe(|| {
            self.hooks.post_fork(key.slot);
            (self.worker)(seat)
        });
        fork::leave(catch_unwind(life).unwrap_or(PANICKED))
    }
}

/// The kernel's clock for process starts: hundredths of a second since boot, suspension included.
pub(super) fn ticks() -> u64 {
    use nix::time::{ClockId, clock_gettime};
    clock_gettime(ClockId::CLOCK_BOOTTIME)
        .map_or(0, |time| time.tv_sec() as u64 * 100 + time.tv_nsec() as u64 / 10_000_000)
}
