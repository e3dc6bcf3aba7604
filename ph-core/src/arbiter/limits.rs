//! Limits that run out: boots, requests, drains, lifetimes; and the grace for a master that was away itself.

use std::time::{Duration, Instant};

use super::action::{Action, Cause, Note};
use super::event::WorkerKey;
use super::why::Why;
use super::worker::State;
use super::{Arbiter, GAP, kill};

/// How often a request with this limit is looked at.
pub(super) fn pace(limit: Duration) -> Duration {
    const SHORTEST: Duration = Duration::from_millis(10);
    (limit / 4).max(SHORTEST)
}

impl Arbiter {
    /// Acts on every limit that has run out.
    pub(super) fn expire(&mut self, now: Instant, out: &mut Vec<Action>) {
        // What was set by this very event lies ahead; what lay ahead before is known.
        if self.deadline.is_none_or(|at| at > now) {
            return;
        }
        let (mut late, mut settled) = (Vec::new(), Vec::new());
        for slot in self.seats.due(now) {
            let Some(seat) = self.seats.get_mut(slot) else { continue };
            for worker in &mut seat.workers {
                if worker.deadline().is_none_or(|at| at > now) {
                    continue;
                }
                match &mut worker.state {
                    State::Booting { settles: Some(at), .. } if *at <= now => {
                        settled.push(worker.key);
                    }
                    State::Booting { .. } => late.push(worker.key),
                    State::Draining { late, .. } => {
                        let cause = late.map_or(Cause::DrainTimeout, Cause::Timeout);
                        kill(worker, cause, out);
                    }
                    State::Broken { .. } => kill(worker, Cause::DrainTimeout, out),
                    State::Ready { outdated, .. } => *outdated = Some(Why::MaxLifetime),
                    State::Killed { .. } => {}
                }
            }
        }
        for key in settled {
            self.became_ready(now, key, out);
        }
        let limit = self.policy.boot_timeout.unwrap_or_default();
        for key in late {
            // The first of them may have ended the whole.
            if self.worker(key).is_some_and(|worker| worker.is_booting()) {
                self.kill_unasked(now, key, &Cause::BootTimeout(limit), out);
            }
        }
        self.expire_upgrade(now, out);
        self.expire_leadership(now, out);
        if self.scan.take_if(|at| *at <= now).is_some() {
            self.scan = self.next_scan(now);
            out.extend(self.scan.map(|_| Action::Scan));
        }
        self.weigh_when_due(now, out);
        if self.scaler.is_due(now, self.policy.band.as_ref()) {
            out.push(Action::Measure);
        }
        if self.guard_retry.take_if(|at| *at <= now).is_some() {
            out.push(Action::StartGuard);
        }
        if self.zygote_retry.take_if(|at| *at <= now).is_some() {
            out.push(Action::StartZygote);
        }
        if self.sweep.take_if(|at| *at <= now).is_some() {
            out.push(Action::Sweep);
        }
    }

    pub(super) fn busy(
        &mut self,
        now: Instant,
        key: WorkerKey,
        (since, shared): (Instant, bool),
        out: &mut Vec<Action>,
    ) {
        let Some(limit) = self.worker(key).and_then(|worker| worker.timeout) else { return };
        let since = self.forgiven.map_or(since, |forgiven| forgiven.max(since));
        let due = since + limit;
        if due > now {
            self.scan = self.scan.map(|at| at.min(due));
            return;
        }
        let age = now - since;
        let Some(worker) = self.worker(key) else { return };
        match &mut worker.state {
            // What else it works on is not to blame: it gets a successor, and then the time that every drain gets.
            State::Ready { outdated, .. } if shared => {
                outdated.get_or_insert(Why::Timeout);
            }
            State::Draining { deadline: Some(_), late, .. } if shared => *late = Some(age),
            State::Ready { .. } => self.kill_unasked(now, key, &Cause::Timeout(age), out),
            State::Draining { .. } | State::Broken { deadline: None } => {
                kill(worker, Cause::Timeout(age), out);
            }
            State::Booting { .. } | State::Broken { .. } | State::Killed { .. } => {}
        }
    }

    /// When to look at running requests next, if anybody's may not take as long as they like.
    pub(super) fn next_scan(&self, now: Instant) -> Option<Instant> {
        let workers = self.seats.values().flat_map(|seat| &seat.workers);
        let limits = workers.filter(|worker| worker.is_working()).filter_map(|it| it.timeout);
        limits.min().map(|limit| now + pace(limit))
    }

    /// A stopped or suspended master missed its deadlines; its workers are not to blame.
    pub(super) fn forgive_gap(&mut self, now: Instant, out: &mut Vec<Action>) {
        let Some(missed) = self.deadline else { return };
        let gap = now.saturating_duration_since(missed);
        if gap < GAP {
            return;
        }
        for worker in self.seats.values_mut().flat_map(|seat| &mut seat.workers) {
            worker.forgive(&self.policy, now);
        }
        self.scaler.count_anew();
        self.forgive_upgrade(now);
        self.forgiven = Some(now);
        out.push(Action::Tell(Note::Gap(gap)));
    }
}
