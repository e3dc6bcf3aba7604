//! What has happened and can wait to be told, or seen to: a successor is to run first.
//!
//! Where the kernel starts a forked process on its parent's processor, that process runs when the parent sleeps; and lines,
//! events and certificates take the master longer than all else that there is to do about a death. The dead wait too: to
//! reap one takes the kernel as long as the arbiter takes to decide, and then some.

use std::time::Duration;

use nix::unistd::Pid;

use super::Master;
use super::certificate::Certificate;
use super::events::About;
use crate::arbiter::{Action, Cause, Death, Note, WorkerKey};
use crate::sys::oom;

/// By then it is told, whatever else happens.
pub(super) const DELAY: Duration = Duration::from_millis(1);

/// One thing, in the words in which it will be told.
pub(super) enum Untold {
    /// A process was made for a worker; whether it is a copy of the master.
    Born { about: About<Born>, forked: bool },
    /// A worker has ended; whatever there is to be seen of it is there until it is reaped.
    Ended(Box<Death>),
    /// A worker has ended, by this cause.
    Died(Box<Certificate>, Cause),
    /// It may be reaped.
    Reap(WorkerKey),
}

/// What is told of a process that was made, beside whose it is.
#[derive(serde::Serialize)]
pub(super) struct Born {
    pub(super) generation: u32,
}

impl Master<'_> {
    /// Tells it in the order in which it happened.
    pub(super) fn tell_untold(&mut self) {
        for untold in std::mem::take(&mut self.untold) {
            match untold {
                Untold::Born { about, forked } => {
                    let pid = about.pid.filter(|_| forked).map(Pid::from_raw);
                    if let Some(pid) = pid.filter(|pid| self.children.serial_of(*pid).is_some()) {
                        oom::send_first(pid);
                    }
                    self.happen("worker_booting", &about);
                }
                Untold::Ended(death) => {
                    if let Some(certificate) = self.certify(&death) {
                        self.tell_death(certificate, &death.cause);
                    }
                }
                Untold::Died(certificate, cause) => self.tell_death(*certificate, &cause),
                Untold::Reap(worker) => self.reap(worker),
            }
        }
    }

    /// Tries, and where that fails, tries once more without those who have ended: until they are reaped each of them is a
    /// process and a descriptor and has a place in the shared table, and there may be a limit on any of these.
    pub(super) fn find_room<T, E>(
        &mut self,
        mut attempt: impl FnMut(&mut Self) -> Result<T, E>,
    ) -> Result<T, E> {
        match attempt(self) {
            Err(_) if !self.untold.is_empty() => {
                self.tell_untold();
                attempt(self)
            }
            result => result,
        }
    }
}

/// Whether an action of the arbiter's comes before what is untold. The others may tell of something themselves, or end it all.
pub(super) fn goes_before(action: &Action) -> bool {
    matches!(action, Action::Reap { .. } | Action::Spawn { .. } | Action::Tell(Note::Died(_)))
}
