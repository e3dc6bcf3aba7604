//! A connection as a coroutine has it.

use std::fmt;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::pin::Pin;
use std::task::{Context as Task, Poll, ready};
use std::time::Duration;

use ph_core::channel::Kind;
use rustix::io::Errno;
use rustix::net::{RecvFlags, SendFlags};
use tokio::io::{AsyncRead, AsyncWrite, Interest, ReadBuf};
use tokio::net::{TcpStream, UnixStream};

use crate::Context;
use crate::rest::Rest;
use crate::stream::{Socket, arrived};

enum Inner {
    Tcp(TcpStream),
    Unix(UnixStream),
}

/// Its calls are those of the kernel itself: the C library's make each a point where a thread can be cancelled, which
/// costs more than all of tokio's bookkeeping.
impl Inner {
    fn poll_read(&self, task: &mut Task<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        loop {
            ready!(match self {
                Self::Tcp(stream) => stream.poll_read_ready(task),
                Self::Unix(stream) => stream.poll_read_ready(task),
            })?;
            let space = buffer.initialize_unfilled();
            let room = space.len();
            // As read(2), without its way through what files have in common.
            let take = || Ok(rustix::net::recv(self, space, RecvFlags::empty())?);
            match self.attempt(Interest::READABLE, take) {
                Ok((count, _)) => {
                    buffer.advance(count);
                    if (1..room).contains(&count) {
                        // There is no more: that is known without another call.
                        let nothing = || Err::<(), _>(io::ErrorKind::WouldBlock.into());
                        let _ = self.attempt(Interest::READABLE, nothing);
                    }
                    return Poll::Ready(Ok(()));
                }
                Err(error) if is_temporary(&error) => {}
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
    }

    fn poll_write(&self, task: &mut Task<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        loop {
            // It is tried first: there is nearly always room. A client that has gone is an error, and no signal.
            match rustix::net::send(self, bytes, SendFlags::NOSIGNAL) {
                Ok(count) => return Poll::Ready(Ok(count)),
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => {
                    let nothing = || Err::<(), _>(io::ErrorKind::WouldBlock.into());
                    let _ = self.attempt(Interest::WRITABLE, nothing);
                    ready!(match self {
                        Self::Tcp(stream) => stream.poll_write_ready(task),
                        Self::Unix(stream) => stream.poll_write_ready(task),
                    })?;
                }
                Err(error) => return Poll::Ready(Err(error.into())),
            }
        }
    }

    fn attempt<T>(
        &self,
        interest: Interest,
        attempt: impl FnOnce() -> io::Result<T>,
    ) -> io::Result<T> {
        match self {
            Self::Tcp(stream) => stream.try_io(interest, attempt),
            Self::Unix(stream) => stream.try_io(interest, attempt),
        }
    }
}

fn is_temporary(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted)
}

/// A client's connection, in a coroutine.
///
/// Its reads end as those of a [`Stream`](crate::Stream) do: while no request is under way, when the worker is asked to
/// stop, or when the client has been silent for `timeout`.
pub struct AsyncStream {
    inner: Inner,
    context: Context,
    rest: Rest,
}

impl AsyncStream {
    pub(super) fn new(socket: Socket, unread: Vec<u8>, context: &Context) -> io::Result<Self> {
        let inner = match socket {
            Socket::Tcp(stream) => Inner::Tcp(TcpStream::from_std(stream)?),
            Socket::Unix(stream) => Inner::Unix(UnixStream::from_std(stream)?),
        };
        Ok(Self { inner, context: context.clone(), rest: Rest::new(unread) })
    }

    /// Puts bytes back: the next read, here or in the worker that goes on with the connection, begins with them.
    pub fn unread(&self, bytes: &[u8]) {
        self.rest.put_back(bytes);
    }

    /// Hands the connection to another worker, if there is a reason to and one to take it; closes it otherwise. Whether
    /// another has it, or will have.
    pub(super) async fn hand_on(self) -> bool {
        let post = std::sync::Arc::clone(self.context.post());
        let Some(channel) = post.way_on(&self.rest) else { return false };
        let unix = matches!(self.inner, Inner::Unix(_));
        let counted = self.context.visit().is_counted();
        let kind = Kind { unix, counted, master: self.context.post().master };
        let rest = self.rest.into_bytes();
        while let Err(error) = channel.give(self.inner.as_fd(), kind, &rest) {
            if error.kind() != io::ErrorKind::WouldBlock {
                tracing::warn!(%error, "cannot hand a connection on: it is closed");
                return false;
            }
            // As many are under way as the channel holds. Its other end is in no set of tokio's, and this is rare.
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        true
    }

    /// Whether another worker will go on with the connection, if `more` bytes of it are put back.
    #[cfg(feature = "rpc")]
    pub(super) fn can_move(&self, more: usize) -> bool {
        self.context.stop().is_asked()
            && !self.is_too_much(more)
            && self.context.post().way_on(&self.rest).is_some()
    }

    /// Whether that is more than can go along.
    #[cfg(feature = "rpc")]
    pub(super) fn is_too_much(&self, more: usize) -> bool {
        self.rest.len() + more > ph_core::channel::MOST_UNREAD
    }

    /// A read of what belongs to a request that has begun to come, whatever the worker was asked.
    #[cfg(feature = "rpc")]
    pub(super) fn poll_rest(
        &mut self,
        task: &mut Task<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        ready!(self.inner.poll_read(task, buffer))?;
        if buffer.filled().len() == before {
            self.rest.end();
        }
        Poll::Ready(Ok(()))
    }

    /// Has the kernel look now and then whether the other end still exists; it does for a Unix socket.
    #[cfg(feature = "rpc")]
    pub(super) fn set_keepalive(&self) -> io::Result<()> {
        match &self.inner {
            Inner::Tcp(stream) => Ok(rustix::net::sockopt::set_socket_keepalive(stream, true)?),
            Inner::Unix(_) => Ok(()),
        }
    }

    /// Who is at the other end, for people: `127.0.0.1:4711`, or `unix`.
    pub fn peer(&self) -> String {
        match &self.inner {
            Inner::Tcp(stream) => {
                stream.peer_addr().map_or("a client that has gone".to_owned(), |it| it.to_string())
            }
            Inner::Unix(_) => "unix".to_owned(),
        }
    }

    /// Sends small writes at once (`TCP_NODELAY`); nothing to do on a Unix socket.
    pub fn set_nodelay(&self, nodelay: bool) -> io::Result<()> {
        match &self.inner {
            Inner::Tcp(stream) => stream.set_nodelay(nodelay),
            Inner::Unix(_) => Ok(()),
        }
    }

    /// A read between two requests of a worker that is stopping: of what has arrived by now, and no more.
    fn read_last(&mut self, task: &mut Task<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let left = self.context.visit().last_call(|| arrived(&*self));
        if left == 0 {
            return Poll::Ready(Ok(()));
        }
        let mut most = buffer.take(usize::try_from(left).unwrap_or(usize::MAX));
        ready!(self.inner.poll_read(task, &mut most))?;
        let count = most.filled().len();
        if count == 0 {
            self.rest.end();
        }
        buffer.advance(count);
        self.context.visit().count_read(count);
        Poll::Ready(Ok(()))
    }
}

impl AsyncRead for AsyncStream {
    fn poll_read(
        self: Pin<&mut Self>,
        task: &mut Task<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.rest.len() > 0 {
            let count = this.rest.take(buffer.initialize_unfilled());
            buffer.advance(count);
            this.context.visit().touch();
            return Poll::Ready(Ok(()));
        }
        if this.context.visit().is_idle() && this.context.stop().is_asked() {
            return this.read_last(task, buffer);
        }
        let before = buffer.filled().len();
        match this.inner.poll_read(task, buffer) {
            Poll::Pending if this.context.visit().waiting().is_some() => {
                if this.context.cord().is_cut() {
                    // For its silence; a stop leaves it to another worker.
                    if !this.context.stop().is_asked() {
                        this.rest.end();
                    }
                    return Poll::Ready(Ok(()));
                }
                this.context.cord().wait(task.waker());
                Poll::Pending
            }
            read => {
                if buffer.filled().len() > before {
                    this.context.visit().touch();
                } else if read.is_ready() && buffer.remaining() > 0 {
                    this.rest.end();
                }
                read
            }
        }
    }
}

impl AsyncWrite for AsyncStream {
    fn poll_write(
        self: Pin<&mut Self>,
        task: &mut Task<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        this.context.visit().touch();
        this.inner.poll_write(task, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Task<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Task<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let ended = rustix::net::shutdown(&*this, rustix::net::Shutdown::Write);
        Poll::Ready(ended.map_err(Into::into))
    }
}

impl AsFd for Inner {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Self::Tcp(stream) => stream.as_fd(),
            Self::Unix(stream) => stream.as_fd(),
        }
    }
}

impl AsFd for AsyncStream {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.inner.as_fd()
    }
}

impl fmt::Debug for AsyncStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AsyncStream").field("fd", &self.as_fd()).finish()
    }
}
