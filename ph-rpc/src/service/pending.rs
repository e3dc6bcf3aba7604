//! Calls whose handlers wait for something.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};

use serde::Serialize;

use super::handler::Flow;
use super::reply::{Outcome, Reply};
use super::ticket::Ticket;
use crate::error::RpcError;

/// A future in a box, that writes its result when it is ready.
pub(super) type Work = Pin<Box<dyn PollReply + Send>>;

/// A future whose result is written where it is polled.
pub trait PollReply {
    /// Polls the future, and writes what it is ready with.
    fn poll_reply(self: Pin<&mut Self>, cx: &mut Context<'_>, reply: Reply<'_>) -> Poll<Outcome>;
}

impl<F, T> PollReply for Option<F>
where
    F: Future<Output = Result<T, RpcError>>,
    T: Serialize,
{
    fn poll_reply(self: Pin<&mut Self>, cx: &mut Context<'_>, reply: Reply<'_>) -> Poll<Outcome> {
        match self.as_pin_mut() {
            Some(future) => future.poll(cx).map(|result| reply.write(&result)),
            None => Poll::Ready(reply.error(&RpcError::failed("the call was answered before"))),
        }
    }
}

/// A box for a method's next future. A future must not move once it was polled, so it is in its box from the
/// beginning; the box of one that was ready at once is used again, and costs nothing.
#[derive(Debug)]
pub struct Spare<F>(Mutex<Option<Pin<Box<Option<F>>>>>);

impl<F> Default for Spare<F> {
    fn default() -> Self {
        Self(Mutex::new(None))
    }
}

impl<F> Spare<F> {
    /// Polls the future once. If it is not ready, whoever takes it must poll it again soon: nobody is woken for
    /// what becomes ready in between.
    pub(crate) fn begin<T>(&self, future: F, reply: Reply<'_>) -> Flow
    where
        F: Future<Output = Result<T, RpcError>> + Send + 'static,
        T: Serialize,
    {
        let mut place = self.take().unwrap_or_else(|| Box::pin(None));
        place.as_mut().set(Some(future));
        match place.as_mut().poll_reply(&mut Context::from_waker(Waker::noop()), reply) {
            Poll::Ready(outcome) => {
                place.as_mut().set(None);
                self.put(place);
                Flow::Done(outcome)
            }
            Poll::Pending => Flow::Pending(place),
        }
    }

    fn take(&self) -> Option<Pin<Box<Option<F>>>> {
        // If another thread has it just now, a new box does as well.
        self.0.try_lock().ok()?.take()
    }

    fn put(&self, place: Pin<Box<Option<F>>>) {
        if let Ok(mut spare) = self.0.try_lock() {
            *spare = Some(place);
        }
    }
}

/// A call whose handler waits: a future of its [`Answer`].
///
/// Poll it soon after [`Driver::pending`](super::Driver::pending) gave it, as spawning it does. Dropping it
/// cancels the handler; the call then needs another answer ([`Session::answer`](crate::Session::answer)).
pub struct Pending {
    ticket: Ticket,
    work: Work,
}

impl Pending {
    pub(crate) fn new(ticket: Ticket, work: Work) -> Self {
        Self { ticket, work }
    }

    /// Which call it is.
    #[must_use]
    pub fn ticket(&self) -> Ticket {
        self.ticket
    }

    /// Waits on this thread.
    #[must_use]
    pub fn wait(mut self) -> Answer {
        let waker = Waker::from(Arc::new(Unpark(thread::current())));
        loop {
            let mut cx = Context::from_waker(&waker);
            match Pin::new(&mut self).poll(&mut cx) {
                Poll::Ready(answer) => return answer,
                Poll::Pending => thread::park(),
            }
        }
    }
}

impl Future for Pending {
    type Output = Answer;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Answer> {
        let mut bytes = Vec::new();
        let ticket = self.ticket;
        let reply = Reply { out: &mut bytes, msgid: ticket.msgid, pack: None };
        self.work.as_mut().poll_reply(cx, reply).map(|outcome| Answer { ticket, outcome, bytes })
    }
}

impl fmt::Debug for Pending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pending").field("ticket", &self.ticket).finish_non_exhaustive()
    }
}

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// The answer to one call, encoded, on its way to the [`Session`](crate::Session) that the call came from.
#[derive(Debug)]
pub struct Answer {
    pub(crate) ticket: Ticket,
    pub(crate) outcome: Outcome,
    /// The response; empty for a notification.
    pub(crate) bytes: Vec<u8>,
}

impl Answer {
    /// Which call it is for.
    #[must_use]
    pub fn ticket(&self) -> Ticket {
        self.ticket
    }

    /// How the call ended.
    ///
    /// # Errors
    ///
    /// The code of its error.
    pub fn outcome(&self) -> Outcome {
        self.outcome
    }
}
