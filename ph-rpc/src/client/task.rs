//! The task that has a client's connection, and that connection.

use std::io;
use std::sync::Arc;
use std::task::{Context, Poll};

use tokio::net::{TcpStream, UnixStream};

use super::asynchronous::{Shared, State};
use crate::codec::{Decoder, Limits};

/// Reads and writes before other tasks have their turn.
const TURNS: usize = 32;

/// One of the streams that a client can be on.
#[derive(Debug)]
pub(super) enum Stream {
    Tcp(TcpStream),
    Unix(UnixStream),
}

impl Stream {
    fn poll_read(&self, cx: &mut Context<'_>, bytes: &mut [u8]) -> Poll<io::Result<usize>> {
        loop {
            let (ready, read) = match self {
                Self::Tcp(stream) => (stream.poll_read_ready(cx), stream.try_read(bytes)),
                Self::Unix(stream) => (stream.poll_read_ready(cx), stream.try_read(bytes)),
            };
            match read {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    std::task::ready!(ready)?;
                }
                read => return Poll::Ready(read),
            }
        }
    }

    fn poll_write(&self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        loop {
            let (ready, written) = match self {
                Self::Tcp(stream) => (stream.poll_write_ready(cx), stream.try_write(bytes)),
                Self::Unix(stream) => (stream.poll_write_ready(cx), stream.try_write(bytes)),
            };
            match written {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    std::task::ready!(ready)?;
                }
                written => return Poll::Ready(written),
            }
        }
    }
}

/// The task that has the connection.
pub(super) struct Task {
    stream: Stream,
    decoder: Decoder,
    /// What is being written, and how much of it was.
    writing: Vec<u8>,
    written: usize,
    shared: Arc<Shared>,
}

impl Task {
    pub(super) fn new(stream: Stream, limits: Limits, shared: Arc<Shared>) -> Self {
        Self { stream, decoder: Decoder::new(limits), writing: Vec::new(), written: 0, shared }
    }

    /// Reads and writes what there is; ready with the reason why the connection has ended.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<String> {
        for _ in 0..TURNS {
            let wrote = self.poll_write(cx);
            let read = self.poll_read(cx);
            match (wrote, read) {
                (Poll::Ready(Err(reason)), _) | (_, Poll::Ready(Err(reason))) => {
                    return Poll::Ready(reason);
                }
                (Poll::Pending, Poll::Pending) => return Poll::Pending,
                _ => {}
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    /// Writes once. Pending if there is nothing to write, or no room.
    fn poll_write(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), String>> {
        if self.written == self.writing.len() {
            self.writing.clear();
            self.written = 0;
            let mut state = self.shared.lock();
            if state.out.is_empty() {
                if state.dropped {
                    return Poll::Ready(Err("nobody uses it".to_owned()));
                }
                state.idle = Some(cx.waker().clone());
                return Poll::Pending;
            }
            std::mem::swap(&mut self.writing, &mut state.out);
        }
        self.stream.poll_write(cx, &self.writing[self.written..]).map(|written| match written {
            Ok(0) => Err("it takes nothing".to_owned()),
            Ok(length) => {
                self.written += length;
                Ok(())
            }
            Err(error) => Err(error.to_string()),
        })
    }

    /// Reads once, and hands out what came.
    fn poll_read(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), String>> {
        let read = std::task::ready!(self.stream.poll_read(cx, self.decoder.space()));
        let length = match read {
            Ok(0) => return Poll::Ready(Err("the server closed it".to_owned())),
            Ok(length) => length,
            Err(error) => return Poll::Ready(Err(error.to_string())),
        };
        self.decoder.filled(length);
        let mut state = self.shared.lock();
        let State { desk, out, .. } = &mut *state;
        let delivered = desk.deliver(&mut self.decoder, out, |waiting, msgid, heard| {
            if let Some(tell) = waiting.remove(&msgid) {
                // It fails if the caller has given up just now.
                let _ = tell.send(heard);
            }
        });
        let noticed = !desk.notices.is_empty();
        drop(state);
        if noticed {
            self.shared.notice.notify_waiters();
        }
        Poll::Ready(delivered.map_err(|error| format!("the server sent {error}")))
    }
}
