//! A client for tokio's tasks.
//!
//! One task of the runtime's has the connection: it writes what calls have left for it, as much as there is at once, and
//! hands out what comes. A call costs its bytes and a place to wait at.

use std::future::poll_fn;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Waker;

use rmpv::Value;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::net::{TcpStream, UnixStream};
use tokio::sync::{Notify, Semaphore, oneshot};

use super::desk::{self, Desk, Heard};
use super::error::CallError;
use super::options::{Notice, Options};
use super::task::{Stream, Task};
use crate::unix;

/// A connection to a msgpack-RPC server, for any number of tasks: cloning it gives another handle to the same
/// connection, which closes with the last of them.
///
/// ```no_run
/// # async fn example() -> Result<(), ph_rpc::client::CallError> {
/// use ph_rpc::client::{AsyncClient, Options};
///
/// let client = AsyncClient::unix("app.sock", Options::default()).await?;
/// let sum: i64 = client.call("add", &(1, 2)).await?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct AsyncClient(Arc<Handle>);

#[derive(Debug)]
struct Handle {
    shared: Arc<Shared>,
    room: Semaphore,
    options: Options,
    pack: Option<u32>,
}

/// What the handles and the task have in common.
#[derive(Debug)]
pub(super) struct Shared {
    state: Mutex<State>,
    /// A notification came, or the connection has ended.
    pub(super) notice: Notify,
}

#[derive(Debug)]
pub(super) struct State {
    pub(super) desk: Desk<oneshot::Sender<Heard>>,
    pub(super) out: Vec<u8>,
    /// The task, when it has nothing to do.
    pub(super) idle: Option<Waker>,
    /// There is no handle any more.
    pub(super) dropped: bool,
}

impl AsyncClient {
    /// Connects to a TCP address, as [`Client::tcp`](super::Client::tcp), within a runtime with I/O and time.
    ///
    /// # Errors
    ///
    /// [`CallError::Connect`] if there is no server, and [`CallError::TimedOut`].
    pub async fn tcp(
        address: impl tokio::net::ToSocketAddrs,
        options: Options,
    ) -> Result<Self, CallError> {
        let connecting = tokio::time::timeout(options.timeout, TcpStream::connect(address));
        let stream = connecting.await.map_err(|_| CallError::TimedOut)?;
        let stream = stream.map_err(CallError::Connect)?;
        Self::on_tcp(stream, options).await
    }

    /// Connects to a Unix socket; its path may be longer than an address holds.
    ///
    /// # Errors
    ///
    /// As [`AsyncClient::tcp`].
    pub async fn unix(path: impl AsRef<Path>, options: Options) -> Result<Self, CallError> {
        // A Unix socket is connected at once, or not at all.
        let connect = |path: &Path| {
            let stream = unix::connect(path)?;
            stream.set_nonblocking(true)?;
            UnixStream::from_std(stream)
        };
        let stream = connect(path.as_ref()).map_err(CallError::Connect)?;
        Self::on_unix(stream, options).await
    }

    /// A client on a TCP stream.
    ///
    /// # Errors
    ///
    /// As [`AsyncClient::tcp`].
    pub async fn on_tcp(stream: TcpStream, options: Options) -> Result<Self, CallError> {
        stream.set_nodelay(true).map_err(CallError::Connect)?;
        Self::on(Stream::Tcp(stream), options).await
    }

    /// A client on a Unix stream.
    ///
    /// # Errors
    ///
    /// As [`AsyncClient::tcp`].
    pub async fn on_unix(stream: UnixStream, options: Options) -> Result<Self, CallError> {
        Self::on(Stream::Unix(stream), options).await
    }

    async fn on(stream: Stream, options: Options) -> Result<Self, CallError> {
        let state =
            State { desk: Desk::new(&options), out: Vec::new(), idle: None, dropped: false };
        let shared = Arc::new(Shared { state: Mutex::new(state), notice: Notify::new() });
        let mut task = Task::new(stream, options.limits, Arc::clone(&shared));
        let tell = Arc::clone(&shared);
        tokio::spawn(async move { tell.end(poll_fn(|cx| task.poll(cx)).await) });
        let room = Semaphore::new(options.in_flight.clamp(1, Semaphore::MAX_PERMITS));
        let handle = Handle { shared, room, options, pack: None };
        #[cfg(feature = "zlib")]
        let handle = handle.agree().await?;
        Ok(Self(Arc::new(handle)))
    }

    /// Calls a method and waits for its result. The parameters are a tuple, a `Vec` or the like; `&()` for none.
    /// Dropping the future gives the call up.
    ///
    /// # Errors
    ///
    /// [`CallError::Refused`] with the server's error, or why there is no answer.
    pub async fn call<T, P>(&self, method: &str, params: &P) -> Result<T, CallError>
    where
        T: DeserializeOwned,
        P: Serialize + ?Sized,
    {
        self.0.call(method, params).await
    }

    /// Calls a method with values, for whoever does not know the types.
    ///
    /// # Errors
    ///
    /// As [`AsyncClient::call`].
    pub async fn call_values(&self, method: &str, params: &[Value]) -> Result<Value, CallError> {
        self.call(method, params).await
    }

    /// Leaves a notification to be sent, to which there is no answer.
    ///
    /// # Errors
    ///
    /// As [`AsyncClient::call`].
    pub fn notify<P: Serialize + ?Sized>(&self, method: &str, params: &P) -> Result<(), CallError> {
        let Handle { shared, pack, .. } = &*self.0;
        let mut state = shared.lock();
        if let Some(closed) = state.desk.closed() {
            return Err(closed);
        }
        state.write(None, method, params, *pack)
    }

    /// Waits for a notification of the server's. They are kept only if [`Options::notices`] says so.
    ///
    /// # Errors
    ///
    /// [`CallError::Closed`].
    pub async fn receive(&self) -> Result<Notice, CallError> {
        let shared = &self.0.shared;
        loop {
            // Registered before the look, so that nothing is missed in between.
            let told = shared.notice.notified();
            {
                let mut state = shared.lock();
                if let Some(notice) = state.desk.notices.pop_front() {
                    return Ok(notice);
                }
                if let Some(closed) = state.desk.closed() {
                    return Err(closed);
                }
            }
            told.await;
        }
    }
}

impl Handle {
    #[cfg(feature = "zlib")]
    async fn agree(mut self) -> Result<Self, CallError> {
        if let Some(threshold) = self.options.zlib {
            match self.call::<bool, _>(crate::service::COMPRESS, &("zlib", threshold)).await {
                Ok(agreed) => self.pack = agreed.then_some(threshold),
                Err(CallError::Refused(_)) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(self)
    }

    async fn call<T, P>(&self, method: &str, params: &P) -> Result<T, CallError>
    where
        T: DeserializeOwned,
        P: Serialize + ?Sized,
    {
        let heard = tokio::time::timeout(self.options.timeout, self.ask(method, params)).await;
        let heard = heard.map_err(|_| CallError::TimedOut)??;
        desk::read_heard(&heard, self.pack, &self.options)
    }

    async fn ask<P: Serialize + ?Sized>(
        &self,
        method: &str,
        params: &P,
    ) -> Result<Heard, CallError> {
        let _place = self.room.acquire().await;
        let (tell, told) = oneshot::channel();
        let waiting = {
            let mut state = self.shared.lock();
            if let Some(closed) = state.desk.closed() {
                return Err(closed);
            }
            let msgid = state.desk.enter(tell);
            let waiting = Waiting { shared: &self.shared, msgid };
            if let Err(error) = state.write(Some(msgid), method, params, self.pack) {
                drop(state);
                return Err(error);
            }
            waiting
        };
        let heard = told.await;
        drop(waiting);
        heard.map_err(|_| {
            let closed = self.shared.lock().desk.closed();
            closed.unwrap_or(CallError::Closed { reason: "the runtime is ending".to_owned() })
        })
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        let mut state = self.shared.lock();
        state.dropped = true;
        state.wake();
    }
}

/// A call that is forgotten when nobody waits for it any more.
struct Waiting<'s> {
    shared: &'s Shared,
    msgid: u32,
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.shared.lock().desk.waiting.remove(&self.msgid);
    }
}

impl Shared {
    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn end(&self, reason: String) {
        let mut state = self.lock();
        state.desk.ended.get_or_insert(reason);
        // Who waits is told by its sender's end.
        state.desk.waiting.clear();
        drop(state);
        self.notice.notify_waiters();
    }
}

impl State {
    fn write<P: Serialize + ?Sized>(
        &mut self,
        msgid: Option<u32>,
        method: &str,
        params: &P,
        pack: Option<u32>,
    ) -> Result<(), CallError> {
        let start = self.out.len();
        let written = desk::write_call(&mut self.out, msgid, method, params, pack);
        if written.is_err() {
            self.out.truncate(start);
        }
        self.wake();
        Ok(written?)
    }

    fn wake(&mut self) {
        if let Some(task) = self.idle.take() {
            task.wake();
        }
    }
}
