//! Taking connections, apart from working on them: who accepts which, and when.
//!
//! The workers share the listeners. Each waits for them in an epoll set of its own with `EPOLLEXCLUSIVE`, so that a
//! connection wakes one worker and not all, and after each connection enters the listener anew: the kernel wakes whoever
//! has been in the queue longest, and without that it would always be the same one. With `accept = lock` they take
//! turns at a lock besides, held for one attempt. A worker that holds well more connections than the average leaves
//! the next to the others.

use std::io;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};
use ph_core::channel::{Channel, Moved};
use ph_core::listen::{Address, Listener};

use crate::context::Context;
use crate::desk::Desk;
use crate::gate::Gate;
use crate::hold::Hold;
use crate::post::Post;
use crate::stream::Socket;
use crate::visit::Origin;

/// A connection that this worker holds. Gives it back when dropped.
#[derive(Debug)]
pub(crate) struct Accepted {
    fd: OwnedFd,
    unix: bool,
    /// What another worker had read of it and not used.
    unread: Vec<u8>,
    origin: Origin,
    hold: Hold,
}

impl Accepted {
    /// Whether another worker has handed it on.
    pub(crate) fn is_moved(&self) -> bool {
        self.origin != Origin::Accepted
    }

    /// The socket, what was read from it before, and what must be kept as long as it is open. It begins its visit.
    pub(crate) fn open(self, cx: &Context) -> (Socket, Vec<u8>, Hold) {
        cx.visit().open(self.origin);
        (Socket::new(self.fd, self.unix), self.unread, self.hold)
    }
}

/// What an acceptor woke for.
#[derive(Debug)]
pub(crate) enum Event {
    /// A connection.
    Connection(Accepted),
    /// A signal, or somebody who rang the bell.
    Call,
}

/// One worker's way to the listeners.
pub(crate) struct Acceptor<'a> {
    post: Arc<Post>,
    epoll: Epoll,
    /// Whether the listeners are in the set.
    armed: bool,
    /// Who works on connections while this waits for the next one; nobody, where that is the same thread.
    crew: Option<&'a Desk>,
    gate: Gate,
    /// The system has no descriptor for another connection: so long this worker looks away.
    short: Option<Duration>,
    /// When that was said last.
    complained: Option<Instant>,
    /// Listeners that were reported readable and not looked at yet, the first one last; their number stands for the channel.
    ready: Vec<usize>,
    /// The others had left what was in the channel: what else is in there, clients that wait in the middle of their
    /// conversation, this worker takes without another pause.
    relieves: bool,
    /// Where what comes through the channel lands.
    landing: Vec<u8>,
    /// This worker leaves, and it alone was woken for a connection in the channel.
    owes: bool,
    /// This worker leaves, and its queues with it: until then it takes what was on its way to them.
    lingers: Option<Instant>,
}

/// So long, or half of `graceful_timeout`: for a handshake over any distance, with a packet lost on the way.
const ON_THEIR_WAY: Duration = Duration::from_secs(1);

/// Of a queue whose length the kernel does not tell, this much at most is served at a stop.
const UNKNOWN: u64 = 4096;
/// In the data of an epoll event: no listener, but a call.
const CALL: u64 = u64::MAX;
/// How long a worker waits for its turn under `accept = lock`, before it goes on without: a holder that was stopped
/// in that very moment must not stop the others.
const TURN: Duration = Duration::from_millis(100);
/// How long a worker looks away that can't accept for want of descriptors.
const SHORTAGE: Duration = Duration::from_millis(50);
/// How often it says so, as long as that lasts.
const COMPLAINT: Duration = Duration::from_secs(10);

impl<'a> Acceptor<'a> {
    /// The acceptor of a worker that hears of signals through `context`, and of its `crew` through the bell of that.
    pub(crate) fn new(context: &Context, crew: Option<&'a Desk>) -> io::Result<Self> {
        let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?;
        let call = || EpollEvent::new(EpollFlags::EPOLLIN, CALL);
        context.with_signals(|signals| signals.map_or(Ok(()), |fd| epoll.add(fd, call())))?;
        if let Some(desk) = crew {
            epoll.add(desk.bell(), call())?;
        }
        let post = Arc::clone(context.post());
        let gate = Gate::new(Arc::clone(&post));
        let (short, complained) = (None, None);
        let (ready, landing) = (Vec::new(), Vec::new());
        let (armed, relieves, owes, lingers) = (false, false, false, None);
        Ok(Self {
            post,
            epoll,
            armed,
            crew,
            gate,
            short,
            complained,
            ready,
            relieves,
            landing,
            owes,
            lingers,
        })
    }

    /// Whether a worker that was asked to leave goes on accepting: nobody inherits its queues, the kernel gives them no new
    /// client, but one that it had given to them before may not have connected yet.
    pub(crate) fn lingers(&mut self) -> io::Result<bool> {
        if !self.post.slot.is_last() || self.post.board.is_stopping() {
            return Ok(false);
        }
        let now = Instant::now();
        if let Some(until) = self.lingers {
            return Ok(now < until);
        }
        let grace = self.post.settings.graceful_timeout.map_or(ON_THEIR_WAY, |limit| limit / 2);
        // What is in the channel is for those who stay.
        self.owes = self.ready.contains(&self.post.listeners().len());
        self.arm(false)?;
        self.lingers = Some(now + grace.min(ON_THEIR_WAY));
        Ok(true)
    }

    fn channel(&self) -> Option<&Channel> {
        self.post.channel.as_deref().filter(|_| self.lingers.is_none())
    }

    /// Waits for a connection, if the worker is `willing` to take one, and for calls.
    pub(crate) fn wait(&mut self, willing: bool) -> io::Result<Option<Event>> {
        // First what this worker was woken for: nobody else was.
        while willing
            && self.armed
            && let Some(listener) = self.ready.pop()
        {
            if let Some(accepted) = self.accept(listener)? {
                return Ok(Some(Event::Connection(accepted)));
            }
        }
        if willing && self.relieves {
            if let Some(moved) = self.accept(self.post.listeners().len())? {
                return Ok(Some(Event::Connection(moved)));
            }
            self.relieves = false;
        }
        let short = self.short.take();
        let polite = if short.is_none() { self.gate.pause() } else { None };
        if let Some(desk) = self.crew.filter(|_| polite.is_some()) {
            // One connection less may be few enough.
            desk.listen();
        }
        let pause = short.or(polite);
        self.arm(willing && pause.is_none())?;
        let left = self.lingers.map(|until| until.saturating_duration_since(Instant::now()));
        let timeout = pause.filter(|_| willing).into_iter().chain(left).min();
        let timeout = timeout.map_or(EpollTimeout::NONE, |pause| {
            EpollTimeout::try_from(pause.as_millis() as i32).unwrap_or(EpollTimeout::MAX)
        });
        let mut events = [EpollEvent::empty(); 16];
        let count = match self.epoll.wait(&mut events, timeout) {
            Ok(count) => count,
            Err(Errno::EINTR) => return Ok(None),
            Err(errno) => return Err(errno.into()),
        };
        let mut called = false;
        // The first is the one that this worker was woken for, and the first to be popped.
        for event in events[..count].iter().rev() {
            match event.data() {
                CALL => called = true,
                listener => self.ready.push(listener as usize),
            }
        }
        if count == 0 && willing && polite.is_some() {
            // Whoever still waits was left by all the others as well: they are stopped, or have no room.
            if let Some(accepted) = self.take_from(0..=self.post.listeners().len())? {
                self.gate.was_needed();
                self.relieves = accepted.is_moved();
                return Ok(Some(Event::Connection(accepted)));
            }
        }
        Ok(called.then_some(Event::Call))
    }

    /// Another connection that another worker has handed on, without a wait, as long as this one does not hold too many.
    pub(crate) fn another_moved(&mut self) -> io::Result<Option<Accepted>> {
        if !self.armed || !self.gate.is_open() {
            return Ok(None);
        }
        self.accept(self.post.listeners().len())
    }

    /// Takes a connection that waits: one that another worker left, and up to `left` of the listeners' queues. `None` when there
    /// is no more to take.
    pub(crate) fn take_waiting(&mut self, left: &mut u64) -> io::Result<Option<Accepted>> {
        let channel = self.post.listeners().len();
        let queues = if *left == 0 { 0 } else { channel };
        // With a successor, that goes on with what others leave, once it hears of it.
        let owes = std::mem::take(&mut self.owes);
        let channel = (owes || self.post.board.is_stopping()).then_some(channel);
        let taken = self.take_from(channel.into_iter().chain(0..queues))?;
        *left = match &taken {
            Some(accepted) => left.saturating_sub(u64::from(accepted.origin == Origin::Accepted)),
            None => 0,
        };
        Ok(taken)
    }

    /// A connection of the first of these that has one.
    fn take_from(&mut self, sources: impl Iterator<Item = usize>) -> io::Result<Option<Accepted>> {
        for source in sources {
            if let Some(accepted) = self.accept(source)? {
                return Ok(Some(accepted));
            }
        }
        Ok(None)
    }

    /// Leaves the listeners, and says how many connections are to be taken before the worker itself leaves: those that it
    /// alone was woken for; without a successor, when the master stops or a queue of its own goes with it, those that
    /// wait now.
    pub(crate) fn last_call(&mut self) -> io::Result<u64> {
        let channel = self.post.listeners().len();
        let woken = self.ready.iter().filter(|source| **source != channel).count() as u64;
        self.owes |= self.ready.contains(&channel);
        self.arm(false)?;
        self.lingers = None;
        if !self.post.board.is_stopping() && !self.post.slot.is_last() {
            return Ok(woken);
        }
        let queues = self.post.listeners().iter();
        Ok(queues.map(|listener| listener.waiting().map_or(UNKNOWN, u64::from)).sum())
    }

    fn arm(&mut self, armed: bool) -> io::Result<()> {
        if self.armed == armed {
            return Ok(());
        }
        self.armed = armed;
        for (index, listener) in self.post.listeners().iter().enumerate() {
            if armed {
                self.epoll.add(listener, exclusive(index))?;
            } else {
                self.leave(listener)?;
            }
        }
        if let Some(channel) = self.channel() {
            if armed {
                self.epoll.add(channel, exclusive(self.post.listeners().len()))?;
            } else {
                self.epoll.delete(channel)?;
            }
        }
        self.ready.clear();
        Ok(())
    }

    /// One attempt at a listener.
    fn accept(&mut self, index: usize) -> io::Result<Option<Accepted>> {
        if !self.post.board.lease().is_good() {
            // This worker is about to be ended; another master may have taken over.
            self.short = Some(SHORTAGE);
            return Ok(None);
        }
        if !self.post.slot.claim().take() {
            // Retired by the master, which will say so by a signal.
            self.arm(false)?;
            return Ok(None);
        }
        let Some(listener) = self.post.listeners().get(index) else { return self.take_moved() };
        let flags = rustix::net::SocketFlags::CLOEXEC | rustix::net::SocketFlags::NONBLOCK;
        let accepted = {
            let (id, lock) = (self.post.id, self.post.lock);
            let _turn = lock.and_then(|lock| lock.take(id, TURN));
            rustix::net::accept_with(listener, flags)
        };
        match accepted {
            Ok(fd) => {
                let hold = Hold::of_connection(&self.post);
                self.post.slot.count_accepted();
                if self.armed && self.is_awaited() {
                    self.epoll.delete(listener)?;
                    self.epoll.add(listener, exclusive(index))?;
                }
                let unix = matches!(listener.address(), Address::Unix(_));
                let origin = Origin::Accepted;
                Ok(Some(Accepted { fd, unix, unread: Vec::new(), origin, hold }))
            }
            Err(errno) => {
                self.post.slot.claim().release();
                if errno == rustix::io::Errno::INVAL {
                    // The address was given up in a reload, and the master has closed it for everybody.
                    return self.leave(listener).map(|()| None);
                }
                self.excuse(errno.into()).map(|()| None)
            }
        }
    }

    /// Whether other workers wait for a connection, behind whom this one has to queue. Among workers that take one at a
    /// time, nobody does when there are as many connections as workers.
    fn is_awaited(&self) -> bool {
        let (board, workers) = (self.post.board, self.post.board.workers());
        workers > 1 && (self.crew.is_some() || board.connections() < i64::from(workers))
    }

    /// Takes a listener out of the set, if it is in there.
    fn leave(&self, listener: &Listener) -> io::Result<()> {
        match self.epoll.delete(listener) {
            Ok(()) | Err(Errno::ENOENT) => Ok(()),
            Err(errno) => Err(errno.into()),
        }
    }

    /// A connection that another worker hands on; the claim has counted it.
    fn take_moved(&mut self) -> io::Result<Option<Accepted>> {
        let channel = self.post.channel.as_ref();
        let moved = channel.map_or(Ok(None), |channel| channel.take(&mut self.landing));
        match moved {
            Ok(Some(Moved { fd, kind, unread })) => {
                let hold = Hold::of_moved(&self.post, kind.master);
                let origin = Origin::Moved { counted: kind.counted };
                Ok(Some(Accepted { fd, unix: kind.unix, unread, origin, hold }))
            }
            nothing => {
                self.post.slot.claim().release();
                nothing.map(|_| None).or_else(|error| self.excuse(error).map(|()| None))
            }
        }
    }

    /// What can be wrong with an attempt and is no reason to end.
    fn excuse(&mut self, error: io::Error) -> io::Result<()> {
        const SHORT: [i32; 4] = [libc::EMFILE, libc::ENFILE, libc::ENOBUFS, libc::ENOMEM];
        const BROKEN: [i32; 4] = [libc::EBADF, libc::EINVAL, libc::ENOTSOCK, libc::EFAULT];
        match error.raw_os_error() {
            Some(code) if SHORT.contains(&code) => {
                if self.complained.is_none_or(|at| at.elapsed() >= COMPLAINT) {
                    tracing::warn!(%error, "cannot accept; trying again");
                    self.complained = Some(Instant::now());
                }
                self.short = Some(SHORTAGE);
                Ok(())
            }
            Some(code) if BROKEN.contains(&code) => Err(error),
            // Another worker was faster, or the client has gone: accept(2) lists them.
            _ => Ok(()),
        }
    }
}

/// The event of a listener, which wakes one of those who wait for it.
fn exclusive(index: usize) -> EpollEvent {
    EpollEvent::new(EpollFlags::EPOLLIN | EpollFlags::EPOLLEXCLUSIVE, index as u64)
}
