//! One connection of a server: what came and is not answered, what is answered and not sent.

use std::io::{self, Read, Write};

use serde::{Deserialize, Serialize};

use crate::codec::{Decoder, Limits};
use crate::error::RpcError;
use crate::frame::NOTIFICATION;
use crate::service::{Answer, Outcome, Reply, Ticket, pack};
use crate::wire;

/// Output that grew beyond this, in bytes, is given back as soon as it is sent.
const KEEP: usize = 64 * 1024;

/// What a client may have at most, on one connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// A message.
    pub frame: Limits,
    /// Calls under way: those that wait for something, or for a thread.
    pub in_flight: u32,
    /// Bytes of answers that it has not read. Who reaches that is not asked for more; one answer may go
    /// beyond it.
    pub unread: usize,
}

impl Default for Bounds {
    /// 1 MiB a message, 1,024 calls, 1 MiB of answers.
    fn default() -> Self {
        Self { frame: Limits::default(), in_flight: 1024, unread: 1 << 20 }
    }
}

/// The state of one connection, without the connection: bytes go in, bytes come out.
///
/// In a loop: while [`Session::wants_input`], read into it; let a service
/// [dispatch](crate::Service::dispatch) what came; write what is [to be sent](Session::output).
#[derive(Debug)]
pub struct Session {
    pub(crate) decoder: Decoder,
    /// Parameters that came packed.
    pub(crate) unpacked: Vec<u8>,
    pub(crate) outbox: Outbox,
    pub(crate) refusal: Option<RpcError>,
    pub(crate) in_flight: u32,
    pub(crate) bounds: Bounds,
    /// A client may ask for packed payloads.
    pub(crate) may_pack: bool,
}

impl Default for Session {
    fn default() -> Self {
        Self::new(Bounds::default())
    }
}

impl Session {
    /// A connection that nothing has come from.
    #[must_use]
    pub fn new(bounds: Bounds) -> Self {
        Self {
            decoder: Decoder::new(bounds.frame),
            unpacked: Vec::new(),
            outbox: Outbox::default(),
            refusal: None,
            in_flight: 0,
            bounds,
            may_pack: false,
        }
    }

    /// Lets the client ask for compressed payloads, which costs some 50 µs for each that is over its threshold.
    #[cfg(feature = "zlib")]
    pub fn allow_zlib(&mut self) {
        self.may_pack = true;
    }

    /// True while more may be read. Otherwise the client has as many calls under way, or as many bytes of
    /// answers to read, as it may; what it sends stays with the kernel, and at last with itself.
    #[must_use]
    pub fn wants_input(&self) -> bool {
        self.in_flight < self.bounds.in_flight && self.output().len() < self.bounds.unread
    }

    /// Takes bytes in.
    pub fn feed(&mut self, bytes: &[u8]) {
        self.decoder.feed(bytes);
    }

    /// Room to read into, as [`Decoder::space`].
    pub fn space(&mut self) -> &mut [u8] {
        self.decoder.space()
    }

    /// So many bytes were read, as [`Decoder::filled`].
    ///
    /// # Panics
    ///
    /// If that is more than there was room for.
    pub fn filled(&mut self, length: usize) {
        self.decoder.filled(length);
    }

    /// Reads once: how many bytes came, 0 at the end of the stream.
    ///
    /// # Errors
    ///
    /// The stream's.
    pub fn read_from(&mut self, stream: &mut impl Read) -> io::Result<usize> {
        self.decoder.read_from(stream)
    }

    /// What is to be sent.
    #[must_use]
    pub fn output(&self) -> &[u8] {
        self.outbox.output()
    }

    /// So many bytes of [`Session::output`] were sent.
    pub fn sent(&mut self, length: usize) {
        self.outbox.sent(length);
    }

    /// Writes once: how many bytes went; 0 if there are none.
    ///
    /// # Errors
    ///
    /// The stream's; nothing went then.
    pub fn write_to(&mut self, stream: &mut impl Write) -> io::Result<usize> {
        if self.output().is_empty() {
            return Ok(0);
        }
        match stream.write(self.output())? {
            0 => Err(io::ErrorKind::WriteZero.into()),
            length => {
                self.sent(length);
                Ok(length)
            }
        }
    }

    /// Calls under way that the client waits for, or that somebody works on.
    #[must_use]
    pub fn in_flight(&self) -> usize {
        self.in_flight as usize
    }

    /// True if nothing is under way and nothing is to be sent: the connection can be closed, or go on elsewhere
    /// with what is [unread](Session::take_unread), and no client notices.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.in_flight == 0 && self.output().is_empty()
    }

    /// True if the stream would be cut inside a message if it ended here.
    #[must_use]
    pub fn is_mid_message(&self) -> bool {
        self.decoder.is_mid_message()
    }

    /// Bytes that came and were not dispatched.
    #[must_use]
    pub fn buffered(&self) -> usize {
        self.decoder.buffered()
    }

    /// Takes the bytes that came and were not dispatched. A session elsewhere that is fed with them goes on where
    /// this one is; if packed payloads were agreed on, the bytes say so first.
    pub fn take_unread(&mut self) -> Vec<u8> {
        let mut bytes = Vec::new();
        #[cfg(feature = "zlib")]
        if let Some(threshold) = self.outbox.pack {
            crate::zlib::agreement(&mut bytes, threshold);
        }
        bytes.extend_from_slice(self.decoder.unread());
        self.decoder = Decoder::new(self.bounds.frame);
        bytes
    }

    /// All there is of it, as data. What is under way stays so: its [tickets](Ticket) are good for the session that
    /// goes on from there.
    #[must_use]
    pub fn suspend(&self) -> Suspended {
        Suspended {
            unread: self.decoder.unread().to_vec(),
            unsent: self.output().to_vec(),
            in_flight: self.in_flight,
            pack: self.outbox.pack,
        }
    }

    /// Goes on where another session was [suspended](Session::suspend).
    #[must_use]
    pub fn resume(bounds: Bounds, suspended: Suspended) -> Self {
        let Suspended { unread, unsent, in_flight, pack } = suspended;
        let mut session = Self { in_flight, ..Self::new(bounds) };
        session.feed(&unread);
        session.outbox = Outbox { bytes: unsent, pack, ..Outbox::default() };
        session
    }

    /// From here on each call is answered with this error: [`RpcError::shutting_down`],
    /// [`RpcError::overloaded`]; `None` ends that.
    pub fn refuse(&mut self, refusal: Option<RpcError>) {
        self.refusal = refusal;
    }

    /// Answers a call that was left for [later](crate::Service::later), whose handler was given up, or whose handler
    /// panicked. So each call is answered once, notifications too: for those nothing is sent.
    pub fn answer<T: Serialize>(
        &mut self,
        ticket: Ticket,
        result: &Result<T, RpcError>,
    ) -> Outcome {
        self.in_flight = self.in_flight.saturating_sub(1);
        self.outbox.reply(ticket.msgid).write(result)
    }

    /// Takes the answer to a call that was pending, or run elsewhere.
    pub fn push(&mut self, answer: &Answer) {
        self.in_flight = self.in_flight.saturating_sub(1);
        let from = self.outbox.bytes().len();
        self.outbox.bytes().extend_from_slice(&answer.bytes);
        if let (Ok(()), Some(msgid)) = (answer.outcome, answer.ticket.msgid) {
            let threshold = self.outbox.pack;
            pack(self.outbox.bytes(), from + wire::response_length(msgid), threshold);
        }
    }

    /// Sends the client a notification; `params` is a tuple, an array or the like.
    ///
    /// # Errors
    ///
    /// [`RpcError::failed`] if the parameters can't be written, or are no array.
    pub fn notify<P: Serialize>(&mut self, method: &str, params: &P) -> Result<(), RpcError> {
        let out = self.outbox.bytes();
        let start = out.len();
        out.extend_from_slice(&[0x93, NOTIFICATION]);
        wire::text(out, method);
        let written = wire::params(out, params);
        if written.is_err() {
            out.truncate(start);
        }
        written.map_err(|error| RpcError::failed(error.to_string()))
    }

    /// Gives memory back that is not in use, as for a client that may long be silent.
    pub fn release(&mut self) {
        self.decoder.release();
        self.unpacked = Vec::new();
        if self.output().is_empty() {
            self.outbox = Outbox { pack: self.outbox.pack, ..Outbox::default() };
        }
    }
}

/// A session in words, for another program that goes on with the connection in this one's place.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Suspended {
    unread: Vec<u8>,
    unsent: Vec<u8>,
    in_flight: u32,
    pack: Option<usize>,
}

/// Answers that are to be sent.
#[derive(Debug, Default)]
pub(crate) struct Outbox {
    bytes: Vec<u8>,
    sent: usize,
    /// Where the answer of a handler begins that has not returned: if it panicked, what it left is no answer.
    begun: Option<usize>,
    /// The threshold from which on payloads are packed, where that was agreed.
    pub(crate) pack: Option<usize>,
}

impl Outbox {
    fn output(&self) -> &[u8] {
        &self.bytes[self.sent..self.begun.unwrap_or(self.bytes.len())]
    }

    /// The bytes to append to.
    #[inline]
    pub(crate) fn bytes(&mut self) -> &mut Vec<u8> {
        if let Some(begun) = self.begun.take() {
            self.bytes.truncate(begun);
        }
        &mut self.bytes
    }

    #[inline]
    pub(crate) fn reply(&mut self, msgid: Option<u32>) -> Reply<'_> {
        let pack = self.pack;
        Reply { out: self.bytes(), msgid, pack }
    }

    /// For a handler, to be [ended](Outbox::end) when it has returned.
    #[inline]
    pub(crate) fn begin(&mut self, msgid: Option<u32>) -> Reply<'_> {
        self.begun = Some(self.bytes().len());
        Reply { out: &mut self.bytes, msgid, pack: self.pack }
    }

    #[inline]
    pub(crate) fn end(&mut self) {
        self.begun = None;
    }

    fn sent(&mut self, length: usize) {
        let end = self.bytes().len();
        self.sent += length;
        assert!(self.sent <= end, "more was sent than there was");
        if self.sent == end {
            self.sent = 0;
            self.bytes.clear();
            if self.bytes.capacity() > KEEP {
                self.bytes = Vec::new();
            }
        } else if self.sent >= end - self.sent {
            self.bytes.drain(..self.sent);
            self.sent = 0;
        }
    }
}
