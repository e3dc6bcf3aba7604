//! What the arbiter wants done. The shell performs each action with one arm of one `match`.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::change::Step;
use super::event::{ExitStatus, Speed, Ticket, WorkerKey};
use super::why::Why;

/// One thing to do, in order.
#[derive(Clone, Debug, PartialEq)]
pub enum Action {
    /// Make a process for this worker.
    Spawn {
        /// Its key from now on.
        worker: WorkerKey,
        /// The generation whose settings it gets.
        generation: u32,
    },
    /// Ask a worker to leave.
    Stop {
        /// Which.
        worker: WorkerKey,
        /// `Graceful` or `Quick`.
        speed: Speed,
    },
    /// KILL a worker's process group.
    Kill {
        /// Which.
        worker: WorkerKey,
    },
    /// End what is left of an ended worker's group, then reap it. No action names it afterwards.
    Reap {
        /// Which.
        worker: WorkerKey,
    },
    /// Look into the shared slots and report every running request as `Busy`.
    Scan,
    /// Look how much private memory these workers take; answer with `Weighed`.
    Weigh(Vec<WorkerKey>),
    /// Look what each process has in hand, and how many connections wait; answer with `Load`.
    Measure,
    /// Answer with `Connected` as soon as a connection waits.
    Watch,
    /// Retire the first of these that has nothing in hand at this very moment, so that it takes no work any more; answer
    /// with `Claimed` if there is one.
    Claim(Vec<WorkerKey>),
    /// Start another guard in the place of the one that died; answer with `GuardFailed` if that can't be.
    StartGuard,
    /// Start a zygote in the place of the one that died, if workers are forked from one and there is none; answer with
    /// `ZygoteDied` if that can't be.
    StartZygote,
    /// Reap orphans that have ended, and end those whose worker is gone.
    Sweep,
    /// Have the master that has taken over read its configuration again.
    ReloadSuccessor,
    /// Read and validate the configuration; answer with `ConfigRead`.
    ReadConfig,
    /// Start another master, of the program as it is on disk now, and answer with `SuccessorReady`; or ask that program
    /// whether this process could become it, and answer with `ProgramReady`. Otherwise `SuccessorFailed`.
    StartSuccessor,
    /// Tell the successor to take over; answer with `SuccessorServes` or `SuccessorFailed`.
    Bequeath,
    /// There is no way back any more, nor a need for one: this program serves in place of the former.
    Stay,
    /// Everything that a master has but its workers is the successor's from here on.
    HandOver,
    /// End the successor and what it started, if there is any of it.
    EndSuccessor,
    /// Start an elector; answer with `ElectorEnded` if that can't be.
    StartElector,
    /// Open what the workers listen on; answer with `ListenersOpened` or `ListenersRefused`.
    OpenListeners,
    /// No worker is left: close what they listened on, and let others lead.
    Resign,
    /// The same, and have the elector end; answer with `ElectorEnded` when it has.
    EndCampaign,
    /// It does not end by itself, or says nothing when it should: KILL it.
    KillElector,
    /// Give up the settings of every generation but these.
    KeepGenerations(Vec<u32>),
    /// Tell the one who asked.
    Answer {
        /// Who.
        ticket: Ticket,
        /// What.
        verdict: Verdict,
    },
    /// The first generation serves: `start` may return.
    Started,
    /// Say what happened: log, events, certificates.
    Tell(Note),
    /// Everything has ended: leave the loop.
    Exit(Outcome),
}

/// The answer to a change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is so.
    Done,
    /// It is not, with the exit code that the asker's command gets.
    Failed {
        /// 1 failed, 4 refused, 5 new generation failed, 78 configuration invalid.
        code: i64,
        /// One sentence for a person.
        reason: String,
    },
}

/// How the master ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It was asked to.
    Stopped,
    /// Another master has taken over.
    HandedOver,
    /// The first generation could not boot; one sentence says why.
    BootFailed(String),
}

/// Why a worker left.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Cause {
    /// It was asked to leave and did.
    Asked(Why),
    /// It did not become ready: what it said, or how it ended.
    Boot(String),
    /// It was not ready by `boot_timeout`.
    BootTimeout(Duration),
    /// One request took longer than `timeout`.
    Timeout(Duration),
    /// It did not leave by `graceful_timeout`.
    DrainTimeout,
    /// A stop that waits for nothing.
    Hurry,
    /// The master's lease was over, or about to be.
    Leadership,
    /// The kernel killed it for want of memory.
    OutOfMemory,
    /// It ended by itself.
    Itself,
}

impl Cause {
    /// The word that certificates and JSON use.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Asked(Why::MaxMemory) => "memory limit",
            Self::Asked(_) => "asked",
            Self::Boot(_) | Self::BootTimeout(_) => "boot",
            Self::Timeout(_) => "timeout",
            Self::DrainTimeout => "drain timeout",
            Self::Hurry => "quick stop",
            Self::Leadership => "leadership",
            Self::OutOfMemory => "out of memory",
            Self::Itself => "crash",
        }
    }
}

/// One worker's end.
#[derive(Clone, Debug, PartialEq)]
pub struct Death {
    /// Whose.
    pub worker: WorkerKey,
    /// Its generation.
    pub generation: u32,
    /// How the kernel tells it.
    pub status: ExitStatus,
    /// Why.
    pub cause: Cause,
    /// From spawn to end.
    pub lived: Duration,
}

/// A fact for people: each becomes a log line.
#[derive(Clone, Debug, PartialEq)]
pub enum Note {
    /// A worker became ready.
    Ready {
        /// Slot.
        slot: u32,
        /// Generation.
        generation: u32,
        /// From spawn to ready.
        took: Duration,
        /// Whether it is one of those that a start waits for.
        first: bool,
    },
    /// A worker ended.
    Died(Death),
    /// A worker is asked to leave.
    Retiring {
        /// Slot.
        slot: u32,
        /// Why, in one or two words.
        why: Why,
    },
    /// A worker was found above `max_memory`.
    Heavy {
        /// Slot.
        slot: u32,
        /// What it takes.
        bytes: u64,
        /// What it may take.
        limit: u64,
        /// Whether that was once too often: it is to be replaced.
        last: bool,
    },
    /// It is below again.
    Lighter {
        /// Slot.
        slot: u32,
        /// What it takes.
        bytes: u64,
    },
    /// A worker is about to be killed.
    Killing {
        /// Which.
        worker: WorkerKey,
        /// Why.
        cause: Cause,
    },
    /// A slot waits before its next worker.
    BackingOff {
        /// Slot.
        slot: u32,
        /// How long.
        delay: Duration,
        /// Ends in a row.
        row: u32,
    },
    /// Processes can't be made; tried again after the delay.
    CannotSpawn {
        /// The system's reason.
        reason: String,
        /// How long.
        delay: Duration,
    },
    /// The wanted number changed.
    Scaled {
        /// Before.
        from: u32,
        /// Now.
        to: u32,
    },
    /// The load changed the wanted number.
    Adapted {
        /// Before.
        from: u32,
        /// Now.
        to: u32,
        /// Ready workers with something in hand, by the sample that led to it.
        busy: u32,
        /// Ready workers with nothing in hand.
        idle: u32,
        /// Connections that waited.
        queue: u32,
    },
    /// Somebody asked for what can't be, and gets no answer.
    Refused {
        /// One sentence for a person.
        reason: String,
    },
    /// A change began.
    ChangeBegan {
        /// `reload`, …
        kind: &'static str,
        /// The generation it leads to.
        generation: u32,
    },
    /// A change went on.
    ChangeStep {
        /// `reload`, …
        kind: &'static str,
        /// What it does now.
        step: Step,
    },
    /// A change ended.
    ChangeEnded(LastChange),
    /// The first generation serves.
    Started {
        /// Workers.
        workers: u32,
        /// Since the start event.
        took: Duration,
    },
    /// The end begins, or became quicker.
    Stopping {
        /// How fast.
        speed: Speed,
        /// Workers still there.
        workers: usize,
    },
    /// A wish that this state can't grant, and that is not kept.
    NotNow {
        /// What was wished for.
        what: &'static str,
    },
    /// The master leads.
    Leads {
        /// The fencing token.
        token: u64,
    },
    /// It does not, or not any more.
    StandsBy {
        /// Who leads instead, if that is known.
        leader: Option<String>,
        /// Why it has led until now; none when it has not.
        reason: Option<String>,
    },
    /// Everybody leaves, because the lease is about to end, or is given up.
    Yielding {
        /// Why.
        reason: String,
        /// Workers still there.
        workers: usize,
    },
    /// What the workers would listen on can't be had: others may lead.
    CannotListen {
        /// The system's reason.
        reason: String,
        /// No new try before that.
        delay: Duration,
    },
    /// The elector ended, and another is started after the delay.
    ElectorEnded {
        /// How.
        reason: String,
        /// How long.
        delay: Duration,
    },
    /// The master's own clock had a gap (suspended or stopped): all deadlines moved by it.
    Gap(Duration),
}

/// The last change of the whole, as `status` tells it.
#[derive(Clone, Debug, PartialEq)]
pub struct LastChange {
    /// `reload`, `scale`, `restart`.
    pub kind: &'static str,
    /// Whether it came true.
    pub ok: bool,
    /// Why it did not.
    pub reason: Option<String>,
    /// From request to verdict.
    pub took: Duration,
}
