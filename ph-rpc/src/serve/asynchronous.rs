//! The same in a task of tokio's.

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::task::JoinSet;

use crate::service::{Answer, Driver, Pending, Progress, Service};
use crate::session::Session;

/// Serves one connection in this task until its client hangs up. Calls whose handlers wait go on beside each other, as
/// tasks of their own; all others are answered on the spot, without a task.
///
/// # Errors
///
/// As [`serve`](super::serve).
pub async fn serve_async<S, C>(
    service: &Service<C>,
    session: &mut Session,
    stream: &mut S,
    cx: &mut C,
) -> io::Result<()>
where
    S: AsyncRead + AsyncWrite + Unpin,
    C: 'static,
{
    let mut serving =
        Serving { service, session, stream, calls: Calls::default(), finished: false };
    poll_fn(|task| serving.poll(task, cx)).await
}

/// The calls that wait; they are given up when the connection ends.
#[derive(Default)]
struct Calls(JoinSet<Answer>);

impl Driver for Calls {
    fn pending(&mut self, call: Pending) {
        self.0.spawn(call);
    }
}

struct Serving<'s, S, C> {
    service: &'s Service<C>,
    session: &'s mut Session,
    stream: &'s mut S,
    calls: Calls,
    /// The client sends no more; it may still wait for answers.
    finished: bool,
}

impl<S: AsyncRead + AsyncWrite + Unpin, C: 'static> Serving<'_, S, C> {
    fn poll(&mut self, task: &mut Context<'_>, cx: &mut C) -> Poll<io::Result<()>> {
        loop {
            let dispatched = self.service.dispatch(self.session, cx, &mut self.calls);
            // After the dispatch: what began there wakes this task as well.
            while let Poll::Ready(Some(ended)) = self.calls.0.poll_join_next(task) {
                match ended {
                    Ok(answer) => self.session.push(&answer),
                    // Nobody could say which call it was.
                    Err(panicked) => return Poll::Ready(Err(io::Error::other(panicked))),
                }
            }
            while !self.session.output().is_empty() {
                match Pin::new(&mut *self.stream).poll_write(task, self.session.output())? {
                    Poll::Ready(0) => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                    Poll::Ready(length) => self.session.sent(length),
                    // More can be read while it waits.
                    Poll::Pending if dispatched.is_ok() && !self.finished => break,
                    Poll::Pending => return Poll::Pending,
                }
            }
            match dispatched {
                Err(error) => return Poll::Ready(Err(super::invalid(error))),
                Ok(Progress::Full) if self.session.wants_input() => continue,
                // Whoever answers the next call wakes this task.
                Ok(Progress::Full) => return Poll::Pending,
                Ok(Progress::Hungry) if self.finished => {
                    if self.session.is_idle() {
                        return Poll::Ready(super::at_end(self.session));
                    }
                    return Poll::Pending;
                }
                Ok(Progress::Hungry) => ready!(self.poll_read(task))?,
            }
        }
    }

    fn poll_read(&mut self, task: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut bytes = ReadBuf::new(self.session.space());
        ready!(Pin::new(&mut *self.stream).poll_read(task, &mut bytes))?;
        let length = bytes.filled().len();
        self.finished = length == 0;
        self.session.filled(length);
        Poll::Ready(Ok(()))
    }
}
