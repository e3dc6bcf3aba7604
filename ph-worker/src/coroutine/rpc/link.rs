//! One connection of an RPC worker: what comes is dispatched in one go, what is answered is written in one go.

use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context as Task, Poll};
use std::time::Instant;

use ph_rpc::{CodecError, Driver as _, Progress, Service, Session, Ticket};
use tokio::io::{AsyncRead as _, AsyncWrite as _, ReadBuf};

use super::calls::{self, Calls};
use super::{Buffer, CallContext, Server};
use crate::desk::Desk;
use crate::{AsyncStream, Context, Next, panics};

/// A connection and its calls.
pub(super) struct Link<C> {
    service: Arc<Service<C>>,
    desk: Arc<Desk>,
    context: Context,
    /// What handlers are given.
    given: C,
    session: Session,
    buffer: Buffer,
    stream: AsyncStream,
    calls: Calls,
    /// There may be whole messages that are not dispatched.
    fresh: bool,
    /// Nothing more is read: the client sends no more, or the worker ends and has all that had been sent.
    finished: bool,
    /// What came is not the protocol. What was answered before is sent still.
    broken: Option<CodecError>,
}

impl<C: CallContext> Link<C> {
    pub(super) fn new(server: &Server<C>, stream: AsyncStream, context: &Context) -> Self {
        Self {
            service: Arc::clone(&server.service),
            desk: Arc::clone(&server.desk),
            context: context.clone(),
            given: C::of(context),
            session: Session::default(),
            buffer: Rc::clone(&server.buffer),
            stream,
            calls: Calls::new(context, server),
            fresh: false,
            finished: false,
            broken: None,
        }
    }

    /// The connection, with what was read of it and not dispatched, for whoever can go on with it.
    pub(super) fn into_next(mut self) -> Next<AsyncStream> {
        if let Some(error) = self.broken {
            let peer = self.stream.peer();
            tracing::warn!(%error, %peer, "connection closed: its client does not speak msgpack-RPC");
            return Next::Close;
        }
        self.stream.unread(&self.session.take_unread());
        Next::HandOff(self.stream)
    }

    /// Until the connection is at its end, here at least: then nothing is under way, and all answers are sent.
    pub(super) fn poll(&mut self, task: &mut Task<'_>) -> Poll<io::Result<()>> {
        // For a stop, whatever else it waits for.
        self.context.cord().wait(task.waker());
        loop {
            // Whoever goes on with the connection has the rest of the calls.
            let moves = self.stream.can_move(self.session.buffered());
            if self.fresh && !moves && self.broken.is_none() {
                self.dispatch();
            }
            let (service, desk) = (&*self.service, &*self.desk);
            let told = |panic: &str| desk.panicked(panic);
            self.calls.poll(task, &mut self.session, |ticket| name(service, ticket), told);
            self.calls.settle(task);
            let all_sent = self.write(task)?;
            let done = self.session.in_flight() == 0 && all_sent;
            if moves || self.broken.is_some() {
                return if done { Poll::Ready(Ok(())) } else { Poll::Pending };
            }
            if self.fresh {
                // What it was full of may be less by now. If not, whatever makes it so wakes this coroutine.
                if self.session.wants_input() && self.calls.is_welcome() {
                    continue;
                }
                return Poll::Pending;
            }
            if self.finished {
                return if done { Poll::Ready(Ok(())) } else { Poll::Pending };
            }
            if !self.session.wants_input() {
                return Poll::Pending;
            }
            match self.read(task)? {
                Poll::Ready(0) => self.finished = true,
                Poll::Ready(_) => self.fresh = true,
                Poll::Pending => return Poll::Pending,
            }
        }
    }

    fn dispatch(&mut self) {
        let Self { service, session, given, calls, .. } = self;
        self.context.visit().begin_batch();
        let began = Instant::now();
        let dispatched = panics::catch(|| service.dispatch(session, given, calls));
        let dispatched = dispatched.unwrap_or_else(|panic| {
            if let Some(ticket) = calls.last {
                let error = calls::panicked(name(service, ticket));
                let outcome = session.answer::<()>(ticket, &Err(error));
                calls.ended(ticket, outcome);
            }
            self.desk.panicked(&panic);
            Ok(Progress::Full)
        });
        calls.end_batch(began.elapsed());
        self.context.visit().end_batch(std::mem::take(&mut calls.done));
        match dispatched {
            Ok(progress) => self.fresh = progress == Progress::Full,
            Err(error) => {
                self.calls.broke();
                self.broken = Some(error);
            }
        }
    }

    /// Sends what it can; whether that was all.
    fn write(&mut self, task: &mut Task<'_>) -> io::Result<bool> {
        while !self.session.output().is_empty() {
            match Pin::new(&mut self.stream).poll_write(task, self.session.output())? {
                Poll::Ready(0) => return Err(io::ErrorKind::WriteZero.into()),
                Poll::Ready(length) => self.session.sent(length),
                Poll::Pending => return Ok(false),
            }
        }
        Ok(true)
    }

    fn read(&mut self, task: &mut Task<'_>) -> io::Result<Poll<usize>> {
        let more = self.session.buffered();
        let mut buffer = self.buffer.borrow_mut();
        let mut bytes = ReadBuf::new(&mut buffer);
        let read = if self.stream.is_too_much(more) {
            self.stream.poll_rest(task, &mut bytes)
        } else {
            Pin::new(&mut self.stream).poll_read(task, &mut bytes)
        };
        let Poll::Ready(read) = read else { return Ok(Poll::Pending) };
        read?;
        self.session.feed(bytes.filled());
        Ok(Poll::Ready(bytes.filled().len()))
    }
}

fn name<C: 'static>(service: &Service<C>, ticket: Ticket) -> &str {
    service.methods().nth(ticket.method()).map_or("the method", |method| &method.name)
}
