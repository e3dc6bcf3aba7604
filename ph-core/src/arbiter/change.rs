//! Changes under way and those who wait for their verdicts.

use std::time::Instant;

use super::action::{Action, Note};
use super::event::{Ticket, WorkerKey};
use super::policy::Policy;
use super::seat::Crashes;

/// What a reload is done for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    /// Another configuration.
    Reload,
    /// The same workers by another program, which this master has become: what fails is undone by the former one.
    Upgrade,
}

impl Purpose {
    /// The word that records use.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Reload => "reload",
            Self::Upgrade => "upgrade",
        }
    }

    /// Says how far it is.
    pub(super) fn comes_to(self, step: Step) -> Action {
        Action::Tell(Note::ChangeStep { kind: self.word(), step })
    }
}

/// How far a reload or an upgrade has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Another change is before it, or two generations drain.
    Waiting,
    /// The configuration is read.
    Reading,
    /// One worker of the new generation is to prove it.
    Canary,
    /// The rest follows.
    Rolling,
    /// The new generation failed, and goes.
    RollingBack,
    /// The new master gets what this one has.
    HandingOver,
    /// This process becomes the other program.
    Replacing,
    /// This process becomes the former program again.
    Returning,
}

impl Step {
    /// The word that records use.
    pub fn word(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Reading => "reading",
            Self::Canary => "canary",
            Self::Rolling => "rolling",
            Self::RollingBack => "rolling back",
            Self::HandingOver => "handing over",
            Self::Replacing => "replacing the program",
            Self::Returning => "returning to the former program",
        }
    }
}

/// A reload: read, try one canary, roll the rest; or put everything back.
#[derive(Clone, Debug)]
pub(super) struct Reload {
    pub(super) purpose: Purpose,
    pub(super) asked: Vec<Ticket>,
    pub(super) began: Instant,
    pub(super) stage: Stage,
}

#[derive(Clone, Debug)]
pub(super) enum Stage {
    /// The shell reads the configuration.
    Reading,
    /// One worker of the new generation proves it; `wanted` is taken when it has.
    Canary { before: Before, wanted: u32 },
    /// The rest follows.
    Rolling { before: Before },
}

/// What a failed reload goes back to.
#[derive(Clone, Debug)]
pub(super) struct Before {
    pub(super) policy: Policy,
    pub(super) generation: u32,
    /// Crashes of each slot, and until when it waits.
    pub(super) crashes: Vec<(u32, Crashes, Option<Instant>)>,
    /// The number to restore; `None` when an operator has changed it meanwhile.
    pub(super) wanted: Option<u32>,
}

impl Reload {
    pub(super) fn before(&self) -> Option<&Before> {
        match &self.stage {
            Stage::Reading => None,
            Stage::Canary { before, .. } | Stage::Rolling { before } => Some(before),
        }
    }

    /// The number is the operator's from here on.
    pub(super) fn keep_number(&mut self, number: u32) {
        match &mut self.stage {
            Stage::Reading => {}
            Stage::Canary { before, wanted } => (before.wanted, *wanted) = (None, number),
            Stage::Rolling { before } => before.wanted = None,
        }
    }
}

/// Somebody (or only the record) waits until a goal is reached.
#[derive(Clone, Debug)]
pub(super) struct Waiter {
    pub(super) asked: Option<Ticket>,
    pub(super) kind: &'static str,
    pub(super) began: Instant,
    pub(super) goal: Goal,
}

#[derive(Clone, Debug)]
pub(super) enum Goal {
    /// The old ones have been succeeded, and the slots have ready workers.
    Replaced { old: Vec<WorkerKey>, slots: Vec<u32> },
    /// These processes have ended.
    Gone(Vec<WorkerKey>),
}
