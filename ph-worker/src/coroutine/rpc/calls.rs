//! The calls of one connection whose handlers wait: polled in the connection's own coroutine, when one of them is woken.

use std::collections::VecDeque;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context as Task, Poll, Wake, Waker, ready};
use std::time::Duration;

use ph_rpc::service::Outcome;
use ph_rpc::{Answer, Driver, OwnedCall, Pending, Ran, RpcError, Session, Ticket};
use slab::Slab;
use tokio::time::{Instant, Sleep, sleep_until};

use super::Server;
use super::counts::Counts;
use super::room::{Place, Room};
use super::threads::{Errand, Threads};
use crate::{Context, panics};

/// What a connection has under way, and what is counted of it.
pub(super) struct Calls {
    context: Context,
    room: Rc<Room>,
    counts: Rc<Counts>,
    threads: Option<Threads>,
    place: Place,
    waiting: Slab<Waiting>,
    /// Those that `timeout` limits, by key and serial number, in the order in which they began. Some have ended.
    order: VecDeque<(usize, u64)>,
    serial: u64,
    alarm: Option<Pin<Box<Sleep>>>,
    woken: Arc<Woken>,
    /// The call that has begun last: if its handler panicked, this is who is to be told.
    pub(super) last: Option<Ticket>,
    /// Calls that were answered on the spot and are not counted yet.
    pub(super) done: u64,
    /// There was no room for a call.
    starved: bool,
}

struct Waiting {
    ticket: Ticket,
    work: Work,
    serial: u64,
    began: Instant,
    nudge: Arc<Nudge>,
    waker: Waker,
}

/// What a call waits for.
enum Work {
    /// Its handler, which waits for something itself.
    Handler(Pending),
    /// The thread that runs its handler.
    Thread(Errand),
}

impl Work {
    /// The answer, or the panic that the handler ended in.
    fn poll(&mut self, task: &mut Task<'_>) -> Poll<Result<Answer, String>> {
        loop {
            match self {
                Self::Handler(pending) => {
                    let polled = panics::catch(|| Pin::new(pending).poll(task));
                    return match polled {
                        Ok(polled) => polled.map(Ok),
                        Err(panic) => Poll::Ready(Err(panic)),
                    };
                }
                Self::Thread(errand) => match ready!(Pin::new(errand).poll(task)) {
                    Ok(Ran::Answer(answer)) => return Poll::Ready(Ok(answer)),
                    Ok(Ran::Pending(pending)) => *self = Self::Handler(pending),
                    // As where it is dispatched on the spot: nobody has the ticket.
                    Ok(Ran::Later(_)) => return Poll::Pending,
                    Err(panic) => return Poll::Ready(Err(panic)),
                },
            }
        }
    }
}

/// The calls that are to be polled, and the coroutine that polls them.
#[derive(Default)]
struct Woken(Mutex<(Vec<usize>, Option<Waker>)>);

/// What wakes one call. Any thread may.
struct Nudge {
    woken: Arc<Woken>,
    key: usize,
    queued: AtomicBool,
}

impl Calls {
    pub(super) fn new<C>(context: &Context, server: &Server<C>) -> Self {
        Self {
            context: context.clone(),
            room: Rc::clone(&server.room),
            counts: Rc::clone(&server.counts),
            threads: server.threads.clone(),
            place: Place::default(),
            waiting: Slab::new(),
            order: VecDeque::new(),
            serial: 0,
            alarm: None,
            woken: Arc::default(),
            last: None,
            done: 0,
            starved: false,
        }
    }

    /// If there was no room for a call, has `task` woken when there is; what is left is for others.
    pub(super) fn settle(&mut self, task: &Task<'_>) {
        if std::mem::take(&mut self.starved) {
            self.room.wait(&self.place, task.waker());
        }
        self.room.pass_on();
    }

    /// Whether there is room for a call.
    pub(super) fn is_welcome(&self) -> bool {
        self.room.is_free()
    }

    /// Polls those that were woken, and gives up those that are late. `told` is what is said of each panic; `name` is a
    /// method's.
    pub(super) fn poll<'s>(
        &mut self,
        task: &mut Task<'_>,
        session: &mut Session,
        name: impl Fn(Ticket) -> &'s str,
        told: impl Fn(&str),
    ) {
        if self.waiting.is_empty() {
            return;
        }
        for key in self.woken.take(task.waker()) {
            let Some(Waiting { ticket, work, nudge, waker, .. }) = self.waiting.get_mut(key) else {
                continue;
            };
            let ticket = *ticket;
            nudge.queued.store(false, SeqCst);
            match work.poll(&mut Task::from_waker(waker)) {
                Poll::Pending => {}
                Poll::Ready(Ok(answer)) => {
                    session.push(&answer);
                    let took = self.end(key);
                    self.counts.ended(answer.ticket(), answer.outcome(), took);
                }
                Poll::Ready(Err(panic)) => {
                    let outcome = session.answer::<()>(ticket, &Err(panicked(name(ticket))));
                    let took = self.end(key);
                    self.counts.ended(ticket, outcome, took);
                    told(&panic);
                }
            }
        }
        if let Some(limit) = self.context.config().timeout {
            self.give_up_the_late(task, session, limit, name);
        }
    }

    fn give_up_the_late<'s>(
        &mut self,
        task: &mut Task<'_>,
        session: &mut Session,
        limit: Duration,
        name: impl Fn(Ticket) -> &'s str,
    ) {
        loop {
            let is_waiting = |&(key, serial): &(usize, u64)| {
                self.waiting.get(key).is_some_and(|waiting| waiting.serial == serial)
            };
            // One that takes long keeps those that began after it and have ended.
            if self.order.len() > 2 * self.waiting.len() + 64 {
                self.order.retain(is_waiting);
            }
            let Some(oldest) = self.order.front() else { return };
            let key = oldest.0;
            if !is_waiting(oldest) {
                self.order.pop_front();
                continue;
            }
            let due = self.waiting[key].began + limit;
            let alarm = self.alarm.get_or_insert_with(|| Box::pin(sleep_until(due)));
            if alarm.deadline() != due {
                alarm.as_mut().reset(due);
            }
            if alarm.as_mut().poll(task).is_pending() {
                return;
            }
            let ticket = self.waiting[key].ticket;
            let error = RpcError::failed(format!("{} timed out after {limit:?}", name(ticket)));
            let _ = session.answer::<()>(ticket, &Err(error));
            let took = self.end(key);
            self.counts.timed_out(ticket, took);
        }
    }

    /// A call has ended, after so long.
    fn end(&mut self, key: usize) -> Duration {
        let took = self.waiting.remove(key).began.elapsed();
        self.room.leave();
        self.context.visit().end_waiting(took);
        took
    }

    /// What came is not the protocol.
    pub(super) fn broke(&self) {
        self.counts.broken();
    }

    /// All that was dispatched in one go is answered, or waits: it took so long.
    pub(super) fn end_batch(&self, took: Duration) {
        self.counts.end_batch(took);
    }
}

/// The error of a call whose handler panicked.
pub(super) fn panicked(method: &str) -> RpcError {
    RpcError::failed(format!("{method} panicked; the server's log says where"))
}

impl Driver for Calls {
    #[inline]
    fn has_room(&mut self) -> bool {
        self.starved = !self.room.is_free();
        !self.starved
    }

    #[inline]
    fn begun(&mut self, ticket: Ticket) {
        self.last = Some(ticket);
    }

    #[inline]
    fn ended(&mut self, ticket: Ticket, outcome: Outcome) {
        self.counts.answered(ticket, outcome);
        self.done += 1;
    }

    fn refused(&mut self, _: i64) {
        self.counts.refused();
        self.done += 1;
    }

    fn offload(&mut self, call: impl FnOnce() -> OwnedCall) -> bool {
        let Some(threads) = &self.threads else { return false };
        let call = call();
        let ticket = call.ticket();
        let errand = threads.run(call);
        self.wait_for(ticket, Work::Thread(errand));
        true
    }

    fn pending(&mut self, call: Pending) {
        self.wait_for(call.ticket(), Work::Handler(call));
    }
}

impl Calls {
    fn wait_for(&mut self, ticket: Ticket, work: Work) {
        self.room.enter();
        self.context.visit().begin_waiting();
        self.serial += 1;
        let place = self.waiting.vacant_entry();
        let (key, serial) = (place.key(), self.serial);
        let nudge =
            Arc::new(Nudge { woken: Arc::clone(&self.woken), key, queued: AtomicBool::new(true) });
        let waker = Waker::from(Arc::clone(&nudge));
        place.insert(Waiting { ticket, work, serial, began: Instant::now(), nudge, waker });
        // It was polled without anybody to wake.
        self.woken.lock().0.push(key);
        if self.context.config().timeout.is_some() {
            self.order.push_back((key, serial));
        }
    }
}

impl Drop for Calls {
    fn drop(&mut self) {
        for waiting in self.waiting.drain() {
            self.context.visit().end_waiting(waiting.began.elapsed());
            self.room.leave();
        }
        self.place = Place::default();
        self.room.pass_on();
    }
}

impl Woken {
    /// Those that were woken; from here on `waker` is.
    fn take(&self, waker: &Waker) -> Vec<usize> {
        let mut woken = self.lock();
        if !woken.1.as_ref().is_some_and(|known| known.will_wake(waker)) {
            woken.1 = Some(waker.clone());
        }
        std::mem::take(&mut woken.0)
    }

    fn lock(&self) -> MutexGuard<'_, (Vec<usize>, Option<Waker>)> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Wake for Nudge {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if !self.queued.swap(true, SeqCst) {
            let mut woken = self.woken.lock();
            woken.0.push(self.key);
            let waker = woken.1.clone();
            drop(woken);
            if let Some(waker) = waker {
                waker.wake();
            }
        }
    }
}
