//! A candidacy that goes on in another program, or in another master.

use std::io;
use std::os::fd::{AsFd as _, AsRawFd as _, BorrowedFd, OwnedFd, RawFd};

use nix::unistd::Pid;
use serde::{Deserialize, Serialize};

use super::elector::Elector;
use super::{Candidacy, instant};
use crate::elector::Standing;
use crate::log::Shelf;
use crate::master::estate;
use crate::master::poll::Poll;
use crate::master::{Master, Office};

/// A candidacy as data, when the process becomes another program.
#[derive(Debug, Serialize, Deserialize)]
pub(in crate::master) struct CarriedCandidacy {
    name: String,
    standing: Option<Standing>,
    highest: u64,
    unanswered: Option<u64>,
    trouble: Option<String>,
    /// Pid, socket, and whether it has led.
    elector: Option<(i32, RawFd, bool)>,
    /// Both ends.
    shelf: Option<(RawFd, RawFd)>,
    office: Option<(RawFd, RawFd)>,
}

impl CarriedCandidacy {
    /// A copy of the shelf, whose own numbers stay where they are.
    pub(in crate::master) fn shelf(&self) -> Option<io::Result<Shelf>> {
        let (put, look) = self.shelf?;
        let copy = crate::sys::fds::copy;
        Some(copy(put).and_then(|put| Ok(Shelf::of(put, copy(look)?))))
    }
}

impl Candidacy {
    /// Goes on as the program did that this process was before.
    pub(in crate::master) fn resume(
        mut self,
        carried: CarriedCandidacy,
        adopt: impl Fn(RawFd) -> io::Result<OwnedFd>,
        poll: &Poll,
    ) -> io::Result<Self> {
        let CarriedCandidacy { name, standing, highest, unanswered, trouble, .. } = carried;
        let CarriedCandidacy { elector, shelf, office, .. } = carried;
        if let Some((pid, socket, has_led)) = elector {
            let socket = adopt(socket)?;
            self.elector = Some(Elector::resume(Pid::from_raw(pid), socket, has_led, poll)?);
        }
        if let Some((put, look)) = shelf {
            self.shelf = Some(Shelf::of(adopt(put)?, adopt(look)?));
        }
        if let Some((put, look)) = office {
            self.office = Some(Office::of(adopt(put)?, adopt(look)?));
        }
        (self.name, self.standing, self.highest) = (name, standing, highest);
        (self.unanswered, self.trouble) = (unanswered, trouble);
        Ok(self)
    }

    /// Goes on with the lease of the master that this one is to succeed.
    pub(in crate::master) fn succeed(
        &mut self,
        standing: Standing,
        lock: Option<OwnedFd>,
    ) -> io::Result<()> {
        if let (Some(shelf), Some(lock)) = (&self.shelf, lock) {
            shelf.put(&lock)?;
        }
        let deadline = self.bound(standing.deadline);
        (self.standing, self.highest) = (Some(Standing { deadline, ..standing }), standing.token);
        Ok(())
    }

    /// The token and the last moment of its lease, if there is one.
    pub(in crate::master) fn led(&self) -> Option<(u64, std::time::Instant)> {
        let standing = self.standing?;
        Some((standing.token, instant(self.last_moment(standing.deadline))))
    }
}

impl Master<'_> {
    pub(in crate::master) fn carry_candidacy(&self) -> Option<CarriedCandidacy> {
        let candidacy = self.candidacy.as_ref()?;
        let number = |fd: BorrowedFd<'_>| fd.as_raw_fd();
        Some(CarriedCandidacy {
            name: candidacy.name.clone(),
            standing: candidacy.standing,
            highest: candidacy.highest,
            unanswered: candidacy.unanswered,
            trouble: candidacy.trouble.clone(),
            elector: self.elector_open(),
            shelf: candidacy
                .shelf
                .as_ref()
                .map(Shelf::ends)
                .map(|(put, look)| (number(put), number(look))),
            office: candidacy
                .office
                .as_ref()
                .map(Office::ends)
                .map(|(put, look)| (number(put), number(look))),
        })
    }

    /// What of it is told by number.
    pub(in crate::master) fn kept_candidacy(&self) -> impl Iterator<Item = BorrowedFd<'_>> {
        let candidacy = self.candidacy.iter();
        candidacy.flat_map(|candidacy| {
            let socket = candidacy.elector.as_ref().map(Elector::socket);
            let ends = candidacy.shelf.as_ref().map(Shelf::ends);
            let office = candidacy.office.as_ref().map(Office::ends);
            socket.into_iter().chain(ends.into_iter().chain(office).flat_map(<[_; 2]>::from))
        })
    }

    /// The lease that a successor is to begin with, and the lock that it is.
    pub(in crate::master) fn lease_to_hand_over(
        &self,
    ) -> io::Result<Option<(Standing, Option<OwnedFd>)>> {
        let Some(standing) = self.candidacy.as_ref().and_then(|it| it.standing) else {
            return Ok(None);
        };
        if self.arbiter.token().is_none() {
            return Ok(None);
        }
        Ok(Some((standing, self.lock_for_worker()?)))
    }

    /// Two masters of one lease, while one takes over from the other: who has the elector tells the other of each renewal.
    pub(in crate::master) fn pass_on_lease(&self) {
        let Some(standing) = self.candidacy.as_ref().and_then(|it| it.standing) else { return };
        let Ok(words) = serde_json::to_string(&standing) else { return };
        let successor = self.successor.as_ref().map(|it| it.socket.as_fd());
        let old = self.former_master.as_ref().map(|it| it.as_fd());
        for socket in successor.into_iter().chain(old) {
            // Who does not hear of it ends its workers in time.
            let _ = estate::say(socket, &format!("lease {words}"));
        }
    }

    /// The other master has renewed the lease.
    pub(in crate::master) fn hear_of_lease(&mut self, words: &str) {
        match serde_json::from_str::<Standing>(words) {
            Ok(standing) => self.lead_on(standing),
            Err(error) => tracing::error!(%error, "the other master tells what no lease is"),
        }
    }
}
