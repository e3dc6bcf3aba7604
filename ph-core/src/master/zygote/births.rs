//! Workers that a zygote is to fork, from the arbiter's wish to their birth, or to the end of the hope for it.

use std::os::fd::{AsFd as _, OwnedFd};
use std::sync::Arc;

use nix::unistd::Pid;
use ph_config::CpuAffinity;
use ph_signal::Signal;

use super::Zygote;
use super::words::{self, Request, Word};
use crate::arbiter::{Event, ExitStatus, Speed, WorkerKey};
use crate::listen::Listener;
use crate::master::children::History;
use crate::master::foreign::Foreign;
use crate::master::perform::end_group;
use crate::master::spawn::{Newborn, SpawnError};
use crate::master::{Master, binding};
use crate::sys::pidfd::{self, Used};
use crate::sys::{cpu, fork};

/// Requests that a zygote has before it at most: no more than fit the socket's buffer.
const WINDOW: usize = 16;
/// Words that are taken in one turn.
const TURN: usize = 1024;

/// A worker that the arbiter has asked for, and of which there is no process yet.
pub(super) struct Expected {
    key: WorkerKey,
    /// The number of the zygote.
    zygote: u32,
    generation: u32,
    /// Its place in the shared table.
    cell: usize,
    bound: bool,
    reopened: u64,
    /// When it was asked for, in the kernel's ticks since boot.
    asked_at: u64,
    foreign: Foreign,
    /// What is to be sent, until it is.
    letter: Option<Letter>,
    /// Its process, which has not told of itself yet.
    forked: Option<Pid>,
    /// It is to leave as soon as it is there.
    leaves: Option<Speed>,
    /// There will be none: what its certificate is made out of.
    lost: Option<Lost>,
}

struct Letter {
    request: Request,
    output: OwnedFd,
    listeners: Vec<Arc<Listener>>,
}

/// What is known of a worker that was never there: the zygote's end was its own.
pub(in crate::master) struct Lost {
    pub(in crate::master) pid: i32,
    pub(in crate::master) history: Box<History>,
}

impl super::Zygotes {
    /// What the certificate of a worker says that was never there, and its place in the shared table.
    pub(in crate::master) fn take_lost(&mut self, serial: u64) -> Option<(Lost, usize)> {
        let expected = self.expected.get_mut(&serial)?;
        Some((expected.lost.take()?, expected.cell))
    }

    /// The pid of an expected worker, or of the zygote that is to fork it.
    pub(in crate::master) fn pid_for(&self, serial: u64) -> Option<Pid> {
        let expected = self.expected.get(&serial)?;
        let zygote = || Some(self.by_number.get(&expected.zygote)?.process.pid());
        expected.forked.or_else(zygote)
    }

    /// An expected worker is not to be waited for any more. If there is no process of it, it is its zygote that does not
    /// answer.
    pub(in crate::master) fn give_up(&mut self, serial: u64) {
        if let Some(expected) = self.expected.get_mut(&serial) {
            expected.leaves = Some(Speed::Now);
            match expected.forked.filter(|pid| pidfd::is_child(*pid)) {
                Some(pid) => drop(ph_signal::kill(pid.as_raw(), Signal::KILL)),
                None => {
                    let zygote = expected.zygote;
                    self.end(zygote);
                }
            }
        }
    }

    /// There is a process for an expected worker. It comes to the master when its parent, who says so, has gone.
    fn note_forked(&mut self, number: u32, serial: u64, pid: Pid) {
        if let Some(expected) = self.expected.get_mut(&serial).filter(|it| it.zygote == number) {
            expected.forked = Some(pid);
        }
    }

    /// Requests that are sent and not answered.
    fn under_way(&self, number: u32) -> usize {
        let all = self.expected.values().filter(|it| it.zygote == number);
        all.filter(|it| it.letter.is_none() && it.lost.is_none()).count()
    }
}

impl Master<'_> {
    /// Asks for a worker, as soon as there is somebody to be asked.
    pub(in crate::master) fn expect_worker(
        &mut self,
        key: WorkerKey,
        generation: u32,
        cell: usize,
    ) -> Result<(), SpawnError> {
        let asked_at = crate::master::spawn::ticks();
        let zygote = self.find_zygote(generation)?;
        let listeners = self.blocking_listeners(key.slot, generation)?;
        let settings = &self.generations[&generation].settings;
        let cpus = binding::of(&settings.cpu_affinity, key.slot)?;
        let (foreign, output) = Foreign::of(settings)?;
        let known = &self.zygotes.by_number[&zygote].set;
        let mut set = self.variables(settings, key, generation, cell);
        set.retain(|variable| !known.contains(variable));
        let text = |text: std::ffi::OsString| text.to_string_lossy().into_owned();
        let request = Request {
            serial: key.serial,
            cpus: cpus.iter().flat_map(cpu::members).collect(),
            set: set.into_iter().map(|(name, value)| (text(name), text(value))).collect(),
            lock: false,
        };
        let expected = Expected {
            key,
            zygote,
            generation,
            cell,
            bound: settings.cpu_affinity != CpuAffinity::None,
            reopened: self.reopened,
            asked_at,
            foreign,
            letter: Some(Letter { request, output, listeners }),
            forked: None,
            leaves: None,
            lost: None,
        };
        self.zygotes.expected.insert(key.serial, expected);
        self.ask_zygote(zygote);
        Ok(())
    }

    /// Sends what it is ready for.
    fn ask_zygote(&mut self, number: u32) {
        let mut room = WINDOW.saturating_sub(self.zygotes.under_way(number));
        let Some(zygote) = self.zygotes.by_number.get(&number) else { return };
        if zygote.ready.is_none() || zygote.ended {
            return;
        }
        let wanted = |it: &Expected| it.zygote == number && it.letter.is_some();
        if !self.zygotes.expected.values().any(wanted) {
            return;
        }
        let mut refused = Vec::new();
        let lock = self.lock_for_worker();
        let expected = self.zygotes.expected.values_mut().filter(|it| it.zygote == number);
        for expected in expected {
            if room == 0 {
                break;
            }
            let Some(letter) = &mut expected.letter else { continue };
            let lock = match &lock {
                Ok(lock) => lock.as_ref(),
                Err(error) => {
                    refused.push((expected.key.serial, error.to_string()));
                    continue;
                }
            };
            letter.request.lock = lock.is_some();
            let mut along = vec![letter.output.as_fd()];
            along.extend(letter.listeners.iter().map(|listener| listener.as_fd()));
            along.extend(lock.map(OwnedFd::as_fd));
            match words::ask(&zygote.socket, &letter.request, &along) {
                Ok(()) => {
                    expected.letter = None;
                    room -= 1;
                }
                // There will be room when it has answered; or it has gone, which is told.
                Err(error) if error.raw_os_error() == Some(libc::EAGAIN) => break,
                Err(error) if error.raw_os_error() == Some(libc::EPIPE) => break,
                Err(error) => refused.push((expected.key.serial, error.to_string())),
            }
        }
        for (serial, reason) in refused {
            self.refuse(serial, reason);
        }
    }

    /// What zygotes and workers that were just born have said by now. The events that follow are in the queue.
    pub(in crate::master) fn take_all_births(&mut self) {
        let numbers: Vec<u32> = self.zygotes.by_number.keys().copied().collect();
        numbers.into_iter().for_each(|number| self.take_births(number));
    }

    pub(super) fn take_births(&mut self, number: u32) {
        for _ in 0..TURN {
            let Some(zygote) = self.zygotes.by_number.get_mut(&number) else { return };
            let Some((sender, word)) = words::hear(&zygote.socket) else { break };
            match word {
                Word::Ready => {
                    zygote.ready.get_or_insert_with(std::time::Instant::now);
                    tracing::debug!(pid = zygote.process.pid().as_raw(), "zygote ready");
                }
                Word::Failed(reason) => zygote.said = Some(reason),
                Word::Forked(serial, pid) => self.zygotes.note_forked(number, serial, pid),
                Word::Born(serial) => {
                    if let Some(sender) = sender {
                        self.greet(number, serial, sender);
                    }
                }
                Word::Refused(serial, reason) => self.refuse(serial, reason),
                // Nobody can ask it for anything.
                Word::Gone => {
                    self.poll.remove(&zygote.socket);
                    self.zygotes.abandon(number);
                    break;
                }
                Word::Strange => {
                    tracing::debug!(?sender, "a word that means nothing to a master");
                }
            }
        }
        self.ask_zygote(number);
    }

    /// A worker is there: this process, of which the kernel has told.
    fn greet(&mut self, number: u32, serial: u64, pid: Pid) {
        let awaited =
            |it: &Expected| it.zygote == number && it.letter.is_none() && it.lost.is_none();
        let is_awaited = self.zygotes.expected.get(&serial).is_some_and(awaited);
        // Nobody else reaps a child of ours: from here on its pid is its own.
        if !pidfd::is_child(pid) {
            if is_awaited {
                self.refuse(serial, "the forked process ended before it was known".to_owned());
            }
            return;
        }
        if !self.is_strange(pid) {
            return;
        }
        if !is_awaited {
            tracing::debug!(pid = pid.as_raw(), serial, "nobody waits for this worker");
            let _ = ph_signal::kill(pid.as_raw(), Signal::KILL);
            return;
        }
        let Some(expected) = self.zygotes.expected.remove(&serial) else { return };
        let Expected { key, generation, cell, bound, reopened, asked_at, foreign, leaves, .. } =
            expected;
        fork::lead_group(pid);
        if let Some(guard) = &self.guard {
            guard.watch(cell, pid);
        }
        let born = asked_at;
        let foreign = Some(Box::new(foreign));
        self.newborn.push(Newborn { key, generation, pid, cell, bound, reopened, born, foreign });
        self.register_newborn();
        match leaves {
            None => {}
            Some(Speed::Now) => {
                if let Some(child) = self.children.get(serial) {
                    end_group(child);
                }
            }
            Some(speed) => self.ask_to_stop(key, speed),
        }
    }

    /// An expected worker is to leave: at once if nobody was asked for it yet, and else as soon as it is there.
    pub(in crate::master) fn countermand(&mut self, worker: WorkerKey, speed: Speed) {
        let Some(expected) = self.zygotes.expected.get_mut(&worker.serial) else { return };
        expected.leaves = Some(speed);
        if expected.letter.is_some() && expected.lost.is_none() {
            self.forget_lost(worker.serial);
            self.queue.push_back(Event::Exited { worker, status: ExitStatus::Code(0) });
        }
    }

    /// There is no process for a worker, as if the master itself had not got one.
    fn refuse(&mut self, serial: u64, reason: String) {
        if let Some(expected) = self.zygotes.expected.remove(&serial) {
            self.children.cells.give_back(expected.cell);
            self.queue.push_back(Event::SpawnFailed { worker: expected.key, reason });
        }
    }

    /// A child that nobody knew has ended: perhaps an expected worker, before it could tell of itself.
    pub(in crate::master) fn miss(&mut self, pid: Pid, status: ExitStatus, used: Used) {
        let all = self.zygotes.expected.values_mut();
        let mut own = all.filter(|it| it.forked == Some(pid) && it.lost.is_none());
        if let Some(expected) = own.next() {
            let history = Box::new(History { used, ..History::default() });
            expected.lost = Some(Lost { pid: pid.as_raw(), history });
            self.queue.push_back(Event::Exited { worker: expected.key, status });
        }
    }

    /// The end of a zygote is that of all who are expected of it.
    pub(super) fn disappoint(
        &mut self,
        number: u32,
        zygote: &Zygote,
        status: ExitStatus,
        used: Used,
        reason: &str,
    ) {
        let all = self.zygotes.expected.values_mut();
        for expected in all.filter(|it| it.zygote == number && it.lost.is_none()) {
            let (output, said) = (zygote.output.clone(), zygote.said.clone());
            let history = History { output, said, used, ..History::default() };
            let pid = zygote.process.pid().as_raw();
            expected.lost = Some(Lost { pid, history: Box::new(history) });
            let (worker, reason) = (expected.key, reason.to_owned());
            self.queue.push_back(Event::BootFailed { worker, reason });
            self.queue.push_back(Event::Exited { worker, status });
        }
    }

    /// The arbiter has done with a worker that was never there.
    pub(in crate::master) fn forget_lost(&mut self, serial: u64) {
        if let Some(expected) = self.zygotes.expected.remove(&serial) {
            self.children.cells.give_back(expected.cell);
        }
    }
}
