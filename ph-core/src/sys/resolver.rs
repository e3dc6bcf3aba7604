//! Names of hosts, users and groups, looked up by a short-lived child.
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
use serde::{Deserialize, Serialize};

use super::account::{self, Account, AccountName, Part, Unknown};
use super::fork::{self, Forked};
use super::pidfd::PidFd;
use super::title::Title;
use super::{SysError, fds};
use crate::arbiter::ExitStatus;

/// How long a child may take over all of its names.
const LIMIT: Duration = Duration::from_secs(30);

/// What is to be looked up.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Names {
    /// Names of hosts.
    pub hosts: Vec<String>,
    /// The user and group that workers become.
    pub account: Option<AccountName>,
}

impl Names {
    /// Whether there is nothing to look up.
    pub fn is_empty(&self) -> bool {
        self.hosts.is_empty() && self.account.is_none()
    }
}

/// What came of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answers {
    /// For each host its first address, with port 0, or the reason why there is none.
    pub hosts: BTreeMap<String, Result<SocketAddr, String>>,
    /// The account in numbers, if one was asked for.
    pub account: Option<Result<Account, Unknown>>,
}

/// One line of the child's: JSON.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
enum Answer {
    Host(String, Result<SocketAddr, String>),
    Account(Result<Account, Unknown>),
}

/// A look-up under way. Readable when it is over; dropped before that, the child is ended.
#[derive(Debug)]
pub struct Resolver {
    /// `None` once it is reaped: from then on its pid may be anybody's.
    process: Option<PidFd>,
    answers: File,
    names: Names,
}

impl Resolver {
    /// Starts a child that looks these names up.
    pub fn start(names: Names, title: &mut Title, master: &str) -> Result<Self, SysError> {
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
        let mut answers = Answers::default();
        for answer in String::from_utf8_lossy(&bytes).lines().filter_map(read) {
            match answer {
                Answer::Host(name, found) => drop(answers.hosts.insert(name, found)),
                Answer::Account(found) => answers.account = Some(found),
            }
        }
        for name in &self.names.hosts {
            answers.hosts.entry(name.clone()).or_insert_with(|| Err(unanswered(reaped)));
        }
        if self.names.account.is_some() {
            let unknown = || Unknown { part: Part::User, reason: unanswered(reaped) };
            answers.account.get_or_insert_with(|| Err(unknown()));
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
fn look_up(names: &Names, report: OwnedFd, parent: Pid, title: &mut Title) -> ! {
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
        let account = names.account.iter().map(|name| Answer::Account(account::look_up(name)));
        let mut answers = names.hosts.iter().map(|name| host(name)).chain(account);
        answers.all(|answer| write(&answer).is_some_and(|line| report.write_all(&line).is_ok()))
    }));
    fork::leave(u8::from(!matches!(told, Ok(true))))
}

/// A host's address, or the reason why there is none.
fn host(name: &str) -> Answer {
    let found = (name, 0)
        .to_socket_addrs()
        .and_then(|mut all| all.next().ok_or_else(|| io::Error::other("the name has no address")));
    Answer::Host(name.to_owned(), found.map_err(|error| error.to_string()))
}

fn write(answer: &Answer) -> Option<Vec<u8>> {
    let mut line = serde_json::to_vec(answer).ok()?;
    line.push(b'\n');
    Some(line)
}

fn read(line: &str) -> Option<Answer> {
    serde_json::from_str(line).ok()
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
    fn what_a_child_writes_is_read_again() {
        let again = |answer: &Answer| {
            let line = write(answer).unwrap();
            assert_eq!(line.iter().filter(|byte| **byte == b'\n').count(), 1);
            read(std::str::from_utf8(&line).unwrap().trim_end()).unwrap()
        };
        let known = host("127.0.0.1");
        assert_eq!(known, Answer::Host("127.0.0.1".into(), Ok("127.0.0.1:0".parse().unwrap())));
        let unknown = host("unknown.invalid");
        assert!(matches!(unknown, Answer::Host(_, Err(_))));
        let account = Account { uid: 1, gid: 2, groups: vec![2, 3] };
        let nobody = Unknown { part: Part::Group, reason: "two\nlines".into() };
        for answer in [known, unknown, Answer::Account(Ok(account)), Answer::Account(Err(nobody))] {
            assert_eq!(again(&answer), answer);
        }
        for cut in ["", "{", r#"{"Host":["a.b"]}"#] {
            assert_eq!(read(cut), None, "{cut}");
        }
    }
}
