//! The control socket and its clients as data, when the process becomes another program: nobody is cut off, and whoever waits
//! for an answer gets it.

use std::io;
use std::os::fd::{AsFd as _, AsRawFd as _, BorrowedFd, OwnedFd, RawFd};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Instant;

use ph_rpc::{Decoder, Limits};
use serde::{Deserialize, Serialize};

use super::{Client, Control, Following};
use crate::arbiter::Ticket;
use crate::listen::SocketFile;
use crate::master::poll::{Poll, Token};

/// The clients, what they have sent and what they are owed: for another program that is to go on with them.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(in crate::master) struct CarriedControl {
    pub(in crate::master) socket: RawFd,
    clients: Vec<CarriedClient>,
    waiting: Vec<(Ticket, u64, u32)>,
    connected: u64,
    tickets: u64,
}

#[derive(Debug, Serialize, Deserialize)]
struct CarriedClient {
    id: u64,
    fd: RawFd,
    unread: Vec<u8>,
    out: Vec<u8>,
    finished: bool,
    follows: Option<Following>,
}

impl Control {
    /// Everything in words, and in numbers of descriptors.
    pub(in crate::master) fn carry(&self) -> CarriedControl {
        let client = |(&id, client): (&u64, &Client)| CarriedClient {
            id,
            fd: client.stream.as_raw_fd(),
            unread: client.decoder.unread().to_vec(),
            out: client.out.clone(),
            finished: client.finished,
            follows: client.follows.clone(),
        };
        let waiting = |(ticket, &(client, msgid)): (&Ticket, &(u64, u32))| (*ticket, client, msgid);
        CarriedControl {
            socket: self.listener.as_raw_fd(),
            clients: self.clients.iter().map(client).collect(),
            waiting: self.waiting.iter().map(waiting).collect(),
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
        control.waiting = waiting.map(|(ticket, id, msgid)| (ticket, (id, msgid))).collect();
        for CarriedClient { id, fd, unread, out, finished, follows } in carried.clients {
            let stream = UnixStream::from(adopt(fd)?);
            let (mut decoder, active) = (Decoder::new(Limits::CONTROL), Instant::now());
            decoder.feed(&unread);
            poll.add(&stream, Token::Client(id))?;
            control.clients.insert(id, Client { stream, decoder, out, active, finished, follows });
            control.flush(id, poll);
        }
        Ok(control)
    }
}
