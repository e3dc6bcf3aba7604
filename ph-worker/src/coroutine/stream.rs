//! A connection as a coroutine has it.

use std::fmt;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::pin::Pin;
use std::task::{Context as Task, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpStream, UnixStream};

use crate::Context;
use crate::stream::{Socket, arrived};

enum Inner {
    Tcp(TcpStream),
    Unix(UnixStream),
}

/// A client's connection, in a coroutine.
///
/// Its reads end as those of a [`Stream`](crate::Stream) do: while no request is under way, when the worker is asked to
/// stop, or when the client has been silent for `timeout`.
pub struct AsyncStream {
    inner: Inner,
    context: Context,
}

impl AsyncStream {
    pub(super) fn new(socket: Socket, context: &Context) -> io::Result<Self> {
        let inner = match socket {
            Socket::Tcp(stream) => Inner::Tcp(TcpStream::from_std(stream)?),
            Socket::Unix(stream) => Inner::Unix(UnixStream::from_std(stream)?),
        };
        Ok(Self { inner, context: context.clone() })
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

    fn read_inner(
        &mut self,
        task: &mut Task<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match &mut self.inner {
            Inner::Tcp(stream) => Pin::new(stream).poll_read(task, buffer),
            Inner::Unix(stream) => Pin::new(stream).poll_read(task, buffer),
        }
    }

    /// A read between two requests of a worker that is stopping: of what has arrived by now, and no more.
    fn read_last(&mut self, task: &mut Task<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let left = self.context.visit().last_call(|| arrived(&*self));
        if left == 0 {
            return Poll::Ready(Ok(()));
        }
        let mut most = buffer.take(usize::try_from(left).unwrap_or(usize::MAX));
        ready!(self.read_inner(task, &mut most))?;
        let count = most.filled().len();
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
        if this.context.visit().is_idle() && this.context.stop().is_asked() {
            return this.read_last(task, buffer);
        }
        let before = buffer.filled().len();
        match this.read_inner(task, buffer) {
            Poll::Pending if this.context.visit().waiting().is_some() => {
                if this.context.cord().is_cut() {
                    return Poll::Ready(Ok(()));
                }
                this.context.cord().wait(task.waker());
                Poll::Pending
            }
            read => {
                if buffer.filled().len() > before {
                    this.context.visit().touch();
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
        match &mut this.inner {
            Inner::Tcp(stream) => Pin::new(stream).poll_write(task, bytes),
            Inner::Unix(stream) => Pin::new(stream).poll_write(task, bytes),
        }
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

impl AsFd for AsyncStream {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match &self.inner {
            Inner::Tcp(stream) => stream.as_fd(),
            Inner::Unix(stream) => stream.as_fd(),
        }
    }
}

impl fmt::Debug for AsyncStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AsyncStream").field("fd", &self.as_fd()).finish()
    }
}
