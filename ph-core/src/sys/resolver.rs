//! Host names, looked up by a short-lived child.
//!
//! A look-up may take half a minute, and runs whatever the machine's name service is made of. The master does neither
//! wait for that nor load it: it reads the answers when the child has ended.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::net::{SocketAddr, ToSocketAddrs as _};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use nix::fcntl::OFlag;
use nix::poll::{PollFd, PollFlags, PollTimeout};
use nix::unistd::{Pid, pipe2};
use ph_signal::Signal;

use super::fork::{self, Forked};
use super::pidfd::PidFd;
use super::title::Title;
use super::{SysError, fds};
use crate::arbiter::ExitStatus;

/// How long a child may take over all of its names.
const LIMIT: Duration = Duration::from_secs(30);

/// For each name its first address, with port 0, or the reason why there is none.
pub type Answers = BTreeMap<String, Result<SocketAddr, String>>;

/// A look-up under way. Readable when it is over; dropped before that, the child is ended.
#[derive(Debug)]
pub struct Resolver {
    /// `None` once it is reaped: from then on its pid may be anybody's.
    process: Option<PidFd>,
    answers: File,
    names: Vec<String>,
}

impl Resolver {
    /// Starts a child that looks these names up.
    pub fn start(names: Vec<String>, title: &mut Title, master: &str) -> Result<Self, SysError> {
        let pipe = pipe2(OFlag::O_CLOEXEC | OFlag::O_NONBLOCK).map_err(io::Error::from);
        let (answers, report) = pipe.map_err(SysError::call("make a pipe"))?;
        let parent = nix::unistd::getpid();
        title.lay_out(format_args!("ph: resolver [{master}]"));
        let pid = match fork::fork()? {
            Forked::Child => look_up(&names, report, parent, title),
            Forked::Parent(pid) => pid,
        };
        let process = PidFd::open(pid).map_err(SysError::call("open a pidfd"))?;
        Ok(Self { process: Some(process), answers: File::from(answers), names })
    }

    /// The child.
    pub fn pid(&self) -> Option<Pid> {
        self.process.as_ref().map(PidFd::pid)
    }

    /// Waits for the answers: for a start, which has nothing else to do yet.
    pub fn wait(self) -> Answers {
        // The child ends itself at the limit; this is for one that was stopped.
        let deadline = Instant::now() + LIMIT + Duration::from_secs(1);
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let timeout = PollTimeout::try_from(left).unwrap_or(PollTimeout::MAX);
            let mut events = [PollFd::new(self.as_fd(), PollFlags::POLLIN)];
            let ended = nix::poll::poll(&mut events, timeout);
            if left.is_zero() || matches!(ended, Ok(1..)) {
                return self.finish();
            }
        }
    }

    /// The answers of a child that has ended, which is reaped. A name that it came to nothing with has its reason.
    pub fn finish(mut self) -> Answers {
        let mut bytes = Vec::new();
        // What can't be read is an answer that is missing.
        let _ = self.answers.read_to_end(&mut bytes);
        let reaped = self.process.as_ref().and_then(|process| process.reap().ok().flatten());
        if reaped.is_some() {
            self.process = None;
        }
        let mut answers: Answers =
            String::from_utf8_lossy(&bytes).lines().filter_map(read).collect();
        for name in &self.names {
            answers.entry(name.clone()).or_insert_with(|| Err(unanswered(reaped)));
        }
        answers
    }
}

impl AsFd for Resolver {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.process.as_ref().map_or(self.answers.as_fd(), PidFd::as_fd)
    }
}

impl Drop for Resolver {
    fn drop(&mut self) {
        if let Some(process) = self.process.take() {
            let _ = process.signal(Signal::KILL);
            // Too early, most likely; it is reaped as an orphan then.
            let _ = process.reap();
        }
    }
}

/// The child's whole life.
fn look_up(names: &[String], report: OwnedFd, parent: Pid, title: &mut Title) -> ! {
    if !fork::die_with(parent) {
        fork::leave(1);
    }
    fds::close_all_but(&[report.as_fd()].into_iter());
    title.wear();
    fork::fresh_signals(ph_signal::disposition::changed());
    nix::unistd::alarm::set(LIMIT.as_secs() as u32);
    let mut report = File::from(report);
    // A panic must not unwind into the master's frames.
    let told = catch_unwind(AssertUnwindSafe(|| {
        names.iter().all(|name| report.write_all(write(name).as_bytes()).is_ok())
    }));
    fork::leave(u8::from(!matches!(told, Ok(true))))
}

/// One name's line: itself, and its address or the reason.
fn write(name: &str) -> String {
    let found = (name, 0)
        .to_socket_addrs()
        .and_then(|mut all| all.next().ok_or_else(|| io::Error::other("the name has no address")));
    match found {
        Ok(address) => format!("{name} {address}\n"),
        Err(error) => format!("{name} ! {}\n", error.to_string().replace('\n', " ")),
    }
}

fn read(line: &str) -> Option<(String, Result<SocketAddr, String>)> {
    let (name, rest) = line.split_once(' ')?;
    let answer = match rest.strip_prefix("! ") {
        Some(reason) => Err(reason.to_owned()),
        None => Ok(rest.parse().ok()?),
    };
    Some((name.to_owned(), answer))
}

fn unanswered(status: Option<ExitStatus>) -> String {
    match status {
        Some(ExitStatus::Signal { signal: libc::SIGALRM, .. }) | None => {
            format!("no answer within {} s", LIMIT.as_secs())
        }
        Some(status) => format!("the look-up ended with {status}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_an_address_or_a_reason() {
        let address = "[::1]:0".parse().unwrap();
        assert_eq!(read("a.b [::1]:0"), Some(("a.b".into(), Ok(address))));
        assert_eq!(read("a.b ! not known"), Some(("a.b".into(), Err("not known".into()))));
        for cut in ["a.b", "a.b ", "a.b [::1]", ""] {
            assert_eq!(read(cut), None, "{cut}");
        }
    }

    #[test]
    fn what_a_child_writes_is_read_again() {
        let (name, found) = read(write("127.0.0.1").trim_end()).unwrap();
        assert_eq!((name.as_str(), found), ("127.0.0.1", Ok("127.0.0.1:0".parse().unwrap())));
        assert!(read(write("unknown.invalid").trim_end()).unwrap().1.is_err());
    }
}
