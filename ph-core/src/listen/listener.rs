//! One listening socket.

use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use super::socket_file::set_backlog;
use super::{Address, SocketFile, diagnosis};

/// One listening socket, closed on exec. Whether it blocks, the workers decide who have it: it begins as one that does not.
#[derive(Debug)]
pub struct Listener {
    fd: OwnedFd,
    /// As it was asked for: the port may be 0.
    asked: Address,
    address: Address,
    origin: Origin,
}

/// Where a listener is from, which says what may be done to it.
#[derive(Debug)]
pub(super) enum Origin {
    /// Opened for a TCP address.
    Tcp,
    /// Made together with its file, which goes with it.
    Unix(SocketFile),
    /// Handed over by whoever started the master: its file and its backlog are theirs.
    Inherited,
}

impl Listener {
    pub(super) fn tcp(fd: OwnedFd, asked: SocketAddr, address: SocketAddr) -> Self {
        let (asked, address) = (Address::Tcp(asked), Address::Tcp(address));
        Self { fd, asked, address, origin: Origin::Tcp }
    }

    pub(super) fn unix(fd: OwnedFd, file: SocketFile) -> Self {
        let address = Address::Unix(file.path().to_owned());
        Self { fd, asked: address.clone(), address, origin: Origin::Unix(file) }
    }

    pub(super) fn inherited(fd: OwnedFd, address: Address) -> Self {
        Self { fd, asked: address.clone(), address, origin: Origin::Inherited }
    }

    /// One that another master opened, and leaves to this one once it says so.
    pub(crate) fn succeed(
        fd: OwnedFd,
        asked: Address,
        address: Address,
        inherited: bool,
    ) -> io::Result<Self> {
        let origin = match &address {
            _ if inherited => Origin::Inherited,
            Address::Tcp(_) => Origin::Tcp,
            Address::Unix(path) => Origin::Unix(SocketFile::of_another(path)),
        };
        Ok(Self { fd, asked, address, origin })
    }

    /// Its file, if it has one, is this process's from here on.
    pub(crate) fn claim(&self) {
        if let Origin::Unix(file) = &self.origin {
            file.claim();
        }
    }

    /// Its file, if it has one, is another's from here on.
    pub(crate) fn disown(&self) {
        if let Origin::Unix(file) = &self.origin {
            file.disown();
        }
    }

    /// Where it was asked to listen.
    pub(crate) fn asked(&self) -> &Address {
        &self.asked
    }

    /// Where it listens.
    pub fn address(&self) -> &Address {
        &self.address
    }

    /// How many connections wait to be accepted; `None` where the system does not tell.
    pub fn waiting(&self) -> Option<u32> {
        match &self.address {
            Address::Tcp(_) => crate::sys::tcp::waiting(self),
            Address::Unix(_) => diagnosis::waiting(self.as_fd()),
        }
    }

    /// Whether it was handed to the master.
    pub fn is_inherited(&self) -> bool {
        matches!(self.origin, Origin::Inherited)
    }

    /// Ends the listening, whoever holds the socket besides: a worker that drains would leave clients waiting.
    pub(crate) fn close(&self) {
        // Failing that, it ends with its last holder.
        let _ = rustix::net::shutdown(self, rustix::net::Shutdown::Both);
    }

    /// Whether it is what somebody who asks for `address` wants.
    pub(super) fn answers(&self, address: &Address) -> bool {
        self.asked == *address || self.address == *address
    }

    /// Follows settings that have changed; of one that was handed over, nothing is ours to change.
    pub(super) fn adjust(
        &self,
        backlog: u32,
        unix_mode: u32,
        unix_owner: Option<(u32, u32)>,
    ) -> io::Result<()> {
        match &self.origin {
            Origin::Inherited => return Ok(()),
            Origin::Tcp => {}
            Origin::Unix(file) => {
                file.set_mode(unix_mode)?;
                unix_owner.map_or(Ok(()), |owner| file.give_to(owner))?;
            }
        }
        set_backlog(&self.fd, backlog)
    }
}

impl AsFd for Listener {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}
