//! A service manager in miniature: opens sockets and becomes a program that inherits them (sd_listen_fds(3)).
//!
//! `ph-activate PID SOCKET… -- PROGRAM ARGUMENT…`, where `PID` is `own` or what `LISTEN_PID` is to say, and a socket is
//! `tcp=ADDRESS`, `unix=PATH`, `udp=ADDRESS`, `file=PATH`, or, in the end, `none` for a descriptor that is announced and
//! not there.

use std::error::Error;
use std::fs::File;
use std::net::{TcpListener, UdpSocket};
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::os::unix::net::UnixListener;
use std::os::unix::process::CommandExt as _;
use std::process::Command;

use nix::fcntl::{FcntlArg, FdFlag, fcntl};

fn open(what: &str) -> Result<Option<OwnedFd>, Box<dyn Error>> {
    let (kind, place) = what.split_once('=').unwrap_or((what, ""));
    Ok(Some(match kind {
        "tcp" => TcpListener::bind(place)?.into(),
        "unix" => UnixListener::bind(place)?.into(),
        "udp" => UdpSocket::bind(place)?.into(),
        "file" => File::open(place)?.into(),
        "none" => return Ok(None),
        other => return Err(format!("{other}: tcp, unix, udp, file or none").into()),
    }))
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let end = arguments.iter().position(|word| word == "--").ok_or("no --")?;
    let (ours, program) = (&arguments[..end], &arguments[end + 1..]);
    let pid = if ours[0] == "own" { std::process::id().to_string() } else { ours[0].clone() };
    let mut sockets = Vec::new();
    for what in &ours[1..] {
        // Each takes the lowest number that is free: 3, and those that follow.
        let Some(socket) = open(what)? else { continue };
        assert_eq!(socket.as_raw_fd() as usize, 3 + sockets.len(), "a descriptor is in the way");
        fcntl(&socket, FcntlArg::F_SETFD(FdFlag::empty()))?;
        sockets.push(socket);
    }
    let names: Vec<String> = (0..ours.len() - 1).map(|number| format!("socket-{number}")).collect();
    let mut command = Command::new(&program[0]);
    command.args(&program[1..]).env("LISTEN_PID", pid).env("LISTEN_FDNAMES", names.join(":"));
    Err(command.env("LISTEN_FDS", names.len().to_string()).exec().into())
}
