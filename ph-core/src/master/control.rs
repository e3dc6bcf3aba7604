//! The control socket's server side: who is connected, what they have sent, what they are owed.
//!
//! A client costs its descriptor and at most a frame of memory. One that stalls, floods, sends garbage or goes
//! away is served, waited for or closed without anyone else noticing: all reads and writes are non-blocking, and
//! each turn takes a bounded bite. The protocol is `ph-rpc`'s: a [`Session`] for each client, one [`Service`] for all.

mod carried;
mod followers;
#[doc(hidden)]
pub mod fuzz;
mod methods;

use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::time::Instant;

use nix::poll::{PollFd, PollFlags, PollTimeout};
use nix::sys::socket::{getsockopt, sockopt::PeerCredentials};
use ph_rpc::{Bounds, Limits, Progress, RpcError, Service, Session, Value};

pub(super) use carried::CarriedControl;
use followers::Following;
pub(super) use methods::Request;
use methods::{Inbox, OneByOne};

use super::poll::{Poll, Token};
use crate::arbiter::{Ticket, Verdict};
use crate::listen::{SocketFile, SocketFileError};
use crate::sys::{fds, memory};

/// Connections held at once, and of all descriptors the part that they may be: workers need some as well. Beyond it, the one
/// that has been silent longest goes.
const MOST_CLIENTS: usize = 512;
const PART: usize = 4;

/// What a client may have at most: a message of 1 MiB, changes that it waits for, and answers that it has not read.
/// Who reaches either of these is not listened to until that is less.
const BOUNDS: Bounds = Bounds { frame: Limits::CONTROL, in_flight: 1024, unread: 64 << 10 };

/// Bytes of an answer from which on what it took is given back to the kernel: each later fork would copy the table of these pages.
const LARGE: usize = 64 << 10;

/// Descriptors held in reserve.
const SPARES: usize = 2;

/// Connections that wait while the loop is busy: as many as may be held.
const BACKLOG: u32 = MOST_CLIENTS as u32;

/// The listener and its clients.
pub(super) struct Control {
    listener: UnixListener,
    file: SocketFile,
    service: Service<Inbox>,
    clients: BTreeMap<u64, Client>,
    /// Who waits for which verdict.
    waiting: BTreeMap<Ticket, (u64, ph_rpc::Ticket)>,
    connected: u64,
    tickets: u64,
    /// Descriptors to give up when there are no others: one lets a client in, so that an operator can always see what
    /// is wrong; one is for a moment, to turn the next away instead of spinning.
    spares: Vec<File>,
    owner: u32,
    /// Clients at once.
    most: usize,
}

struct Client {
    stream: UnixStream,
    session: Session,
    active: Instant,
    /// Whole messages of its may lie there that nobody has looked at.
    fresh: bool,
    /// It sends no more; it may still wait for answers.
    finished: bool,
    follows: Option<Following>,
    /// Bytes that it was owed at most.
    owed: usize,
}

impl Control {
    /// Listens at `path`, mode 0600. A socket that nobody listens on is replaced; anything else is left alone.
    pub(super) fn bind(path: &Path) -> Result<Self, SocketFileError> {
        let (socket, file) = listen(path)?;
        Ok(Self::of(socket, file))
    }

    fn of(socket: OwnedFd, file: SocketFile) -> Self {
        let mut control = Self {
            listener: UnixListener::from(socket),
            file,
            service: methods::service(),
            clients: BTreeMap::new(),
            waiting: BTreeMap::new(),
            connected: 0,
            tickets: 0,
            spares: Vec::new(),
            owner: nix::unistd::geteuid().as_raw(),
            most: MOST_CLIENTS.min(fds::limit() / PART),
        };
        control.keep_spares();
        control
    }

    /// The socket that another master listens on, to be [claimed](Self::claim) when that leaves it.
    pub(super) fn succeed(socket: OwnedFd, path: &Path) -> Self {
        Self::of(socket, SocketFile::of_another(path))
    }

    /// It is this master's from here on. Who connects sees its pid (`SO_PEERCRED`, unix(7)), not that of who began to
    /// listen.
    pub(super) fn claim(&self) {
        self.file.claim();
        if let Err(errno) = rustix::net::listen(&self.listener, BACKLOG as i32) {
            tracing::warn!(%errno, "clients take this master for the former one");
        }
    }

    /// Listens at its path again, if the file has gone: somebody may have swept a directory of what is old.
    pub(super) fn restore(&mut self, poll: &Poll) {
        if self.file.is_there() {
            return;
        }
        let path = self.file.path().to_owned();
        match listen(&path) {
            Ok((socket, file)) => {
                poll.remove(&self.listener);
                (self.listener, self.file) = (socket.into(), file);
                match poll.add(&self.listener, Token::Control) {
                    Ok(()) => tracing::warn!("the control socket was gone, and is there again"),
                    Err(errno) => tracing::error!(%errno, "cannot listen to control clients"),
                }
            }
            Err(error) => tracing::error!(%error, "the control socket is gone"),
        }
    }

    /// It is another's from here on; those who are connected stay until they have their answers.
    pub(super) fn give_up(&self, poll: &Poll) {
        self.file.disown();
        poll.remove(&self.listener);
    }

    /// Takes everyone who waits to be connected.
    pub(super) fn accept(&mut self, poll: &Poll) {
        loop {
            match self.listener.accept() {
                Ok((stream, _)) => self.admit(stream, poll),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                Err(error)
                    if matches!(
                        error.kind(),
                        io::ErrorKind::Interrupted | io::ErrorKind::ConnectionAborted
                    ) => {}
                // Out of descriptors or memory: somebody must go, or the loop would spin over the one who waits.
                Err(_) => {
                    // The kernel says so even when nobody waits: then nobody must go for it.
                    if !self.somebody_waits() {
                        return;
                    }
                    if self.make_room(poll) {
                        continue;
                    }
                    if self.spares.pop().is_none() {
                        return;
                    }
                    if self.spares.is_empty() {
                        drop(self.listener.accept());
                        self.keep_spares();
                        tracing::warn!("out of descriptors: a control client was turned away");
                    }
                }
            }
        }
    }

    fn admit(&mut self, stream: UnixStream, poll: &Poll) {
        let peer = getsockopt(&stream, PeerCredentials).map(|peer| (peer.uid(), peer.pid()));
        match peer {
            Ok((uid, _)) if uid == self.owner || uid == 0 => {}
            Ok((uid, pid)) => {
                tracing::warn!(uid, pid, "control client of another user refused");
                return;
            }
            Err(_) => return,
        }
        if self.clients.len() >= self.most {
            self.make_room(poll);
        }
        self.connected += 1;
        let id = self.connected;
        let ready =
            stream.set_nonblocking(true).is_ok() && poll.add(&stream, Token::Client(id)).is_ok();
        if ready {
            self.clients.insert(id, Client::new(stream, Session::new(BOUNDS)));
        }
    }

    fn somebody_waits(&self) -> bool {
        let mut events = [PollFd::new(self.listener.as_fd(), PollFlags::POLLIN)];
        matches!(nix::poll::poll(&mut events, PollTimeout::ZERO), Ok(1..))
    }

    fn keep_spares(&mut self) {
        while self.spares.len() < SPARES
            && let Ok(spare) = File::open("/dev/null")
        {
            self.spares.push(spare);
        }
    }

    /// Closes the client that has been silent longest and waits for nothing, if there is one.
    fn make_room(&mut self, poll: &Poll) -> bool {
        let owed: Vec<u64> = self.waiting.values().map(|(client, _)| *client).collect();
        let idle = self.clients.iter().filter(|(id, _)| !owed.contains(id));
        let longest = idle.min_by_key(|(_, client)| client.active).map(|(&id, _)| id);
        if let Some(id) = longest {
            self.close(id, poll);
        }
        longest.is_some()
    }

    /// Reads what a client sent, a bounded bite of it.
    pub(super) fn read(&mut self, id: u64) {
        let Some(client) = self.clients.get_mut(&id) else { return };
        client.active = Instant::now();
        if client.finished || client.fresh {
            return;
        }
        match client.session.read_from(&mut client.stream) {
            Ok(0) => client.finished = true,
            Ok(_) => client.fresh = true,
            Err(error) if is_temporary(&error) => {}
            Err(_) => client.finished = true,
        }
    }

    /// The next thing that a client asks; what it asks in vain is answered here. It is to be [answered](Self::answer), or to
    /// get [a ticket](Self::ticket).
    pub(super) fn next(&mut self, id: u64, poll: &Poll) -> Option<(ph_rpc::Ticket, Request)> {
        let client = self.clients.get_mut(&id)?;
        if !client.fresh {
            return None;
        }
        let mut inbox = Inbox::None;
        let mut driver = OneByOne::default();
        match self.service.dispatch(&mut client.session, &mut inbox, &mut driver) {
            Ok(progress) => client.fresh = progress == Progress::Full,
            Err(_) => {
                // What was wrong with it, it may have been told already.
                let _ = client.session.write_to(&mut client.stream);
                self.close(id, poll);
            }
        }
        inbox
    }

    /// A ticket for a request whose answer comes later.
    pub(super) fn ticket(&mut self, client: u64, call: ph_rpc::Ticket) -> Option<Ticket> {
        if call.msgid().is_none() {
            self.answer(client, call, &Ok(Value::Nil));
            return None;
        }
        self.tickets += 1;
        let ticket = Ticket(self.tickets);
        self.waiting.insert(ticket, (client, call));
        Some(ticket)
    }

    /// Answers a ticket with the arbiter's verdict.
    pub(super) fn settle(&mut self, poll: &Poll, ticket: Ticket, verdict: &Verdict) {
        let Some((client, call)) = self.waiting.remove(&ticket) else { return };
        let outcome = match verdict {
            Verdict::Done => Ok(Value::from("ok")),
            // The protocol's own code for a failure is 0; the others are exit codes.
            Verdict::Failed { code, reason } => {
                Err(RpcError::new(if *code == 1 { 0 } else { *code }, reason.as_str()))
            }
        };
        self.answer(client, call, &outcome);
        self.flush(client, poll);
    }

    /// Queues an answer.
    pub(super) fn answer(
        &mut self,
        id: u64,
        call: ph_rpc::Ticket,
        outcome: &Result<Value, RpcError>,
    ) {
        if let Some(client) = self.clients.get_mut(&id) {
            let _ = client.session.answer(call, outcome);
            client.owed = client.owed.max(client.session.output().len());
        }
    }

    /// Drops what a client is owed that will not read it.
    pub(super) fn discard(&mut self, id: u64) {
        if let Some(Client { session, .. }) = self.clients.get_mut(&id) {
            session.sent(session.output().len());
        }
    }

    /// Writes what can be written now; closes a client that is done or gone.
    pub(super) fn flush(&mut self, id: u64, poll: &Poll) {
        let Some(client) = self.clients.get_mut(&id) else { return };
        let gone = client.write().is_err();
        client.catch_up();
        let done = client.finished && !client.fresh && client.session.is_idle();
        if gone || done {
            self.close(id, poll);
            return;
        }
        // Who has more to say than is heard at a time is heard next time round, which is as soon as it can be answered.
        let welcome = client.session.wants_input();
        let unread = !client.session.output().is_empty();
        let read = welcome && !client.finished && !client.fresh;
        let write = unread || (client.fresh && welcome);
        let _ = poll.interest(&client.stream, Token::Client(id), read, write);
    }

    /// Forgets a client.
    pub(super) fn close(&mut self, id: u64, poll: &Poll) {
        if let Some(client) = self.clients.remove(&id) {
            poll.remove(&client.stream);
            let owed = client.owed;
            drop(client);
            self.keep_spares();
            if owed > LARGE {
                memory::give_back();
            }
        }
    }

    /// Tickets of clients that have gone.
    pub(super) fn abandoned(&mut self) -> Vec<Ticket> {
        let gone = |client: &u64| !self.clients.contains_key(client);
        let tickets: Vec<Ticket> = self
            .waiting
            .iter()
            .filter(|(_, (client, _))| gone(client))
            .map(|(ticket, _)| *ticket)
            .collect();
        for ticket in &tickets {
            self.waiting.remove(ticket);
        }
        tickets
    }
}

impl Client {
    fn new(stream: UnixStream, session: Session) -> Self {
        let active = Instant::now();
        Self { stream, session, active, fresh: false, finished: false, follows: None, owed: 0 }
    }

    /// Sends as much of its answers as it takes now.
    fn write(&mut self) -> io::Result<()> {
        while !self.session.output().is_empty() {
            match self.session.write_to(&mut self.stream) {
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

impl AsFd for Control {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.listener.as_fd()
    }
}

fn listen(path: &Path) -> Result<(OwnedFd, SocketFile), SocketFileError> {
    SocketFile::listen("the control socket", path, 0o600, BACKLOG)
}

fn is_temporary(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted)
}
