//! What the arbiter is told, and by whom it was asked.

use std::fmt;
use std::time::Instant;

use serde::{Deserialize, Serialize};

use super::policy::Policy;

/// One incarnation of a worker: a process, from the decision to spawn it until it is reaped.
///
/// Keys are never used twice in a master's life, so an action that names one can't hit its successor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct WorkerKey {
    /// The slot that it fills: the worker's id, as operators know it.
    pub slot: u32,
    /// Counts every spawn of this master.
    pub serial: u64,
}

/// Who waits for a verdict: handed in with a request, handed back with its answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Ticket(pub u64);

/// How a process ended, as `waitid(2)` tells it, and the kernel's count of those that it kills for want of memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ExitStatus {
    /// It called `exit` with this code.
    Code(i32),
    /// This signal ended it; `core` when it left a core dump.
    Signal {
        /// The signal's number.
        signal: i32,
        /// Whether a core was dumped.
        core: bool,
    },
    /// The kernel ended it by KILL for want of memory.
    OutOfMemory,
}

impl ExitStatus {
    /// A clean end: exit code 0.
    pub fn success(self) -> bool {
        self == Self::Code(0)
    }
}

impl fmt::Display for ExitStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Code(code) => write!(f, "exit code {code}"),
            Self::Signal { signal, core } => {
                match ph_signal::Signal::try_from(*signal) {
                    Ok(known) => write!(f, "{known}")?,
                    Err(_) => write!(f, "signal {signal}")?,
                }
                if *core { f.write_str(" (core dumped)") } else { Ok(()) }
            }
            Self::OutOfMemory => f.write_str("SIGKILL (out of memory)"),
        }
    }
}

/// A change of the wanted number of workers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ScaleBy {
    /// Exactly so many.
    To(u32),
    /// So many more (`scale +N`), or fewer (`scale -N`).
    Relative(i64),
    /// One more or less for each signal (`TTIN`, `TTOU`), held within 1 and the maximum.
    Nudge(i64),
}

/// How fast a stop goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Speed {
    /// `stop_signal`, then KILL at `graceful_timeout`.
    Graceful,
    /// `INT`, then KILL after a second or `graceful_timeout`, the shorter.
    Quick,
    /// KILL now.
    Now,
}

/// Which workers a restart concerns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Slots {
    /// Every slot.
    All,
    /// These.
    These(Vec<u32>),
}

/// What a look at the load found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Load {
    /// Connections or jobs that each process has in hand.
    pub held: Vec<(WorkerKey, u64)>,
    /// Connections that wait for a worker.
    pub queue: u32,
    /// Connections that were accepted so far.
    pub accepted: u64,
}

/// Why a configuration was not taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The exit code that the caller gets: 78 for an invalid file, 4 for a change that needs a restart, 5 for
    /// listeners that can't be had.
    pub code: i64,
    /// One sentence for a person.
    pub reason: String,
}

/// Something that happened in the world.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// The master is up: boot the first generation.
    Start,
    /// Nothing but time has passed.
    Tick,
    /// The process of a [`Spawn`](super::Action::Spawn) could not be made.
    SpawnFailed {
        /// Whose.
        worker: WorkerKey,
        /// The system's reason.
        reason: String,
    },
    /// A worker's `init_process` returned.
    Ready {
        /// Whose.
        worker: WorkerKey,
    },
    /// A worker says why it can't boot, just before it exits.
    BootFailed {
        /// Whose.
        worker: WorkerKey,
        /// Its own words.
        reason: String,
    },
    /// A worker reached `max_requests` and asks for its successor.
    Recycle {
        /// Which.
        worker: WorkerKey,
    },
    /// A worker's code has panicked: it takes nothing more, finishes what else it has in hand, and ends.
    Broke {
        /// Which.
        worker: WorkerKey,
    },
    /// A scan found a worker inside a request.
    Busy {
        /// Which.
        worker: WorkerKey,
        /// When its oldest running request began.
        since: Instant,
    },
    /// The answer to [`Weigh`](super::Action::Weigh): private resident memory in bytes, of those that are still there.
    Weighed(Vec<(WorkerKey, u64)>),
    /// The answer to [`Watch`](super::Action::Watch): somebody connects.
    Connected,
    /// The answer to [`Measure`](super::Action::Measure).
    Load(Load),
    /// The answer to [`Claim`](super::Action::Claim), when there was one to be had.
    Claimed {
        /// Which takes no work any more.
        worker: WorkerKey,
    },
    /// A worker's process ended; it is not reaped yet.
    Exited {
        /// Which.
        worker: WorkerKey,
        /// How.
        status: ExitStatus,
    },
    /// The guard ended.
    GuardDied,
    /// A guard could not be started.
    GuardFailed,
    /// Some child ended, a worker or an adopted orphan: workers' ends are told by `Exited`, orphans are looked for.
    ChildEnded,
    /// More or fewer workers.
    Scale {
        /// Who waits for the verdict.
        asked: Option<Ticket>,
        /// To what.
        by: ScaleBy,
    },
    /// Read the configuration again and replace the workers.
    Reload {
        /// Who waits for the verdict.
        asked: Option<Ticket>,
    },
    /// The answer to [`ReadConfig`](super::Action::ReadConfig).
    ConfigRead(Result<Policy, Refusal>),
    /// Replace workers by fresh ones.
    Restart {
        /// Who waits for the verdict.
        asked: Option<Ticket>,
        /// Which.
        slots: Slots,
    },
    /// Retire one worker for good: the wanted number goes down by one.
    StopWorker {
        /// Who waits for the verdict.
        asked: Option<Ticket>,
        /// Which slot.
        slot: u32,
    },
    /// Retire all workers, keep the master (`WINCH`).
    RetireAll,
    /// End everything; a second one makes it quicker.
    Stop {
        /// Who waits for the verdict.
        asked: Option<Ticket>,
        /// How fast at least.
        speed: Speed,
    },
    /// Another master is to take over, of the program as it is on disk now.
    Upgrade {
        /// Who waits for the verdict.
        asked: Option<Ticket>,
    },
    /// The answer to [`Action::StartSuccessor`](super::Action::StartSuccessor): its workers are ready.
    SuccessorReady,
    /// The answer to [`Action::StartSuccessor`](super::Action::StartSuccessor) for an upgrade in place: the program says
    /// that it can be this master.
    ProgramReady,
    /// This master has taken over from another one, whose upgrade it was.
    TookOver,
    /// This program has taken over in place from another one, whose arbiter this one [was](super::Carried).
    Resumed,
    /// The answer to [`Action::Bequeath`](super::Action::Bequeath): it serves in this master's place.
    SuccessorServes,
    /// The other answer: it could not be started, ended, or gave up.
    SuccessorFailed {
        /// One sentence for a person.
        reason: String,
    },
    /// The elector says that this master leads, or leads on. Until the instant `until` all workers must be gone.
    Elected {
        /// The fencing token.
        token: u64,
        /// When KILL is due at the latest.
        until: Instant,
    },
    /// It says that another does, or that it is not known who.
    Deposed {
        /// The other.
        leader: Option<String>,
    },
    /// It has trouble with the place where candidates meet: the campaign has begun, and goes on.
    CampaignTroubled,
    /// By the clock that leases count in, the time is over.
    LeaseOver,
    /// The elector ended, or could not be started.
    ElectorEnded {
        /// How.
        reason: String,
    },
    /// The answer to [`OpenListeners`](super::Action::OpenListeners).
    ListenersOpened,
    /// The other answer.
    ListenersRefused {
        /// The system's reason.
        reason: String,
    },
    /// Let others lead.
    Resign {
        /// Who waits for the verdict.
        asked: Option<Ticket>,
    },
    /// Nobody waits for this ticket's answer any more.
    Forget(Ticket),
}

impl Event {
    /// Whether it can change a worker, a seat or a goal, and so make a decision fall out differently.
    pub(super) fn concerns_workers(&self) -> bool {
        !matches!(
            self,
            Self::ChildEnded
                | Self::GuardDied
                | Self::GuardFailed
                | Self::Forget(_)
                | Self::BootFailed { .. }
        )
    }
}
