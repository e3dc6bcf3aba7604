//! The control socket and its clients as data, when the process becomes another program: nobody is cut off, and whoever waits
//! for an answer gets it.

use std::io;
use std::os::fd::{AsFd as _, AsRawFd as _, BorrowedFd, OwnedFd, RawFd};
use std::os::unix::net::UnixStream;
use std::path::Path;

use ph_rpc::{Session, Suspended};
use serde::{Deserialize, Serialize};

use super::{BOUNDS, Client, Control, Following};
use crate::arbiter::Ticket;
use crate::listen::SocketFile;
use crate::master::poll::{Poll, Token};

/// The clients, what they have sent and what they are owed: for another program that is to go on with them.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(in crate::master) struct CarriedControl {
    pub(in crate::master) socket: RawFd,
    clients: Vec<CarriedClient>,
    waiting: Vec<(Ticket, u64, ph_rpc::Ticket)>,
    connected: u64,
    tickets: u64,
}

#[derive(Debug, Serialize, Deserialize)]
struct CarriedClient {
    id: u64,
    fd: RawFd,
    session: Suspended,
    finished: bool,
    follows: Option<Following>,
}

impl Control {
    /// Everything in words, and in numbers of descriptors.
    pub(in crate::master) fn carry(&self) -> CarriedControl {
        let client = |(&id, client): (&u64, &Client)| CarriedClient {
            id,
            fd: client.stream.as_raw_fd(),
            session: client.session.suspend(),
            finished: client.finished,
            follows: client.follows.clone(),
        };
        let waiting = self.waiting.iter().map(|(ticket, &(client, call))| (*ticket, client, call));
        CarriedControl {
            socket: self.listener.as_raw_fd(),
            clients: self.clients.iter().map(client).collect(),
            waiting: waiting.collect(),
            connected: self.connected,
            tickets: self.tickets,
        }
    }

    /// Every descriptor that goes along.
    pub(in crate::master) fn descriptors(&self) -> impl Iterator<Item = BorrowedFd<'_>> {
        let clients = self.clients.values().map(|client| client.stream.as_fd());
        [self.listener.as_fd()].into_iter().chain(clients)
    }

    /// What this process listened with at `path` when it was another program, and with whom it was connected.
    pub(in crate::master) fn resume(
        carried: CarriedControl,
        path: &Path,
        poll: &Poll,
        adopt: impl Fn(RawFd) -> io::Result<OwnedFd>,
    ) -> io::Result<Self> {
        let mut control = Self::of(adopt(carried.socket)?, SocketFile::of_another(path));
        control.file.claim();
        (control.connected, control.tickets) = (carried.connected, carried.tickets);
        let waiting = carried.waiting.into_iter();
        control.waiting = waiting.map(|(ticket, id, call)| (ticket, (id, call))).collect();
        for CarriedClient { id, fd, session, finished, follows } in carried.clients {
            let stream = UnixStream::from(adopt(fd)?);
            poll.add(&stream, Token::Client(id))?;
            let session = Session::resume(BOUNDS, session);
            let mut client = Client { finished, follows, ..Client::new(stream, session) };
            // There may be whole messages among what it had sent.
            client.fresh = true;
            control.clients.insert(id, client);
            control.flush(id, poll);
        }
        Ok(control)
    }
}
