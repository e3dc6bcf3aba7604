//! Becoming another program in place: the new one, or the former one again.
//!
//! The process, its children and what is pending stay as they are; `execve(2)` replaces the program. What is in memory
//! only is [carried](super::carried) along, with the program that this one was: should the new one's workers not come
//! up, it hands the process back.

use std::convert::Infallible;
use std::ffi::{CString, OsStr, OsString};
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, AsRawFd as _, BorrowedFd, OwnedFd, RawFd};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::OpenOptionsExt as _;

use super::carried::{Carried, CarriedChild, CarriedProgram, CarriedSettings, Open, Stamp};
use super::estate::Heirloom;
use super::foreign::Foreign;
use super::{Manager, Master, Program};
use crate::arbiter::{Departure, Event};
use crate::calls::CallTable;
use crate::listen::Bundle;
use crate::log::{self, Shelf};
use crate::sys::fds;
use crate::sys::guard::Guard;

/// By this a program knows that it goes on where another one was: the numbers of two descriptors, of what is carried and, if
/// there is a way back, of the program that leads there.
pub(super) const RESUME: &str = "PH_RESUME";
/// Why the process was given back.
pub(super) const RETURNED: &str = "PH_RETURNED";

impl Master<'_> {
    /// Becomes another program. Returns only if that can't be.
    #[inline(never)]
    pub(super) fn depart(&mut self, departure: &Departure) {
        let Err(error) = self.become_another(departure);
        let reason = match departure {
            Departure::Forth => format!("cannot become {}: {error}", self.program.path.display()),
            Departure::Back { reason } => {
                tracing::error!(%error, "cannot become the former program again; going on with this one");
                reason.clone()
            }
        };
        self.feed(Event::SuccessorFailed { reason });
    }

    fn become_another(&self, departure: &Departure) -> io::Result<Infallible> {
        let carried = self.carry()?.pack()?;
        let environment = self.manager.as_ref().map(Manager::environment);
        let environment: Vec<_> = environment.into_iter().flatten().collect();
        match departure {
            Departure::Forth => {
                // Not by its name: that leads to the new one by now.
                let mut options = File::options();
                let former = options.read(true).custom_flags(libc::O_PATH);
                let former = OwnedFd::from(former.open("/proc/self/exe")?);
                let mut kept = self.kept();
                kept.extend([carried.as_fd(), former.as_fd()]);
                let word = format!("{} {}", carried.as_raw_fd(), former.as_raw_fd());
                tracing::info!("this master becomes {}", self.program.path.display());
                passing_on(&kept, || {
                    let words = environment.into_iter().chain([(RESUME, word.into())]);
                    exec(&self.program, None, words)
                })
            }
            Departure::Back { reason } => {
                let former = self.former.as_ref().ok_or(io::ErrorKind::NotFound)?;
                let mut kept = self.kept();
                kept.push(carried.as_fd());
                let word = carried.as_raw_fd().to_string();
                tracing::warn!(%reason, "this master becomes the former program again");
                passing_on(&kept, || {
                    let reason = OsString::from(reason.replace('\0', ""));
                    let words = [(RESUME, word.into()), (RETURNED, reason)];
                    exec(&self.program, Some(former), environment.into_iter().chain(words))
                })
            }
        }
    }

    /// The workers are this program's, and all is well: there is no way back any more.
    pub(super) fn settle_in(&mut self) {
        self.former = None;
        tracing::info!("this program has taken over");
        if let Some(manager) = &self.manager {
            manager.serving(self.arbiter.role(), self.arbiter.wanted());
        }
        self.hooks.when_ready();
    }

    fn carry(&self) -> io::Result<Carried> {
        let current = self.current();
        let child = |child: &super::children::Child| CarriedChild {
            key: child.key,
            pid: child.process.pid().as_raw(),
            cell: child.cell,
            bound: child.bound,
            reopened: child.reopened,
            born: child.born,
            asked: child.asked,
            shared: child.shared,
            foreign: child.foreign.as_deref().map(Foreign::carry),
            history: child.history.clone().unwrap_or_default(),
        };
        let number = |fd: BorrowedFd<'_>| fd.as_raw_fd();
        let stamp = Stamp::now();
        Ok(Carried {
            arbiter: self.arbiter.carry(stamp.packed),
            stamp,
            program: CarriedProgram::of(&self.program),
            settings: CarriedSettings::of(&current.settings),
            children: self.children.iter().map(child).collect(),
            found: self.children.found.iter().map(|pid| pid.as_raw()).collect(),
            departed: self.children.departed,
            reopened: self.reopened,
            accounts: self.accounts.clone(),
            calls: self.calls.as_ref().map(|calls| calls.ended().clone()).unwrap_or_default(),
            certificates: self.certificates.all().into_iter().cloned().collect(),
            explained: self.pressure.explained(),
            events: self.events.all().cloned().collect(),
            limit: self.descriptors,
            plan: current.plan.clone(),
            privileges: current.privileges.clone(),
            bundles: self
                .bundles
                .iter()
                .map(|bundle| bundle.carry(|listener| number(listener.as_fd())))
                .collect(),
            control: self.control.carry(),
            candidacy: self.carry_candidacy(),
            partial: self.hearing.partial().to_vec(),
            open: Open {
                slots: self.slots.fd().map(number).ok_or(io::ErrorKind::NotFound)?,
                calls: self.calls.as_ref().map(|calls| number(calls.fd())),
                notices: self.notices.as_ref().map(|notices| number(notices.as_fd())),
                hear: number(self.hearing.heard()),
                say: number(self.hearing.kept()),
                locks: self.locks.iter().map(|lock| number(lock.as_fd())).collect(),
                channel: self
                    .channel
                    .as_ref()
                    .map(|channel| (number(channel.giving()), number(channel.as_fd()))),
                listeners: self
                    .inheritance()
                    .iter()
                    .map(|listener| (Heirloom::of(listener), number(listener.as_fd())))
                    .collect(),
                lifeline: self.guard.as_ref().and_then(Guard::lifeline).map(number),
                shelf: log::shelf().map(Shelf::ends).map(|(put, look)| (number(put), number(look))),
            },
        })
    }

    /// Every descriptor that is told of by number.
    fn kept(&self) -> Vec<BorrowedFd<'_>> {
        let mut kept: Vec<_> = self.control.descriptors().collect();
        kept.extend([self.hearing.heard(), self.hearing.kept()]);
        kept.extend(self.slots.fd());
        kept.extend(self.calls.as_ref().map(CallTable::fd));
        kept.extend(self.notices.as_ref().map(AsFd::as_fd));
        let programs = self.children.iter().filter_map(|child| child.foreign.as_ref());
        kept.extend(programs.map(|foreign| foreign.output.as_fd()));
        kept.extend(self.locks.iter().map(AsFd::as_fd));
        kept.extend(self.channel.iter().flat_map(|it| [it.giving(), it.as_fd()]));
        kept.extend(self.inheritance().iter().map(AsFd::as_fd));
        kept.extend(self.kept_candidacy());
        kept.extend(self.bundles.iter().flat_map(Bundle::listeners).map(AsFd::as_fd));
        kept.extend(self.guard.as_ref().and_then(Guard::lifeline));
        kept.extend(log::shelf().map(Shelf::ends).into_iter().flat_map(<[_; 2]>::from));
        kept
    }
}

/// Does it with these descriptors open across an exec. They are closed on exec again if that fails.
fn passing_on<T>(kept: &[BorrowedFd<'_>], exec: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
    let done = kept.iter().try_for_each(|fd| fds::pass_on(fd, true)).and_then(|()| exec());
    for fd in kept {
        // If even that can't be had, a worker closes it.
        let _ = fds::pass_on(fd, false);
    }
    done
}

/// Replaces the program: by the one at its path, or by the one behind `other`.
pub(super) fn exec(
    program: &Program,
    other: Option<&OwnedFd>,
    variables: impl IntoIterator<Item = (&'static str, OsString)>,
) -> io::Result<Infallible> {
    let text = |text: &OsStr| CString::new(text.as_bytes()).map_err(io::Error::other);
    let path = text(program.path.as_os_str())?;
    let mut arguments = vec![path.clone()];
    for argument in &program.arguments {
        arguments.push(text(argument)?);
    }
    let mut environment = Vec::new();
    let own = std::env::vars_os().filter(|(name, _)| name != RESUME && name != RETURNED);
    let more = variables.into_iter().map(|(name, value)| (OsString::from(name), value));
    for (name, value) in own.chain(more) {
        let mut variable = name;
        variable.push("=");
        variable.push(value);
        environment.push(text(&variable)?);
    }
    let done = match other {
        Some(other) => nix::unistd::fexecve(other, &arguments, &environment),
        None => nix::unistd::execve(&path, &arguments, &environment),
    };
    done.map_err(io::Error::from)
}

/// The two numbers of [`RESUME`].
pub(super) fn numbers(word: &OsStr) -> Option<(RawFd, Option<RawFd>)> {
    let mut numbers = word.to_str()?.split(' ').map(|number| number.parse().ok());
    let carried = numbers.next()??;
    Some((carried, numbers.next().flatten()))
}
