//! A TCP socket that listens.

use std::io;
use std::net::SocketAddr;
use std::os::fd::OwnedFd;

use rustix::net::sockopt::{set_ipv6_v6only, set_socket_reuseaddr, set_socket_reuseport};
use rustix::net::{AddressFamily, SocketFlags, SocketType, bind, getsockname, socket_with};

use super::socket_file::set_backlog;

/// Listens at `address`; returns the address with the port that it has.
pub(super) fn open(
    address: SocketAddr,
    reuse_port: bool,
    backlog: u32,
) -> io::Result<(OwnedFd, SocketAddr)> {
    let socket = bound(address, reuse_port)?;
    set_backlog(&socket, backlog)?;
    let address = SocketAddr::try_from(getsockname(&socket)?)?;
    Ok((socket, address))
}

/// Fails if somebody else has the address, whether or not they would share it.
pub(super) fn probe(address: SocketAddr) -> io::Result<()> {
    bound(address, false).map(drop)
}

fn bound(address: SocketAddr, reuse_port: bool) -> io::Result<OwnedFd> {
    let family = if address.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket = socket_with(family, SocketType::STREAM, flags, None)?;
    // What is left of a former server's connections does not hold up the next one.
    set_socket_reuseaddr(&socket, true)?;
    if address.is_ipv6() {
        // `[::]:80` and `0.0.0.0:80` are two addresses, whatever the machine's default is.
        set_ipv6_v6only(&socket, true)?;
    }
    if reuse_port {
        set_socket_reuseport(&socket, true)?;
    }
    bind(&socket, &address)?;
    Ok(socket)
}
