//! What programs tell their master, by a service manager's protocol (sd_notify(3)): datagrams of `NAME=value` lines.
//!
//! The kernel says who has sent each (`SCM_CREDENTIALS`, unix(7)), whatever that says of itself: the worker, or somebody of its
//! process group. Descriptors that come along are closed.
//!
//! Three lines are our own, named as the protocol asks of those: `X_PH_RECYCLE=1` of a worker that has done its `max_requests` and
//! waits to be relieved, `X_PH_FAILED=` with the reason of one that can't boot, and `X_PH_SHARED=1` of one that works on several
//! requests at once, so that a late one must not end the others.

use std::ffi::OsString;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::time::Instant;

use nix::unistd::{Pid, getpgid};
use rustix::net::sockopt;

use crate::arbiter::Event;
use crate::master::Master;
use crate::master::poll::{Poll, Token};
use crate::sys::{SysError, credentials};

/// Datagrams that are taken in one turn.
const TURN: usize = 64;
/// Bytes of one; more is cut off, as systemd does.
const LONGEST: usize = 4096;
/// Bytes of a status that are kept.
const STATUS: usize = 256;
/// Bytes of the reason of a failure.
const REASON: usize = 2048;

/// The socket. Its name is abstract: a worker finds it whatever its root is, and it leaves no file behind.
#[derive(Debug)]
pub(in crate::master) struct Notices {
    socket: UnixDatagram,
    place: OsString,
}

/// One datagram, as far as it means something here.
#[derive(Debug, Default, PartialEq, Eq)]
struct Notice {
    ready: bool,
    watchdog: bool,
    stopping: bool,
    status: Option<String>,
    recycle: bool,
    failed: Option<String>,
    shared: bool,
}

impl Notices {
    /// A socket for the programs of this master, which the loop hears of.
    pub(in crate::master) fn watched(name: &str, poll: &Poll) -> Result<Self, SysError> {
        let notices = Self::open(name)?;
        poll.add(&notices, Token::Notices)
            .map_err(|errno| SysError::call("watch a socket")(errno.into()))?;
        Ok(notices)
    }

    fn open(name: &str) -> Result<Self, SysError> {
        let failed = SysError::call("make a socket for what programs tell");
        let pid = std::process::id();
        // Any process of this network can take a name first: then there is another.
        let socket = (0..100).find_map(|number| {
            let place = format!("ph/{name}/{pid}/{number}");
            match SocketAddr::from_abstract_name(&place).and_then(|at| UnixDatagram::bind_addr(&at))
            {
                Err(error) if error.kind() == std::io::ErrorKind::AddrInUse => None,
                socket => Some(socket.map(|socket| (socket, place))),
            }
        });
        let taken = || Err(std::io::ErrorKind::AddrInUse.into());
        let (socket, place) = socket.unwrap_or_else(taken).map_err(failed)?;
        Self::of(socket, place.into()).map_err(SysError::call("listen to what programs tell"))
    }

    /// The socket of the program that this process was before.
    pub(in crate::master) fn resume(socket: UnixDatagram) -> std::io::Result<Self> {
        let address = socket.local_addr()?;
        let name = address.as_abstract_name().ok_or(std::io::ErrorKind::InvalidData)?;
        let place = String::from_utf8_lossy(name).into_owned();
        Self::of(socket, place.into())
    }

    fn of(socket: UnixDatagram, place: OsString) -> std::io::Result<Self> {
        socket.set_nonblocking(true)?;
        sockopt::set_socket_passcred(&socket, true)?;
        Ok(Self { socket, place })
    }

    /// As `NOTIFY_SOCKET` names it.
    pub(super) fn place(&self) -> OsString {
        let mut place = OsString::from("@");
        place.push(&self.place);
        place
    }

    /// The next datagram and who has sent it; none if there is none.
    fn next(&self) -> Option<(Option<Pid>, Notice)> {
        let mut bytes = [0; LONGEST];
        let (length, sender) = credentials::receive(&self.socket, &mut bytes).ok()?;
        Some((sender, Notice::of(&bytes[..length])))
    }
}

impl AsFd for Notices {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

impl Notice {
    fn of(bytes: &[u8]) -> Self {
        let mut notice = Self::default();
        for line in String::from_utf8_lossy(bytes).lines() {
            match line.split_once('=') {
                Some(("READY", "1")) => notice.ready = true,
                Some(("WATCHDOG", "1")) => notice.watchdog = true,
                Some(("STOPPING", "1")) => notice.stopping = true,
                Some(("STATUS", status)) => notice.status = Some(printable(status, STATUS)),
                Some(("X_PH_RECYCLE", "1")) => notice.recycle = true,
                Some(("X_PH_SHARED", "1")) => notice.shared = true,
                Some(("X_PH_FAILED", why)) => notice.failed = Some(printable(why, REASON)),
                _ => {}
            }
        }
        notice
    }
}

/// What a program says of itself, as far as it is kept.
fn printable(text: &str, longest: usize) -> String {
    text[..text.floor_char_boundary(longest)].replace(char::is_control, "?")
}

impl Master<'_> {
    /// Programs have told something.
    pub(in crate::master) fn hear_notices(&mut self) {
        for _ in 0..TURN {
            let Some((sender, notice)) = self.notices.as_ref().and_then(Notices::next) else {
                break;
            };
            match sender {
                Some(pid) => self.take_notice(pid, notice),
                None => tracing::debug!("a message from another pid namespace is passed over"),
            }
        }
        self.work_off();
    }

    /// The worker that a process is, or belongs to.
    fn serial_of(&self, pid: Pid) -> Option<u64> {
        self.children.serial_of(pid).or_else(|| {
            // A helper of the worker's, as a shell script calls one.
            self.children.serial_of(getpgid(Some(pid)).ok()?)
        })
    }

    fn take_notice(&mut self, pid: Pid, notice: Notice) {
        let serial = self.serial_of(pid).or_else(|| {
            // It may have been born just now: then it has told that before.
            self.take_all_births();
            self.serial_of(pid)
        });
        let Some(child) = serial.and_then(|serial| self.children.get_mut(serial)) else {
            tracing::debug!(pid = pid.as_raw(), "a message that is no worker's is passed over");
            return;
        };
        let worker = child.key;
        let Some(foreign) = &mut child.foreign else { return };
        if notice.watchdog {
            foreign.fed = Some(Instant::now());
        }
        if let Some(status) = notice.status {
            foreign.said = Some(status).filter(|status| !status.is_empty());
        }
        child.shared |= notice.shared;
        if notice.stopping {
            tracing::debug!(slot = worker.slot, "worker says that it stops");
        }
        if notice.ready {
            self.queue.push_back(Event::Ready { worker });
        }
        if notice.recycle {
            self.queue.push_back(Event::Recycle { worker });
        }
        if let Some(reason) = notice.failed {
            child.history().said = Some(reason.clone());
            self.queue.push_back(Event::BootFailed { worker, reason });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_mean_what_the_protocol_says() {
        let notice = Notice::of(b"READY=1\nSTATUS=at \x07work\nMAINPID=7\nX_Y=1\nWATCHDOG=1\n");
        let status = Some("at ?work".to_owned());
        assert_eq!(notice, Notice { ready: true, watchdog: true, status, ..Notice::default() });
        let notice = Notice::of(b"X_PH_RECYCLE=1\nX_PH_FAILED=no module \"a\"\nX_PH_SHARED=1\n");
        let failed = Some("no module \"a\"".to_owned());
        assert_eq!(notice, Notice { recycle: true, shared: true, failed, ..Notice::default() });
        for nothing in [&b"READY=0"[..], b"READY", b"=1", b"", b"ready=1", b"\xff\xfe=1"] {
            assert_eq!(Notice::of(nothing), Notice::default());
        }
        let long = Notice::of(format!("STATUS={}", "é".repeat(STATUS)).as_bytes());
        assert_eq!(long.status.unwrap().len(), STATUS);
    }
}
