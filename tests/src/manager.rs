//! A service manager of the suite's own: what a master tells it by sd_notify(3).

use std::os::unix::net::UnixDatagram;

use crate::sandbox::{Output, Sandbox};
use crate::wait::DEADLINE;

/// The manager's socket.
pub struct Manager(UnixDatagram);

impl Manager {
    /// One whose socket is `notify` in the sandbox's folder.
    pub fn of(sandbox: &Sandbox) -> Self {
        Self::on(UnixDatagram::bind(sandbox.path("notify")).unwrap())
    }

    /// One with a socket of another kind.
    pub fn on(socket: UnixDatagram) -> Self {
        socket.set_read_timeout(Some(DEADLINE)).unwrap();
        Self(socket)
    }

    /// Starts the sandbox's master as a service of a manager on `notify`.
    #[track_caller]
    pub fn start(sandbox: &Sandbox) -> Self {
        let manager = Self::of(sandbox);
        start(sandbox, sandbox.path("notify").to_str().unwrap(), None);
        manager
    }

    /// The next datagram, as lines.
    #[track_caller]
    pub fn told(&self) -> Vec<String> {
        let mut bytes = [0; 4096];
        let count = self.0.recv(&mut bytes).unwrap();
        String::from_utf8_lossy(&bytes[..count]).lines().map(str::to_owned).collect()
    }

    /// The socket.
    pub fn socket(&self) -> &UnixDatagram {
        &self.0
    }
}

/// Starts the sandbox's master as a service of a manager at this place.
#[track_caller]
pub fn start(sandbox: &Sandbox, place: &str, watchdog: Option<&str>) {
    let mut command = sandbox.command(&["start"]);
    command.env("NOTIFY_SOCKET", place);
    if let Some(micros) = watchdog {
        command.env("WATCHDOG_USEC", micros);
    }
    let output: Output = command.output().unwrap().into();
    sandbox.remember();
    assert_eq!(output.code, Some(0), "{output:?}");
}
