//! The control socket's server side: who is connected, what they have sent, what they are owed.
//!
//! A client costs its descriptor and at most a frame of memory. One that stalls, floods, sends garbage or goes
//! away is served, waited for or closed without anyone else noticing: all reads and writes are non-blocking, and
//! each turn takes a bounded bite.

mod carried;
mod followers;

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Write as _};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::time::Instant;

use nix::poll::{PollFd, PollFlags, PollTimeout};
use nix::sys::socket::{getsockopt, sockopt::PeerCredentials};
use ph_rpc::{Decoder, Limits, Message, RpcError, Value, encode};

pub(super) use carried::CarriedControl;
use followers::Following;

use super::poll::{Poll, Token};
use crate::arbiter::{Ticket, Verdict};
use crate::listen::{SocketFile, SocketFileError};

/// Connections held at once; beyond it, the one that has been silent longest goes.
const MOST_CLIENTS: usize = 512;
/// Answers that a client may leave unread, in bytes, before it is closed.
const MOST_UNREAD: usize = 4 << 20;

/// Descriptors held in reserve.
const SPARES: usize = 2;

/// Connections that wait while the loop is busy: as many as may be held.
const BACKLOG: u32 = MOST_CLIENTS as u32;

/// The listener and its clients.
pub(super) struct Control {
    listener: UnixListener,
    file: SocketFile,
    clients: BTreeMap<u64, Client>,
    waiting: BTreeMap<Ticket, (u64, u32)>,
    connected: u64,
    tickets: u64,
    /// Descriptors to give up when there are no others: one lets a client in, so that an operator can always see what
    /// is wrong; one is for a moment, to turn the next away instead of spinning.
    spares: Vec<File>,
    owner: u32,
}

struct Client {
    stream: UnixStream,
    decoder: Decoder,
    out: Vec<u8>,
    active: Instant,
    /// It sends no more; it may still wait for answers.
    finished: bool,
    follows: Option<Following>,
}

impl Control {
    /// Listens at `path`, mode 0600. A socket that nobody listens on is replaced; anything else is left alone.
    pub(super) fn bind(path: &Path) -> Result<Self, SocketFileError> {
        let (socket, file) = SocketFile::listen("the control socket", path, 0o600, BACKLOG)?;
        Ok(Self::of(socket, file))
    }

    fn of(socket: OwnedFd, file: SocketFile) -> Self {
        let mut control = Self {
            listener: UnixListener::from(socket),
            file,
            clients: BTreeMap::new(),
            waiting: BTreeMap::new(),
            connected: 0,
            tickets: 0,
            spares: Vec::new(),
            owner: nix::unistd::geteuid().as_raw(),
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
        if self.clients.len() >= MOST_CLIENTS {
            self.make_room(poll);
        }
        self.connected += 1;
        let id = self.connected;
        let ready =
            stream.set_nonblocking(true).is_ok() && poll.add(&stream, Token::Client(id)).is_ok();
        if ready {
            let decoder = Decoder::new(Limits::CONTROL);
            let (out, active) = (Vec::new(), Instant::now());
            let (finished, follows) = (false, None);
            self.clients.insert(id, Client { stream, decoder, out, active, finished, follows });
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

    /// Reads what a client sent, a bounded bite of it. `None` when there is no such client any more.
    pub(super) fn read(&mut self, id: u64, poll: &Poll) -> Option<Vec<Incoming>> {
        let client = self.clients.get_mut(&id)?;
        client.active = Instant::now();
        let mut broken = false;
        if !client.finished {
            match client.decoder.read_from(&mut client.stream) {
                Ok(0) => client.finished = true,
                Ok(_) => {}
                Err(error) if is_temporary(&error) => {}
                Err(_) => broken = true,
            }
        }
        let mut incoming = Vec::new();
        loop {
            match client.decoder.next_message() {
                Ok(Some(Message::Request { msgid, method, params })) => {
                    incoming.push(Incoming { msgid: Some(msgid), method, params });
                }
                Ok(Some(Message::Notification { method, params })) => {
                    incoming.push(Incoming { msgid: None, method, params });
                }
                // We ask nothing, so nothing can be an answer.
                Ok(Some(Message::Response { .. })) => {}
                Ok(None) => break,
                Err(error) => {
                    if let ph_rpc::CodecError::NotRpc { msgid: Some(msgid), .. } = &error {
                        let refusal = RpcError::invalid_call(error.to_string());
                        encode(&Message::failure(*msgid, refusal), &mut client.out);
                    }
                    if error.is_fatal() {
                        broken = true;
                        break;
                    }
                }
            }
        }
        if broken {
            self.close(id, poll);
            return None;
        }
        Some(incoming)
    }

    /// A ticket for a request whose answer comes later.
    pub(super) fn ticket(&mut self, client: u64, msgid: Option<u32>) -> Option<Ticket> {
        let msgid = msgid?;
        self.tickets += 1;
        let ticket = Ticket(self.tickets);
        self.waiting.insert(ticket, (client, msgid));
        Some(ticket)
    }

    /// Answers a ticket with the arbiter's verdict.
    pub(super) fn answer(&mut self, poll: &Poll, ticket: Ticket, verdict: &Verdict) {
        let Some((client, msgid)) = self.waiting.remove(&ticket) else { return };
        let outcome = match verdict {
            Verdict::Done => Ok(Value::from("ok")),
            // The protocol's own code for a failure is 0; the others are exit codes.
            Verdict::Failed { code, reason } => {
                Err(RpcError::new(if *code == 1 { 0 } else { *code }, reason.as_str()))
            }
        };
        self.reply(client, msgid, outcome);
        self.flush(client, poll);
    }

    /// Queues an answer.
    pub(super) fn reply(&mut self, id: u64, msgid: u32, outcome: Result<Value, RpcError>) {
        if let Some(client) = self.clients.get_mut(&id) {
            encode(&Message::response(msgid, outcome), &mut client.out);
        }
    }

    /// Writes what can be written now; closes a client that is done, gone, or never reads.
    pub(super) fn flush(&mut self, id: u64, poll: &Poll) {
        let Some(client) = self.clients.get_mut(&id) else { return };
        let mut gone = false;
        while !client.out.is_empty() {
            match client.stream.write(&client.out) {
                Ok(count) => drop(client.out.drain(..count)),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(_) => {
                    gone = true;
                    break;
                }
            }
        }
        client.catch_up();
        let owed = self.waiting.values().any(|(client, _)| *client == id);
        let done = client.finished && client.out.is_empty() && !owed;
        if gone || done || client.out.len() > MOST_UNREAD {
            self.close(id, poll);
            return;
        }
        // A client that doesn't read its answers is not asked for more questions.
        let (read, write) = (!client.finished && client.out.is_empty(), !client.out.is_empty());
        let _ = poll.interest(&client.stream, Token::Client(id), read, write);
    }

    /// Forgets a client and returns the tickets that nobody waits for any more.
    pub(super) fn close(&mut self, id: u64, poll: &Poll) {
        if let Some(client) = self.clients.remove(&id) {
            poll.remove(&client.stream);
            drop(client);
            self.keep_spares();
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

/// One thing that a client asks; without a message id, it wants no answer.
pub(super) struct Incoming {
    pub(super) msgid: Option<u32>,
    pub(super) method: String,
    pub(super) params: Vec<Value>,
}

impl AsFd for Control {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.listener.as_fd()
    }
}

fn is_temporary(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted)
}
