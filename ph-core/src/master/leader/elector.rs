//! The elector's process: started, heard, answered, and ended.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd as _, AsRawFd as _, BorrowedFd, OwnedFd, RawFd};

use nix::unistd::Pid;
use ph_signal::Signal;
use rustix::net::{AddressFamily, SocketFlags, SocketType, socketpair};

use super::{Candidacy, Master};
use crate::arbiter::Event;
use crate::elector::{
    self, Command, ELECTOR, Orders, Place, Received, Standing, VARIABLE, VERSION, Word,
};
use crate::log::Shelf;
use crate::master::poll::{Poll, Token};
use crate::slots::boot_clock;
use crate::sys::pidfd::PidFd;
use crate::sys::program;

/// The process that campaigns for this master.
pub(super) struct Elector {
    process: PidFd,
    socket: OwnedFd,
    /// Whether it has said that this master leads.
    pub(super) has_led: bool,
}

impl Elector {
    /// The one that this process has from the program that it was before.
    pub(super) fn resume(
        pid: Pid,
        socket: OwnedFd,
        has_led: bool,
        poll: &Poll,
    ) -> io::Result<Self> {
        let elector = Self { process: PidFd::open(pid)?, socket, has_led };
        elector.watch(poll)?;
        Ok(elector)
    }

    fn watch(&self, poll: &Poll) -> io::Result<()> {
        poll.add_once(&self.process, Token::ElectorDeath)?;
        poll.add(&self.socket, Token::Elector)?;
        Ok(())
    }

    pub(super) fn pid(&self) -> Pid {
        self.process.pid()
    }

    pub(super) fn socket(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }

    pub(super) fn hear(&self) -> io::Result<Received<Word>> {
        elector::receive(&self.socket)
    }

    pub(super) fn say(&self, command: Command) -> io::Result<()> {
        elector::send(&self.socket, &command)
    }

    /// Ends one that can't be talked to; its death is told by its pidfd.
    pub(super) fn give_up(&mut self, poll: &Poll) {
        poll.remove(&self.socket);
        self.kill();
    }

    pub(super) fn kill(&self) {
        let _ = self.process.kill_group();
        let _ = self.process.signal(Signal::KILL);
    }
}

impl Candidacy {
    /// The lease that another elector can go on with.
    fn resumable(&self) -> Option<Standing> {
        self.standing.filter(|standing| standing.deadline > boot_clock())
    }

    fn start(&self, app: &str, program: &std::path::Path) -> io::Result<Elector> {
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        let (socket, theirs) = socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, flags, None)?;
        let standing = self.resumable();
        let has_lock = self.shelf.as_ref().is_some_and(|shelf| shelf.look().is_ok());
        // Without the lock there is nothing to go on with.
        let resumes = matches!(self.place, Place::Etcd { .. }) || has_lock;
        let orders = Orders {
            version: VERSION,
            master: std::process::id() as i32,
            app: app.to_owned(),
            candidate: self.name.clone(),
            ttl: self.ttl,
            margin: self.margin,
            place: self.place.clone(),
            standing: standing.filter(|_| resumes),
            has_lock: has_lock && standing.is_some(),
            guards: (std::process::id() == 1).then_some(self.lead() / 2),
        };
        // First, so that there is no process if it can't be said.
        elector::send(&socket, &orders)?;
        let null = File::options().read(true).write(true).open("/dev/null")?;
        let errors = io::stderr();
        let mut descriptors = vec![null.as_fd(), null.as_fd(), errors.as_fd(), theirs.as_fd()];
        descriptors.extend(self.shelf.iter().map(Shelf::ends).flat_map(<[_; 2]>::from));
        let environment = std::env::vars_os().chain([(VARIABLE.into(), "1".into())]);
        let arguments = [program.as_os_str().to_owned(), ELECTOR.into()];
        let pid = program::spawn(arguments, environment, &descriptors).map_err(io::Error::other)?;
        Ok(Elector { process: PidFd::open(pid)?, socket, has_led: false })
    }
}

impl Master<'_> {
    #[inline(never)]
    pub(in crate::master) fn start_elector(&mut self) {
        let Some(candidacy) = &mut self.candidacy else { return };
        if candidacy.elector.is_some() {
            return;
        }
        let started = candidacy.start(&self.name, &self.program.path).and_then(|elector| {
            elector.watch(&self.poll).inspect_err(|_| elector.kill())?;
            Ok(elector)
        });
        candidacy.unanswered = None;
        match started {
            Ok(elector) => {
                tracing::debug!(pid = elector.pid().as_raw(), "the elector starts");
                candidacy.elector = Some(elector);
            }
            Err(error) => {
                let reason = format!("it cannot be started: {error}");
                self.queue.push_back(Event::ElectorEnded { reason });
            }
        }
    }

    /// It ended. Its last words come first.
    pub(in crate::master) fn mourn_elector(&mut self) {
        let elector = self.candidacy.as_ref().and_then(|candidacy| candidacy.elector.as_ref());
        let status = match elector.map(|elector| elector.process.look()) {
            Some(Ok(Some((status, _)))) => status,
            Some(Ok(None)) => return self.withheld.push(Token::ElectorDeath),
            Some(Err(_)) | None => return,
        };
        self.hear_elector();
        let Some(candidacy) = &mut self.candidacy else { return };
        if let Some(elector) = candidacy.elector.take() {
            self.poll.remove(&elector.socket);
            self.poll.remove(&elector.process);
            let _ = elector.process.reap();
        }
        self.feed(Event::ElectorEnded { reason: status.to_string() });
    }

    pub(in crate::master) fn kill_elector(&mut self) {
        if let Some(elector) = self.candidacy.as_ref().and_then(|it| it.elector.as_ref()) {
            tracing::warn!(
                "the elector is silent: killing it; a lease that it holds runs out by itself"
            );
            elector.kill();
        }
    }

    /// Ends the elector without a word to the store: another goes on with its lease.
    pub(in crate::master) fn dismiss_elector(&mut self) -> Option<Standing> {
        let candidacy = self.candidacy.as_mut()?;
        if let Some(elector) = candidacy.elector.take() {
            self.poll.remove(&elector.socket);
            self.poll.remove(&elector.process);
            elector.kill();
            // Too early, most likely; it is reaped as an orphan then.
            let _ = elector.process.reap();
        }
        candidacy.unanswered = None;
        candidacy.resumable()
    }

    /// An elector's numbers, for the program that this process becomes.
    pub(super) fn elector_open(&self) -> Option<(i32, RawFd, bool)> {
        let elector = self.candidacy.as_ref()?.elector.as_ref()?;
        Some((elector.pid().as_raw(), elector.socket().as_raw_fd(), elector.has_led))
    }
}
