//! Making a worker: a fork, and what the child does before it is the application's.

use std::os::fd::{AsFd as _, OwnedFd};
use std::rc::Rc;

use nix::fcntl::OFlag;
use nix::unistd::{Pid, pipe2};
use ph_config::Settings;

use super::Master;
use super::children::Child;
use super::poll::Token;
use crate::arbiter::{Event, WorkerKey};
use crate::log;
use crate::report::{Reporter, Reports};
use crate::slots::Slot;
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
    pub settings: Rc<Settings>,
    /// How it talks to the master.
    pub reporter: Reporter,
    /// Its own place in the shared table.
    pub cell: &'static Slot,
}

impl Master<'_> {
    /// Makes a process for this worker, or tells the arbiter why it can't be.
    pub(super) fn spawn(&mut self, key: WorkerKey, generation: u32) {
        let Some(cell) = self.children.cells.take() else {
            let reason = "every place of the shared table is taken".to_owned();
            self.queue.push_back(Event::SpawnFailed { worker: key, reason });
            return;
        };
        self.hooks.pre_fork(key.slot);
        if let Err(error) = self.fork_worker(key, generation, cell) {
            self.children.cells.give_back(cell);
            self.queue.push_back(Event::SpawnFailed { worker: key, reason: error.to_string() });
        }
    }

    fn fork_worker(
        &mut self,
        key: WorkerKey,
        generation: u32,
        cell: usize,
    ) -> Result<(), SysError> {
        let call = |what| move |errno: nix::Error| SysError::Call { what, source: errno.into() };
        let pipe = pipe2(OFlag::O_CLOEXEC | OFlag::O_NONBLOCK);
        let (hear, say) = pipe.map_err(call("make a pipe"))?;
        let master = nix::unistd::getpid();
        self.slots.items()[cell].clear();
        let pid = match fork::fork()? {
            Forked::Child => self.become_worker(key, generation, cell, say, master),
            Forked::Parent(pid) => pid,
        };
        fork::lead_group(pid);
        // Unknown to the table of children, it is reaped like any orphan.
        let disown = |error: SysError| {
            let _ = ph_signal::kill(pid.as_raw(), ph_signal::Signal::KILL);
            error
        };
        let process = PidFd::open(pid)
            .map_err(|source| disown(SysError::Call { what: "open a pidfd", source }))?;
        let watched = self
            .poll
            .add(&process, Token::Death(key.serial))
            .and_then(|()| self.poll.add(&hear, Token::Report(key.serial)));
        if let Err(errno) = watched {
            self.poll.remove(&process);
            return Err(disown(call("watch a worker")(errno)));
        }
        if let Some(guard) = &self.guard {
            guard.watch(cell, pid);
        }
        let (pipe, reports) = (Some(hear), Reports::default());
        self.children.insert(Child { key, process, pipe, reports, cell, born: ticks() });
        Ok(())
    }

    /// The child's side. What the master owned is still in this memory; nothing of it is dropped or used again.
    fn become_worker(
        &mut self,
        key: WorkerKey,
        generation: u32,
        cell: usize,
        say: OwnedFd,
        master: Pid,
    ) -> ! {
        if !fork::die_with(master) {
            fork::leave(1);
        }
        fork::lead_group(Pid::from_raw(0));
        let log = log::descriptor();
        let keep: Vec<_> = [Some(say.as_fd()), log].into_iter().flatten().collect();
        fds::close_all_but(&keep);
        if let Some(soft) = self.descriptors {
            fds::set_limit(soft);
        }
        self.title.set(&format!("ph: worker {} [{}]", key.slot, self.name));
        log::identify(Some(key.slot));
        fork::fresh_signals();
        self.hooks.post_fork(key.slot);
        let settings = self.generations.get(&generation).cloned();
        let Some(settings) = settings else { fork::leave(1) };
        let code = (self.worker)(Seat {
            slot: key.slot,
            generation,
            settings: Rc::clone(&settings),
            reporter: Reporter::new(say),
            cell: &self.slots.items()[cell],
        });
        fork::leave(code)
    }
}

/// The kernel's clock for process starts: hundredths of a second since boot, suspension included.
fn ticks() -> u64 {
    use nix::time::{ClockId, clock_gettime};
    clock_gettime(ClockId::CLOCK_BOOTTIME)
        .map_or(0, |time| time.tv_sec() as u64 * 100 + time.tv_nsec() as u64 / 10_000_000)
}
