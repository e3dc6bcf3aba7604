//! Sockets that were handed to the master: looked at before they are trusted.

use std::os::fd::AsRawFd as _;

use rustix::net::{SocketType, getsockname, sockopt};

use super::{Address, ListenError, Listener};
use crate::sys::activation::Inherited;

impl Listener {
    /// Takes a descriptor that was handed over, which must be a stream socket that listens.
    pub fn inherit(handed: Inherited) -> Result<Self, ListenError> {
        let Inherited { fd, name } = handed;
        let number = fd.as_raw_fd();
        let called = name.map(|name| format!(" ({name})")).unwrap_or_default();
        let refused = |what: &str| {
            ListenError::Config(format!("descriptor {number}{called} of LISTEN_FDS is {what}"))
        };
        let kind = sockopt::socket_type(&fd).map_err(|_| refused("not a socket"))?;
        if kind != SocketType::STREAM {
            return Err(refused("not a stream socket; a service's socket is ListenStream="));
        }
        if !sockopt::socket_acceptconn(&fd).is_ok_and(|listens| listens) {
            return Err(refused("a socket that does not listen; Accept=yes does not go with this"));
        }
        let address = getsockname(&fd).ok().and_then(Address::of);
        let address = address.ok_or_else(|| refused("neither a TCP nor a Unix socket"))?;
        rustix::io::ioctl_fionbio(&fd, true).map_err(|errno| refused(&errno.to_string()))?;
        Ok(Self::inherited(fd, address))
    }
}
