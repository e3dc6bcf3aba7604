//! The service manager that started this master, if one did: what it is told, by sd_notify(3)'s protocol.
//!
//! Datagrams of `NAME=value` lines to the socket that `NOTIFY_SOCKET` names. Nothing waits for the manager: what it does not
//! take at once it misses.

use std::ffi::{OsStr, OsString};
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::time::{Duration, Instant};

use crate::arbiter::Note;
use crate::sys::environment;

/// The manager's variables; a worker must not speak in the master's name.
const VARIABLES: [&str; 3] = ["NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"];

/// The way to a service manager.
pub(super) struct Manager {
    socket: UnixDatagram,
    place: OsString,
    /// It wants to hear from the loop this often, and is due to at this instant.
    watchdog: Option<(Duration, Instant)>,
}

impl Manager {
    /// The manager that the environment names, if any. Takes the word of it out of the environment.
    pub(super) fn find() -> Option<Self> {
        let named = std::env::var_os("NOTIFY_SOCKET")?;
        let place = named.as_bytes();
        let watchdog = watchdog();
        if let Err(error) = environment::forget(&VARIABLES) {
            tracing::warn!(%error, "workers can speak to the service manager in the master's name");
        }
        let address = match place.strip_prefix(b"@") {
            Some(name) => SocketAddr::from_abstract_name(name),
            None => SocketAddr::from_pathname(OsStr::from_bytes(place)),
        };
        let connect = |address| {
            let socket = UnixDatagram::unbound()?;
            socket.connect_addr(&address)?;
            socket.set_nonblocking(true)?;
            Ok::<_, std::io::Error>(socket)
        };
        match address.and_then(connect) {
            Ok(socket) => {
                // Half of what it allows, as sd_watchdog_enabled(3) advises.
                let watchdog = watchdog.map(|most| (most / 2, Instant::now()));
                Some(Self { socket, place: named, watchdog })
            }
            Err(error) => {
                tracing::warn!(%error, "cannot reach the service manager");
                None
            }
        }
    }

    /// When the loop has to show itself at the latest.
    pub(super) fn next_beat(&self) -> Option<Instant> {
        self.watchdog.map(|(_, due)| due)
    }

    /// The loop turns.
    pub(super) fn beat(&mut self, now: Instant) {
        if let Some((every, due)) = &mut self.watchdog
            && *due <= now
        {
            *due = now + *every;
            self.send("WATCHDOG=1");
        }
    }

    /// What of a note concerns it.
    pub(super) fn hear(&self, note: &Note) {
        match note {
            Note::Scaled { to, .. } | Note::Adapted { to, .. } => {
                self.send(&format!("STATUS=serving with {to} workers"));
            }
            // An upgrade in place has a reload in it.
            Note::ChangeEnded(change) if ["reload", "upgrade"].contains(&change.kind) => {
                let kind = change.kind;
                let told = match &change.reason {
                    None if kind == "reload" => "reloaded".to_owned(),
                    None => "upgraded".to_owned(),
                    Some(reason) => {
                        format!("{kind} failed, serving as before: {}", one_line(reason))
                    }
                };
                self.send(&format!("READY=1\nSTATUS={told}"));
            }
            Note::Stopping { workers, .. } => {
                self.send(&format!("STOPPING=1\nSTATUS=stopping {workers} workers"));
            }
            _ => {}
        }
    }

    /// This master serves.
    pub(super) fn serving(&self, role: &str, workers: u32) {
        let (pid, status) = (std::process::id(), status(role, workers));
        self.send(&format!("READY=1\nMAINPID={pid}\nSTATUS={status}"));
    }

    /// It leads, or does not.
    pub(super) fn role(&self, role: &str, workers: u32) {
        self.send(&format!("STATUS={}", status(role, workers)));
    }

    /// Another master has taken over; the manager takes that from this one alone.
    pub(super) fn name_successor(&self, pid: i32) {
        self.send(&format!("MAINPID={pid}"));
    }

    /// What the environment said of it, for a successor: the watchdog is that one's to feed then.
    pub(super) fn environment(&self) -> impl Iterator<Item = (&'static str, OsString)> {
        let micros = self.watchdog.map(|(every, _)| (every * 2).as_micros().to_string());
        let watchdog = micros.map(|micros| ("WATCHDOG_USEC", micros.into()));
        [("NOTIFY_SOCKET", self.place.clone())].into_iter().chain(watchdog)
    }

    /// A reload begins; the end of it is a [`Note`].
    pub(super) fn reloading(&self) {
        use nix::time::{ClockId, clock_gettime};
        let micros = clock_gettime(ClockId::CLOCK_MONOTONIC)
            .map_or(0, |time| time.tv_sec() as u64 * 1_000_000 + time.tv_nsec() as u64 / 1000);
        self.send(&format!("RELOADING=1\nMONOTONIC_USEC={micros}\nSTATUS=reloading"));
    }

    fn send(&self, words: &str) {
        if let Err(error) = self.socket.send(words.as_bytes()) {
            tracing::debug!(%error, "the service manager does not listen");
        }
    }
}

/// How long this process may be silent, if it is this process that is meant (sd_watchdog_enabled(3)).
fn watchdog() -> Option<Duration> {
    let text = |name| std::env::var(name).ok();
    let ours = text("WATCHDOG_PID").is_none_or(|pid| pid == std::process::id().to_string());
    let micros: u64 = text("WATCHDOG_USEC").filter(|_| ours)?.parse().ok()?;
    (micros > 0).then(|| Duration::from_micros(micros))
}

fn status(role: &str, workers: u32) -> String {
    match role {
        "standby" => "standing by".to_owned(),
        _ => format!("serving with {workers} workers"),
    }
}

fn one_line(text: &str) -> String {
    text.replace('\n', "; ")
}
