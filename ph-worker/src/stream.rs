//! A connection as a blocking handler has it: a socket whose reads know of stops and of silent clients.

use std::fmt;
use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use nix::poll::PollFlags;
use ph_core::channel::Kind;

use crate::context::{Context, Woken};
use crate::post::Post;
use crate::rest::Rest;

/// A connected socket of either family.
#[derive(Debug)]
pub enum Socket {
    /// TCP, IPv4 or IPv6.
    Tcp(TcpStream),
    /// A Unix stream socket.
    Unix(UnixStream),
}

impl Socket {
    pub(crate) fn new(fd: OwnedFd, unix: bool) -> Self {
        if unix { Self::Unix(fd.into()) } else { Self::Tcp(fd.into()) }
    }

    /// Who is at the other end, for people: `127.0.0.1:4711`, or `unix`.
    pub(crate) fn peer(&self) -> String {
        match self {
            Self::Tcp(stream) => {
                stream.peer_addr().map_or("a client that has gone".to_owned(), |it| it.to_string())
            }
            Self::Unix(_) => "unix".to_owned(),
        }
    }

    fn set_nonblocking(&self, nonblocking: bool) -> io::Result<()> {
        match self {
            Self::Tcp(stream) => stream.set_nonblocking(nonblocking),
            Self::Unix(stream) => stream.set_nonblocking(nonblocking),
        }
    }
}

impl AsFd for Socket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Self::Tcp(stream) => stream.as_fd(),
            Self::Unix(stream) => stream.as_fd(),
        }
    }
}

/// A client's connection, in a worker that blocks.
///
/// Reads and writes block as those of a [`TcpStream`] do, with two differences while no request is under way, that is
/// before the first byte and between two [`Context::request`] guards: a read ends as if the client had hung
/// up when the worker is asked to stop, and when the client has been silent for `timeout`. What has arrived is read
/// first. A connection that the stop finds before its first byte gets a grace for it.
pub struct Stream {
    socket: Socket,
    context: Context,
    rest: Rest,
}

/// How long a stop waits for the first byte of a connection that was accepted before it, at most.
const GRACE: Duration = Duration::from_secs(5);

impl Stream {
    pub(crate) fn new(socket: Socket, unread: Vec<u8>, context: &Context) -> Self {
        Self { socket, context: context.clone(), rest: Rest::new(unread) }
    }

    /// Puts bytes back: the next read, here or in the worker that goes on with the connection, begins with them.
    pub fn unread(&self, bytes: &[u8]) {
        self.rest.put_back(bytes);
    }

    /// Hands the connection to another worker, if there is a reason to and one to take it; closes it otherwise. Whether
    /// another has it, or will have.
    pub(crate) fn hand_on(self) -> bool {
        let Some(channel) = self.context.post().way_on(&self.rest) else { return false };
        let unix = matches!(self.socket, Socket::Unix(_));
        let counted = self.context.visit().is_counted();
        let kind = Kind { unix, counted, master: self.context.post().master };
        let rest = self.rest.into_bytes();
        while let Err(error) = channel.give(self.socket.as_fd(), kind, &rest) {
            // As many are under way as the channel holds: whoever takes one makes room. At worst this worker's time is over.
            if error.kind() != io::ErrorKind::WouldBlock {
                tracing::warn!(%error, "cannot hand a connection on: it is closed");
                return false;
            }
            self.context.wait(Some((channel.giving(), PollFlags::POLLOUT)), false, None);
        }
        true
    }

    /// Who is at the other end, for people: `127.0.0.1:4711`, or `unix`.
    pub fn peer(&self) -> String {
        self.socket.peer()
    }

    /// Ends one direction or both, as `shutdown(2)` does.
    pub fn shutdown(&self, how: Shutdown) -> io::Result<()> {
        match &self.socket {
            Socket::Tcp(stream) => stream.shutdown(how),
            Socket::Unix(stream) => stream.shutdown(how),
        }
    }

    /// Sends small writes at once (`TCP_NODELAY`); nothing to do on a Unix socket.
    pub fn set_nodelay(&self, nodelay: bool) -> io::Result<()> {
        match &self.socket {
            Socket::Tcp(stream) => stream.set_nodelay(nodelay),
            Socket::Unix(_) => Ok(()),
        }
    }

    /// The socket itself, blocking, for those who do their own reading: from here on the connection counts as a
    /// request, a stop waits for it, and `timeout` limits it as a whole.
    pub fn into_socket(self) -> io::Result<Socket> {
        self.context.visit().touch();
        self.socket.set_nonblocking(false)?;
        Ok(self.socket)
    }

    /// One attempt at the socket itself.
    fn read_now(&self, buffer: &mut [u8]) -> io::Result<usize> {
        match &self.socket {
            Socket::Tcp(stream) => (&*stream).read(buffer),
            Socket::Unix(stream) => (&*stream).read(buffer),
        }
    }

    fn write_now(&self, bytes: &[u8]) -> io::Result<usize> {
        match &self.socket {
            Socket::Tcp(stream) => (&*stream).write(bytes),
            Socket::Unix(stream) => (&*stream).write(bytes),
        }
    }

    /// Waits for something to read. If that is not what it woke for, it is time to behave as if the client had hung up.
    fn wait_for_input(&self) -> Woken {
        let what = Some((self.socket.as_fd(), PollFlags::POLLIN));
        let context = &self.context;
        let Some(waited) = context.visit().waiting() else {
            // In the middle of a request: `timeout` is the master's to watch.
            return context.wait(what, false, None);
        };
        let most = context.config().timeout.map(|limit| limit.saturating_sub(waited));
        match context.wait(what, true, most) {
            // Between two requests: what has arrived by now is the last.
            Woken::Stop if context.visit().is_idle() => Woken::Ready,
            Woken::Stop => match context.wait(what, false, Some(grace(context.post(), most))) {
                Woken::Late => Woken::Stop,
                woken => woken,
            },
            woken => woken,
        }
    }
}

/// Bytes that can be read without waiting.
pub(crate) fn arrived(socket: impl AsFd) -> u64 {
    rustix::io::ioctl_fionread(socket).unwrap_or(0)
}

/// The grace for a first byte: it must not eat up the time in which the answer is made.
pub(crate) fn grace(post: &Post, most: Option<Duration>) -> Duration {
    let half = post.settings.graceful_timeout.map_or(GRACE, |limit| limit / 2);
    most.unwrap_or(GRACE).min(half).min(GRACE)
}

impl Read for &Stream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let visit = self.context.visit();
        if let count @ 1.. = self.rest.take(buffer) {
            visit.touch();
            return Ok(count);
        }
        loop {
            let mut most = buffer.len();
            if visit.is_idle() && self.context.is_stopping() {
                most = most.min(visit.last_call(|| arrived(&self.socket)) as usize);
                if most == 0 {
                    return Ok(0);
                }
            }
            match self.read_now(&mut buffer[..most]) {
                Ok(count) => {
                    if count > 0 {
                        visit.touch();
                        visit.count_read(count);
                    } else if !buffer.is_empty() {
                        self.rest.end();
                    }
                    return Ok(count);
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    match self.wait_for_input() {
                        Woken::Ready => {}
                        // Whoever goes on with it can.
                        Woken::Stop => return Ok(0),
                        Woken::Late => {
                            self.rest.end();
                            return Ok(0);
                        }
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }
}

impl Write for &Stream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.context.visit().touch();
        loop {
            match self.write_now(bytes) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    let what = Some((self.socket.as_fd(), PollFlags::POLLOUT));
                    self.context.wait(what, false, None);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                done => return done,
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Read for Stream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        (&*self).read(buffer)
    }
}

impl Write for Stream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        (&*self).write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl AsFd for Stream {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

impl fmt::Debug for Stream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Stream").field(&self.socket).finish()
    }
}
