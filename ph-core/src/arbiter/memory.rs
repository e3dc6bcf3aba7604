//! Workers that take more memory than `max_memory`: weighed from time to time, and replaced one at a time.
//!
//! What leaks in one worker leaks in all, and they were started together: they pass the limit together as well, and
//! would leave together, with whatever they have warmed up, if each went as soon as it could.

use std::time::{Duration, Instant};

use super::Arbiter;
use super::action::{Action, Note};
use super::event::WorkerKey;
use super::why::Why;
use super::worker::{State, Worker};

/// Between two looks while nobody is above the limit.
const PACE: Duration = Duration::from_secs(1);

/// Between two looks while somebody is.
const CLOSER: Duration = Duration::from_millis(250);

/// So many looks in a row have to find a worker above the limit: a single one may have hit a peak.
pub(super) const LOOKS: u8 = 3;

impl Arbiter {
    /// Has the workers weighed from now on, if they have a limit.
    pub(super) fn weigh_later(&mut self, now: Instant) {
        if self.policy.max_memory.is_some() {
            self.weigh.get_or_insert(now + PACE);
        }
    }

    /// Looks again if it is time. One that is to be replaced anyway is looked at no more.
    pub(super) fn weigh_when_due(&mut self, now: Instant, out: &mut Vec<Action>) {
        if self.weigh.take_if(|at| *at <= now).is_none() || self.policy.max_memory.is_none() {
            return;
        }
        let undecided =
            |worker: &&Worker| matches!(worker.state, State::Ready { outdated: None, .. });
        let workers = self.seats.values().flat_map(|seat| &seat.workers).filter(undecided);
        let workers: Vec<WorkerKey> = workers.map(|worker| worker.key).collect();
        if !workers.is_empty() {
            self.weigh = Some(now + PACE);
            out.push(Action::Weigh(workers));
        }
    }

    /// What each of them weighs, in bytes.
    pub(super) fn weighed(
        &mut self,
        now: Instant,
        weights: Vec<(WorkerKey, u64)>,
        out: &mut Vec<Action>,
    ) {
        let Some(limit) = self.policy.max_memory else { return };
        for (key, bytes) in weights {
            let Some(worker) = self.worker(key) else { continue };
            let State::Ready { above, outdated: outdated @ None, .. } = &mut worker.state else {
                continue;
            };
            if bytes <= limit {
                if std::mem::take(above) > 0 {
                    out.push(Action::Tell(Note::Lighter { slot: key.slot, bytes }));
                }
                continue;
            }
            *above += 1;
            let last = *above == LOOKS;
            if last {
                *outdated = Some(Why::MaxMemory);
            } else {
                self.weigh = self.weigh.map(|at| at.min(now + CLOSER));
            }
            out.push(Action::Tell(Note::Heavy { slot: key.slot, bytes, limit, last }));
        }
    }

    /// Notices that the worker which is replaced for its memory has been, or can't be for now.
    pub(super) fn end_relief(&mut self, now: Instant) {
        let seat = self.relieved.and_then(|slot| self.seats.get(&slot));
        if seat.is_none_or(|seat| !seat.open || !seat.may_spawn(now) || seat.has_changed_hands()) {
            self.relieved = None;
        }
    }
}
