//! The old master's side of an upgrade: starting the new one, and handing over to it.

use std::ffi::OsString;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::Arc;

use nix::unistd::Pid;
use ph_config::value::choice::UpgradeMode;
use ph_signal::Signal;
use rustix::net::{AddressFamily, SocketFlags, SocketType, socketpair};

use super::estate::{self, Heirloom, Identity, Words};
use super::poll::Token;
use super::predecessor::VARIABLE;
use super::{Errand, Master, QUESTION, Successor};
use crate::arbiter::Event;
use crate::elector::Standing;
use crate::listen::Listener;
use crate::sys::lock::PidFile;
use crate::sys::orphans;

/// How this program was started: what an upgrade starts again.
#[derive(Clone, Debug)]
pub struct Program {
    /// The path, absolute, with symbolic links as they were: what it leads to may be another file by now.
    pub path: PathBuf,
    /// The arguments after the program's name.
    pub arguments: Vec<OsString>,
    /// The working directory, to which the configuration's paths are relative.
    pub directory: PathBuf,
}

impl Successor {
    /// Whether this child of the master, or adopted one, is the successor or of its making.
    pub(super) fn owns(&self, child: &orphans::Child) -> bool {
        child.pid == self.pid || child.started >= self.started
    }
}

impl Master<'_> {
    #[inline(never)]
    pub(super) fn start_successor(&mut self) {
        let started = self.try_successor().and_then(|successor| {
            self.poll.add(&successor.socket, Token::Successor)?;
            Ok(successor)
        });
        match started {
            Ok(successor) => {
                let pid = successor.pid.as_raw();
                match successor.errand {
                    Errand::TakeOver => tracing::info!(pid, "another master starts"),
                    Errand::Answer => tracing::info!(pid, "the program on disk is asked first"),
                }
                self.successor = Some(successor);
            }
            Err(error) => {
                let path = self.program.path.display();
                let reason = format!("cannot start {path}: {error}");
                self.queue.push_back(Event::SuccessorFailed { reason });
            }
        }
    }

    fn try_successor(&self) -> io::Result<Successor> {
        let errand = self.errand()?;
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        let (socket, theirs) = socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, flags, None)?;
        rustix::io::ioctl_fionbio(&theirs, false)?;
        let lease = self.lease_to_hand_over()?;
        let (words, mut descriptors) = self.estate(lease.as_ref())?;
        let mut command = Command::new(&self.program.path);
        if errand == Errand::Answer {
            descriptors.clear();
            command.arg(QUESTION);
        }
        // First, so that there is no process if it can't be said.
        estate::bequeath(&socket, words, &descriptors)?;
        command.args(&self.program.arguments).current_dir(&self.program.directory);
        command.env(VARIABLE, "1").stdin(Stdio::from(theirs)).process_group(0);
        if let Some(manager) = &self.manager {
            command.envs(manager.environment());
        }
        let child = command.spawn()?;
        let pid = Pid::from_raw(child.id() as i32);
        let started = orphans::look(pid.as_raw()).map_or(u64::MAX, |child| child.started);
        Ok(Successor { socket, pid, started, errand })
    }

    /// How an upgrade goes: whether another process takes over, or this one becomes the other program.
    fn errand(&self) -> io::Result<Errand> {
        // Who starts everybody else can't leave.
        let init = std::process::id() == 1;
        match self.current().settings.upgrade_mode {
            UpgradeMode::Inplace => Ok(Errand::Answer),
            UpgradeMode::Auto if init => Ok(Errand::Answer),
            UpgradeMode::Handover if init => {
                Err(io::Error::other("upgrade_mode = handover can't be as PID 1; set inplace"))
            }
            UpgradeMode::Auto | UpgradeMode::Handover => Ok(Errand::TakeOver),
        }
    }

    /// What there is to hand over.
    fn estate<'a>(
        &'a self,
        lease: Option<&'a (Standing, Option<OwnedFd>)>,
    ) -> io::Result<(Words, Vec<BorrowedFd<'a>>)> {
        let current = self.current();
        let settings = &current.settings;
        let identity = Identity::of(settings);
        let number = (self.arbiter.configured(), self.arbiter.wanted());
        let mut words = Words::new(self.arbiter.generation(), number, identity);
        let mut descriptors = vec![self.control.as_fd()];
        descriptors.extend(self.locks.iter().map(AsFd::as_fd));
        words.locks = self.locks.len();
        if let Some(channel) = &self.channel {
            descriptors.extend([channel.giving(), channel.as_fd()]);
            words.has_channel = true;
        }
        if let Some((standing, lock)) = lease {
            words.lease = Some(*standing);
            words.has_lock = lock.is_some();
            descriptors.extend(lock.as_ref().map(AsFd::as_fd));
        }
        for listener in self.inheritance() {
            words.listeners.push(Heirloom::of(listener));
            descriptors.push(listener.as_fd());
        }
        for bundle in &self.bundles {
            let mut place = descriptors.len() as i32 - 1;
            words.bundles.push(bundle.carry(|_| {
                place += 1;
                place
            }));
            descriptors.extend(bundle.listeners().map(|listener| listener.as_fd()));
        }
        words.descriptors = self.descriptors;
        Ok((words, descriptors))
    }

    /// The listeners that go along: those that are open. Of a master that does not lead, those that were handed to it.
    pub(super) fn inheritance(&self) -> &[Arc<Listener>] {
        let listeners = &self.current().listeners;
        if listeners.is_empty() { &self.handed } else { listeners }
    }

    /// The successor said something, or has gone.
    pub(super) fn hear_successor(&mut self) {
        let Some(successor) = &self.successor else { return };
        let Some(word) = estate::hear(&successor.socket) else { return };
        if let Some(lease) = word.strip_prefix("lease ") {
            return self.hear_of_lease(lease);
        }
        if self.arbiter.is_handed_over() {
            // Whatever else it says is not for us; it may have gone.
            self.poll.remove(&successor.socket);
            return;
        }
        let answers = successor.errand == Errand::Answer;
        let event = match word.split_once(' ') {
            _ if word == "ready" && answers => Event::ProgramReady,
            _ if word == "ready" => return self.feed(Event::SuccessorReady),
            // It goes on telling of the lease, if there is one.
            _ if word == "taken" && self.candidacy.is_some() => {
                return self.feed(Event::SuccessorServes);
            }
            _ if word == "taken" => Event::SuccessorServes,
            Some(("failed", reason)) => Event::SuccessorFailed { reason: reason.to_owned() },
            _ => {
                let path = self.program.path.display();
                let what = if word.is_empty() {
                    "ended before it was ready"
                } else {
                    "answers what no master of this kind does"
                };
                Event::SuccessorFailed { reason: format!("{path} {what}") }
            }
        };
        self.poll.remove(&successor.socket);
        self.feed(event);
    }

    /// It is ready, and may have what two masters can't both have.
    pub(super) fn bequeath(&mut self) {
        // From here on the lease is renewed by the other's elector.
        self.dismiss_elector();
        self.pass_on_lease();
        let Some(successor) = &self.successor else { return };
        // If it has gone, its socket says so.
        let _ = estate::say(&successor.socket, "yours");
        if let Some(manager) = &self.manager {
            manager.name_successor(successor.pid.as_raw());
        }
    }

    /// From here on all that is this master's are its workers.
    #[inline(never)]
    pub(super) fn hand_over(&mut self) {
        let Some(successor) = &self.successor else { return };
        let pid = successor.pid.as_raw();
        self.control.give_up(&self.poll);
        self.current().listeners.iter().for_each(|listener| listener.disown());
        self.disown_bundles();
        // The successor writes its own over it.
        if let Some(pidfile) = self.pidfile.take() {
            pidfile.leave();
        }
        self.manager = None;
        // Its file is the successor's to rename.
        crate::log::set_limit(None);
        self.title.set(format_args!("ph: old master [{}]", self.name));
        tracing::info!(pid, "another master has taken over; this one sees its workers out");
    }

    /// Ends a successor that did not get there. What it started ends with it.
    #[inline(never)]
    pub(super) fn end_successor(&mut self) {
        let Some(Successor { socket, pid, .. }) = self.successor.take() else { return };
        self.poll.remove(&socket);
        self.recover_bundles();
        if self.candidacy.is_some() && self.elector_pid().is_none() && self.outcome.is_none() {
            self.start_elector();
        }
        self.stay(pid);
        // Our child until it is reaped, as an orphan is: its pid and group are nobody else's.
        let _ = ph_signal::killpg(pid.as_raw(), Signal::KILL);
        let _ = ph_signal::kill(pid.as_raw(), Signal::KILL);
    }

    /// Puts right what a successor may have put in its own name.
    fn stay(&mut self, successor: Pid) {
        let Some(path) = self.current().settings.pidfile.clone() else { return };
        if PidFile::read(&path).is_ok_and(|pid| pid == successor.as_raw() as u32) {
            match PidFile::write(&path) {
                Ok(pidfile) => self.pidfile = Some(pidfile),
                Err(error) => tracing::error!(%error, "the pidfile names a master that is gone"),
            }
        }
        if let Some(manager) = &self.manager {
            manager.serving(self.arbiter.role(), self.arbiter.wanted());
        }
    }
}
