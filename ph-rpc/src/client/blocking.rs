//! A client for many threads on one connection, without a thread of its own.
//!
//! Whoever waits for an answer reads, if nobody else does, and hands out whatever comes; the others wait to be told.
//! So a single caller pays for no switch between threads, and many share one connection. Who can't go on writing
//! reads as well: a server that waits for its answers to be read takes no more calls meanwhile.

use std::io::{ErrorKind, Write};
use std::marker::PhantomData;
use std::net::{TcpStream, ToSocketAddrs};
use std::path::Path;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rmpv::Value;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::desk::{self, Desk, Heard};
use super::error::CallError;
use super::options::{Notice, Options};
use super::stream::Stream;
use crate::codec::Decoder;
use crate::unix;

/// How long a write is stuck before its thread looks whether there is something to read.
const STUCK: Duration = Duration::from_millis(10);
/// The shortest time that is waited for something to read; the system knows no shorter one than a tick.
const LEAST: Duration = Duration::from_millis(1);

/// A connection to a msgpack-RPC server, for any number of threads: each method takes `&self`.
///
/// ```no_run
/// use ph_rpc::client::{Client, Options};
///
/// let client = Client::unix("app.sock", Options::default())?;
/// let sum: i64 = client.call("add", &(1, 2))?;
///
/// // Several under way:
/// let calls: Vec<_> = (0..10).map(|n| client.start::<i64, _>("add", &(n, n))).collect();
/// for call in calls {
///     println!("{}", call?.wait()?);
/// }
/// # Ok::<(), ph_rpc::client::CallError>(())
/// ```
#[derive(Debug)]
pub struct Client {
    writer: Mutex<Stream>,
    desk: Mutex<State>,
    /// Something was handed out, or nobody reads any more.
    turn: Condvar,
    options: Options,
    pack: Option<u32>,
}

#[derive(Debug)]
struct State {
    /// Each call that waits, with what was heard of it.
    desk: Desk<Option<Heard>>,
    /// Calls that nothing was heard of.
    unanswered: usize,
    /// None while somebody reads.
    reader: Option<Reader>,
}

#[derive(Debug)]
struct Reader {
    stream: Stream,
    decoder: Decoder,
    /// The stream's timeout.
    patience: Duration,
}

impl Client {
    /// Connects to a TCP address.
    ///
    /// # Errors
    ///
    /// [`CallError::Connect`] if there is no server.
    pub fn tcp(address: impl ToSocketAddrs, options: Options) -> Result<Self, CallError> {
        let mut failed = ErrorKind::AddrNotAvailable.into();
        for address in address.to_socket_addrs().map_err(CallError::Connect)? {
            match TcpStream::connect_timeout(&address, options.timeout) {
                Ok(stream) => return Self::on_tcp(stream, options),
                Err(error) => failed = error,
            }
        }
        Err(CallError::Connect(failed))
    }

    /// Connects to a Unix socket; its path may be longer than an address holds.
    ///
    /// # Errors
    ///
    /// [`CallError::Connect`] if there is no server.
    pub fn unix(path: impl AsRef<Path>, options: Options) -> Result<Self, CallError> {
        let stream = unix::connect(path.as_ref()).map_err(CallError::Connect)?;
        Self::on_unix(stream, options)
    }

    /// A client on a TCP stream that blocks.
    ///
    /// # Errors
    ///
    /// [`CallError::Connect`] if the stream is of no use.
    pub fn on_tcp(stream: TcpStream, options: Options) -> Result<Self, CallError> {
        stream.set_nodelay(true).map_err(CallError::Connect)?;
        Self::on(Stream::Tcp(stream), options)
    }

    /// A client on a Unix stream that blocks.
    ///
    /// # Errors
    ///
    /// As [`Client::on_tcp`].
    pub fn on_unix(
        stream: std::os::unix::net::UnixStream,
        options: Options,
    ) -> Result<Self, CallError> {
        Self::on(Stream::Unix(stream), options)
    }

    fn on(stream: Stream, options: Options) -> Result<Self, CallError> {
        stream.set_write_timeout(STUCK).map_err(CallError::Connect)?;
        let reader = Reader {
            stream: stream.try_clone().map_err(CallError::Connect)?,
            decoder: Decoder::new(options.limits),
            patience: Duration::ZERO,
        };
        let desk = Desk::new(&options);
        let desk = Mutex::new(State { desk, unanswered: 0, reader: Some(reader) });
        #[allow(unused_mut, reason = "it changes where payloads may be packed")]
        let mut client =
            Self { writer: Mutex::new(stream), desk, turn: Condvar::new(), options, pack: None };
        #[cfg(feature = "zlib")]
        if let Some(threshold) = client.options.zlib {
            match client.call::<bool, _>(crate::service::COMPRESS, &("zlib", threshold)) {
                Ok(agreed) => client.pack = agreed.then_some(threshold),
                Err(CallError::Refused(_)) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(client)
    }

    /// Calls a method and waits for its result. The parameters are a tuple, a `Vec` or the like; `&()` for none.
    ///
    /// # Errors
    ///
    /// [`CallError::Refused`] with the server's error, or why there is no answer.
    pub fn call<T, P>(&self, method: &str, params: &P) -> Result<T, CallError>
    where
        T: DeserializeOwned,
        P: Serialize + ?Sized,
    {
        self.start(method, params)?.wait()
    }

    /// Calls a method with values, for whoever does not know the types.
    ///
    /// # Errors
    ///
    /// As [`Client::call`].
    pub fn call_values(&self, method: &str, params: &[Value]) -> Result<Value, CallError> {
        self.call(method, params)
    }

    /// Sends a call and returns: several may be under way, and be answered in any order. It waits while as many are
    /// [as may be](Options::in_flight).
    ///
    /// # Errors
    ///
    /// As [`Client::call`].
    pub fn start<T, P>(&self, method: &str, params: &P) -> Result<Call<'_, T>, CallError>
    where
        T: DeserializeOwned,
        P: Serialize + ?Sized,
    {
        let deadline = Instant::now().checked_add(self.options.timeout);
        let most = self.options.in_flight.max(1);
        let msgid = self.until(deadline, |state| {
            (state.unanswered < most).then(|| {
                state.unanswered += 1;
                state.desk.enter(None)
            })
        })?;
        // From here on it is forgotten when it is dropped.
        let call = Call { client: self, msgid, deadline, result: PhantomData };
        let mut bytes = Vec::new();
        desk::write_call(&mut bytes, Some(msgid), method, params, self.pack)?;
        self.send(bytes, deadline)?;
        Ok(call)
    }

    /// Sends a notification, to which there is no answer.
    ///
    /// # Errors
    ///
    /// As [`Client::call`].
    pub fn notify<P: Serialize + ?Sized>(&self, method: &str, params: &P) -> Result<(), CallError> {
        let mut bytes = Vec::new();
        desk::write_call(&mut bytes, None, method, params, self.pack)?;
        self.send(bytes, Instant::now().checked_add(self.options.timeout))
    }

    /// Waits for a notification of the server's. They are kept only if [`Options::notices`] says so.
    ///
    /// # Errors
    ///
    /// As [`Client::call`].
    pub fn receive(&self, timeout: Duration) -> Result<Notice, CallError> {
        let deadline = Instant::now().checked_add(timeout);
        self.until(deadline, |state| state.desk.notices.pop_front())
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.desk.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until `done` finds what it looks for, and reads meanwhile if nobody else does.
    fn until<R>(
        &self,
        deadline: Option<Instant>,
        mut done: impl FnMut(&mut State) -> Option<R>,
    ) -> Result<R, CallError> {
        let mut state = self.lock();
        loop {
            if let Some(found) = done(&mut state) {
                return Ok(found);
            }
            if let Some(closed) = state.desk.closed() {
                return Err(closed);
            }
            let left =
                deadline.map_or(Duration::MAX, |at| at.saturating_duration_since(Instant::now()));
            if left.is_zero() {
                return Err(CallError::TimedOut);
            }
            state = match state.reader.take() {
                None => {
                    let waited = self.turn.wait_timeout(state, left);
                    waited.unwrap_or_else(PoisonError::into_inner).0
                }
                Some(reader) => {
                    drop(state);
                    let mut answer = Vec::new();
                    self.read(reader, left, &mut answer);
                    if !answer.is_empty() {
                        self.send(answer, deadline)?;
                    }
                    self.lock()
                }
            };
        }
    }

    /// Reads once and hands out what came, if anything did; appends what is to be sent in return.
    fn read(&self, mut reader: Reader, patience: Duration, answer: &mut Vec<u8>) -> bool {
        let read = reader.read(patience);
        let came = matches!(read, Ok(true));
        let mut state = self.lock();
        let State { desk, unanswered, .. } = &mut *state;
        let delivered = match read {
            Ok(_) => desk
                .deliver(&mut reader.decoder, answer, |waiting, msgid, heard| {
                    if let Some(place @ None) = waiting.get_mut(&msgid) {
                        *place = Some(heard);
                        *unanswered -= 1;
                    }
                })
                .map_err(|error| format!("the server sent {error}")),
            Err(reason) => Err(reason),
        };
        if let Err(reason) = delivered {
            desk.ended.get_or_insert(reason);
        }
        state.reader = Some(reader);
        drop(state);
        self.turn.notify_all();
        came
    }

    fn take_reader(&self) -> Option<Reader> {
        self.lock().reader.take()
    }

    /// Writes all of `bytes`.
    fn send(&self, mut bytes: Vec<u8>, deadline: Option<Instant>) -> Result<(), CallError> {
        let mut stream = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        let mut sent = 0;
        while sent < bytes.len() {
            if let Some(closed) = self.lock().desk.closed() {
                return Err(closed);
            }
            let error = match stream.write(&bytes[sent..]) {
                Ok(length) if length > 0 => {
                    sent += length;
                    continue;
                }
                Ok(_) => ErrorKind::WriteZero.into(),
                Err(error) => error,
            };
            match error.kind() {
                ErrorKind::Interrupted => {}
                ErrorKind::WouldBlock | ErrorKind::TimedOut => {
                    let is_late = || deadline.is_some_and(|at| at <= Instant::now());
                    // All there is: as long as it can send, a server may not read.
                    while let Some(reader) = self.take_reader()
                        && self.read(reader, LEAST, &mut bytes)
                        && !is_late()
                    {}
                    if is_late() {
                        if sent > 0 {
                            self.end("a message could be sent in part only".to_owned());
                        }
                        return Err(CallError::TimedOut);
                    }
                }
                _ => return Err(self.end(error.to_string())),
            }
        }
        Ok(())
    }

    fn end(&self, reason: String) -> CallError {
        let mut state = self.lock();
        state.desk.ended.get_or_insert_with(|| reason.clone());
        drop(state);
        self.turn.notify_all();
        CallError::Closed { reason }
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        self.writer.get_mut().unwrap_or_else(PoisonError::into_inner).shut_down();
    }
}

impl Reader {
    /// Reads once, for so long at most: whether anything came. An error is why the connection has ended.
    fn read(&mut self, patience: Duration) -> Result<bool, String> {
        // Less than what is left is as good, since the caller comes again: so it need not be set for each read.
        let patience = patience.clamp(LEAST, Duration::from_secs(3_600));
        if self.patience > patience || self.patience < patience / 4 {
            let some = (patience / 2).max(LEAST);
            self.stream.set_read_timeout(some).map_err(|error| error.to_string())?;
            self.patience = some;
        }
        match self.decoder.read_from(&mut self.stream) {
            Ok(0) => Err("the server closed it".to_owned()),
            Ok(_) => Ok(true),
            Err(error) => match error.kind() {
                ErrorKind::Interrupted | ErrorKind::WouldBlock | ErrorKind::TimedOut => Ok(false),
                _ => Err(error.to_string()),
            },
        }
    }
}

/// A call under way; dropping it gives it up.
#[derive(Debug)]
#[must_use = "its answer is dropped unless it is waited for"]
pub struct Call<'c, T> {
    client: &'c Client,
    msgid: u32,
    deadline: Option<Instant>,
    result: PhantomData<fn() -> T>,
}

impl<T: DeserializeOwned> Call<'_, T> {
    /// Waits for its result, until the time is over that began when it was sent.
    ///
    /// # Errors
    ///
    /// As [`Client::call`].
    pub fn wait(self) -> Result<T, CallError> {
        let msgid = self.msgid;
        let heard = self.client.until(self.deadline, |state| {
            let waiting = &mut state.desk.waiting;
            waiting.get(&msgid)?.as_ref()?;
            waiting.remove(&msgid)?
        })?;
        desk::read_heard(&heard, self.client.pack, &self.client.options)
    }
}

impl<T> Drop for Call<'_, T> {
    fn drop(&mut self) {
        let mut state = self.client.lock();
        if let Some(None) = state.desk.waiting.remove(&self.msgid) {
            state.unanswered = state.unanswered.saturating_sub(1);
        }
    }
}
