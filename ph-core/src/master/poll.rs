//! The epoll set, and what its events mean.

use std::os::fd::AsFd;
use std::time::Instant;

use nix::errno::Errno;
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};

/// Whom an event concerns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Token {
    /// Signals are pending.
    Signals,
    /// The guard died.
    Guard,
    /// Somebody connects to the control socket.
    Control,
    /// A client of the control socket can be read or written.
    Client(u64),
    /// Workers said something.
    Reports,
    /// The worker of this serial number ended.
    Death(u64),
    /// Names are resolved.
    Resolver,
    /// Somebody connects to a listener that is watched.
    Listener,
    /// The master that is to succeed this one said something.
    Successor,
    /// The master that this one is to succeed did.
    Predecessor,
    /// The program of this serial number printed something.
    Output(u64),
    /// Programs told something.
    Notices,
    /// The elector said something, or has gone.
    Elector,
    /// The elector ended.
    ElectorDeath,
    /// The lease is over.
    Lease,
}

/// The kind is in the upper byte: serial numbers don't come near 2^56.
const KIND: u32 = 56;

impl Token {
    fn pack(self) -> u64 {
        let (kind, number) = match self {
            Self::Signals => (0, 0),
            Self::Guard => (1, 0),
            Self::Control => (2, 0),
            Self::Client(id) => (3, id),
            Self::Reports => (4, 0),
            Self::Death(serial) => (5, serial),
            Self::Resolver => (6, 0),
            Self::Listener => (7, 0),
            Self::Successor => (8, 0),
            Self::Predecessor => (9, 0),
            Self::Output(serial) => (10, serial),
            Self::Notices => (11, 0),
            Self::Elector => (12, 0),
            Self::ElectorDeath => (13, 0),
            Self::Lease => (14, 0),
        };
        kind << KIND | number
    }

    fn unpack(data: u64) -> Option<Self> {
        let number = data & ((1 << KIND) - 1);
        match data >> KIND {
            0 => Some(Self::Signals),
            1 => Some(Self::Guard),
            2 => Some(Self::Control),
            3 => Some(Self::Client(number)),
            4 => Some(Self::Reports),
            5 => Some(Self::Death(number)),
            6 => Some(Self::Resolver),
            7 => Some(Self::Listener),
            8 => Some(Self::Successor),
            9 => Some(Self::Predecessor),
            10 => Some(Self::Output(number)),
            11 => Some(Self::Notices),
            12 => Some(Self::Elector),
            13 => Some(Self::ElectorDeath),
            14 => Some(Self::Lease),
            _ => None,
        }
    }
}

pub(super) struct Poll {
    epoll: Epoll,
    events: Vec<EpollEvent>,
}

impl Poll {
    pub(super) fn new() -> nix::Result<Self> {
        let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?;
        Ok(Self { epoll, events: vec![EpollEvent::empty(); 256] })
    }

    pub(super) fn add(&self, fd: impl AsFd, token: Token) -> nix::Result<()> {
        self.epoll.add(fd, EpollEvent::new(EpollFlags::EPOLLIN, token.pack()))
    }

    /// Tells of it once, and then no more until it is added anew.
    pub(super) fn add_once(&self, fd: impl AsFd, token: Token) -> nix::Result<()> {
        let flags = EpollFlags::EPOLLIN | EpollFlags::EPOLLONESHOT;
        self.epoll.add(fd, EpollEvent::new(flags, token.pack()))
    }

    /// Whether to hear of room for writing, and of something to read.
    pub(super) fn interest(
        &self,
        fd: impl AsFd,
        token: Token,
        read: bool,
        write: bool,
    ) -> nix::Result<()> {
        let mut flags = EpollFlags::empty();
        flags.set(EpollFlags::EPOLLIN, read);
        flags.set(EpollFlags::EPOLLOUT, write);
        self.epoll.modify(fd, &mut EpollEvent::new(flags, token.pack()))
    }

    /// Must come before the descriptor is closed: a child that was just forked may still hold a copy of it, and
    /// with that the registration.
    pub(super) fn remove(&self, fd: impl AsFd) {
        let _ = self.epoll.delete(fd);
    }

    /// Waits until something happens or the deadline has come; in milliseconds, rounded up so as not to spin.
    /// With each token: whether the other side has hung up.
    pub(super) fn wait(&mut self, deadline: Option<Instant>) -> Vec<(Token, bool)> {
        let timeout = deadline.map_or(EpollTimeout::NONE, |at| {
            let left = at.saturating_duration_since(Instant::now());
            let millis = left.as_nanos().div_ceil(1_000_000).min(i32::MAX as u128);
            EpollTimeout::try_from(millis as i32).unwrap_or(EpollTimeout::MAX)
        });
        match self.epoll.wait(&mut self.events, timeout) {
            Ok(count) => {
                let gone = EpollFlags::EPOLLHUP | EpollFlags::EPOLLERR;
                let happened = |event: &EpollEvent| {
                    Some((Token::unpack(event.data())?, event.events().intersects(gone)))
                };
                self.events[..count].iter().filter_map(happened).collect()
            }
            Err(Errno::EINTR) => Vec::new(),
            // A bad descriptor or argument would be a defect of this file; to go on would spin without a word.
            Err(errno) => panic!("cannot wait for events: {errno}"),
        }
    }
}
