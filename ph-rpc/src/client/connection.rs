//! A blocking client on any stream.

use std::collections::VecDeque;
use std::io::{self, ErrorKind, Read, Write};

use rmpv::Value;

use crate::codec::{CodecError, Decoder, Limits};
use crate::error::RpcError;
use crate::message::{Message, encode};

/// What a client takes from its server, which it trusts further than a server does its clients.
const LIMITS: Limits = Limits { frame: 64 << 20, ..Limits::CONTROL };
/// How many messages may wait for somebody to ask for them.
const WAITING: usize = 65_536;

/// Why nothing was received.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The stream's read timeout passed. The connection remains usable: ask again, or give up.
    #[error("the server is silent")]
    Silent,
    /// The server closed the connection.
    #[error("the server closed the connection")]
    Closed,
    /// What came is not the protocol. Unless it is [`CodecError::NotRpc`], the connection is of no use.
    #[error("the server sent {0}")]
    Codec(#[from] CodecError),
    /// Too many messages came for others than the one that is waited for.
    #[error("the server sent more than {WAITING} messages that nobody took")]
    Flooded,
    /// The stream failed.
    #[error("cannot talk to the server: {0}")]
    Io(#[from] io::Error),
}

/// What a server sends.
#[derive(Debug, Clone, PartialEq)]
pub enum Incoming {
    /// The answer to the request with this id.
    Response {
        /// What [`Connection::request`] returned.
        msgid: u32,
        /// The outcome of the call.
        result: Result<Value, RpcError>,
    },
    /// Something that was not asked for, or was asked for once (a subscription).
    Notification {
        /// The method.
        method: String,
        /// The arguments.
        params: Vec<Value>,
    },
}

/// A connection to a msgpack-RPC server, over a stream that blocks: a `UnixStream`, a `TcpStream`.
///
/// Time limits are the stream's own (`set_read_timeout`): when one passes, [`ClientError::Silent`] is
/// returned and nothing is lost. Each read has the whole limit, so a server that goes on sending something
/// is not silent.
///
/// ```no_run
/// use std::os::unix::net::UnixStream;
/// use std::time::Duration;
///
/// use ph_rpc::client::Connection;
///
/// let stream = UnixStream::connect("app.sock")?;
/// stream.set_read_timeout(Some(Duration::from_secs(5)))?;
/// let mut connection = Connection::new(stream);
/// match connection.call("scale", vec![4.into()])? {
///     Ok(verdict) => println!("{verdict}"),
///     Err(refusal) => eprintln!("{refusal}"),
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Connection<S> {
    stream: S,
    decoder: Decoder,
    next_id: u32,
    /// Received while waiting for something else, in order.
    waiting: VecDeque<Incoming>,
}

impl<S: Read + Write> Connection<S> {
    /// A client on `stream`; messages of up to 64 MiB are taken.
    pub fn new(stream: S) -> Self {
        Self::with_limits(stream, LIMITS)
    }

    /// A client on `stream` that takes messages within these limits.
    pub fn with_limits(stream: S, limits: Limits) -> Self {
        Self { stream, decoder: Decoder::new(limits), next_id: 0, waiting: VecDeque::new() }
    }

    /// The stream, to change its timeouts.
    pub fn stream(&self) -> &S {
        &self.stream
    }

    /// Sends a request, and returns its id; the response is for [`Connection::wait`] or
    /// [`Connection::receive`]. Several may be under way, and be answered in any order.
    ///
    /// # Errors
    ///
    /// The stream's: part of the request may have been sent, so the connection is of no more use.
    pub fn request(&mut self, method: &str, params: Vec<Value>) -> io::Result<u32> {
        let msgid = self.next_id;
        self.next_id = self.next_id.wrapping_add(1);
        self.send(&Message::request(msgid, method, params))?;
        Ok(msgid)
    }

    /// Sends a notification, to which there is no answer.
    ///
    /// # Errors
    ///
    /// As [`Connection::request`].
    pub fn notify(&mut self, method: &str, params: Vec<Value>) -> io::Result<()> {
        self.send(&Message::notification(method, params))
    }

    fn send(&mut self, message: &Message) -> io::Result<()> {
        let mut bytes = Vec::new();
        encode(message, &mut bytes);
        self.stream.write_all(&bytes)?;
        self.stream.flush()
    }

    /// Calls a method, and waits for its outcome: the inner result is the server's, the outer one tells
    /// whether there is any. To come back after a silence, use [`Connection::request`] and
    /// [`Connection::wait`], which have the id.
    ///
    /// # Errors
    ///
    /// As [`Connection::receive`].
    pub fn call(
        &mut self,
        method: &str,
        params: Vec<Value>,
    ) -> Result<Result<Value, RpcError>, ClientError> {
        let msgid = self.request(method, params)?;
        self.wait(msgid)
    }

    /// Waits for the response to the request `msgid`; what else comes is kept for [`Connection::receive`].
    ///
    /// # Errors
    ///
    /// As [`Connection::receive`], and [`ClientError::Flooded`].
    pub fn wait(&mut self, msgid: u32) -> Result<Result<Value, RpcError>, ClientError> {
        let is_it = |incoming: &Incoming| matches!(incoming, Incoming::Response { msgid: id, .. } if *id == msgid);
        // What waits now was looked through once, and is not again.
        let mut came = self.waiting.iter().position(is_it).and_then(|at| self.waiting.remove(at));
        loop {
            match came {
                Some(Incoming::Response { msgid: id, result }) if id == msgid => return Ok(result),
                Some(_) if self.waiting.len() >= WAITING => return Err(ClientError::Flooded),
                Some(other) => self.waiting.push_back(other),
                None => {}
            }
            came = Some(self.read_next()?);
        }
    }

    /// The next response or notification, in the order of their arrival.
    ///
    /// A request of the server's is answered with an error, since nobody here could serve it.
    ///
    /// # Errors
    ///
    /// [`ClientError::Silent`] when the stream's read timeout passes, [`ClientError::Closed`] at its end,
    /// and otherwise the codec's or the stream's.
    pub fn receive(&mut self) -> Result<Incoming, ClientError> {
        match self.waiting.pop_front() {
            Some(incoming) => Ok(incoming),
            None => self.read_next(),
        }
    }

    fn read_next(&mut self) -> Result<Incoming, ClientError> {
        loop {
            match self.decoder.next_message()? {
                Some(Message::Response { msgid, result }) => {
                    return Ok(Incoming::Response {
                        msgid,
                        result: result.map_err(RpcError::from),
                    });
                }
                Some(Message::Notification { method, params }) => {
                    return Ok(Incoming::Notification { method, params });
                }
                Some(Message::Request { msgid, method, .. }) => {
                    let refusal =
                        RpcError::invalid_call(format!("{method}: this client serves no calls"));
                    self.send(&Message::failure(msgid, refusal))?;
                }
                None => self.read_more()?,
            }
        }
    }

    fn read_more(&mut self) -> Result<(), ClientError> {
        match self.decoder.read_from(&mut self.stream) {
            Ok(0) => Err(ClientError::Closed),
            Ok(_) => Ok(()),
            Err(error) => match error.kind() {
                ErrorKind::Interrupted => Ok(()),
                // Which of the two a timeout is depends on the system (`UnixStream::set_read_timeout`).
                ErrorKind::WouldBlock | ErrorKind::TimedOut => Err(ClientError::Silent),
                ErrorKind::ConnectionReset | ErrorKind::BrokenPipe => Err(ClientError::Closed),
                _ => Err(error.into()),
            },
        }
    }
}
