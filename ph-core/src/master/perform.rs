//! The arbiter's actions, one arm each, and the news that workers bring.

use nix::unistd::Pid;
use ph_signal::Signal;

use super::children::Child;
use super::poll::Token;
use super::untold::Untold;
use super::{Master, foreign, narrate};
use crate::arbiter::{Action, Event, ExitStatus, Note, Outcome, Speed, WorkerKey};
use crate::elector::Command;
use crate::report::Report;
use crate::sys::pidfd::Used;
use crate::sys::{memory, orphans, pidfd, procfs};

impl Master<'_> {
    #[inline(never)]
    pub(super) fn perform(&mut self, action: Action) {
        match action {
            Action::Spawn { worker, generation } => self.spawn(worker, generation),
            Action::Stop { worker, speed } => {
                self.happen_asked(&worker, speed);
                self.ask_to_stop(worker, speed);
            }
            Action::Kill { worker } => {
                self.examine(&worker);
                if let Some(child) = self.children.get(worker.serial) {
                    end_group(child);
                    self.accounts.workers.killed += 1;
                } else {
                    self.zygotes.give_up(worker.serial);
                }
            }
            Action::Reap { worker } => self.bury(worker),
            Action::Scan => self.scan(),
            Action::Weigh(workers) => self.weigh(&workers),
            Action::Measure => self.measure(),
            Action::Watch => self.watch_listeners(),
            Action::Claim(idle) => self.claim_one(&idle),
            Action::StartGuard => self.start_guard(),
            Action::StartZygote => self.start_zygote(),
            Action::Sweep => self.sweep(),
            Action::ReloadSuccessor => {
                if let Some(successor) = &self.successor {
                    let _ = ph_signal::kill(successor.pid.as_raw(), Signal::HUP);
                }
            }
            Action::ReadConfig => {
                if let Some(manager) = &self.manager {
                    manager.reloading();
                }
                self.read_config();
            }
            Action::StartSuccessor => self.start_successor(),
            Action::Bequeath => self.bequeath(),
            Action::HandOver => self.hand_over(),
            Action::EndSuccessor => self.end_successor(),
            Action::Stay => self.settle_in(),
            Action::StartElector => self.start_elector(),
            Action::OpenListeners => self.open_listeners(),
            Action::Resign => self.give_way(Command::Resign),
            Action::EndCampaign => self.give_way(Command::Stop),
            Action::KillElector => self.kill_elector(),
            Action::KeepGenerations(keep) => self.keep_generations(&keep),
            Action::Answer { ticket, verdict } => self.control.settle(&self.poll, ticket, &verdict),
            Action::Started => {
                if let Some(launcher) = self.launcher.take() {
                    launcher.tell(&(0, String::new()));
                }
                match &self.predecessor {
                    // Not before that has answered.
                    Some(predecessor) => predecessor.tell("ready"),
                    None => self.hooks.when_ready(),
                }
            }
            Action::Tell(note) => self.tell(&note),
            Action::Exit(outcome) => self.exit(outcome),
        }
    }

    #[inline(never)]
    pub(super) fn ask_to_stop(&mut self, worker: WorkerKey, speed: Speed) {
        let Some(child) = self.children.get(worker.serial) else {
            return self.countermand(worker, speed);
        };
        if !self.bundles.is_empty() && !self.arbiter.is_open(worker.slot) {
            self.slots.items()[child.cell].make_last();
        }
        let signal = match &child.foreign {
            Some(foreign) => foreign.stop_signal,
            None if speed == Speed::Graceful => Signal::TERM,
            None => Signal::INT,
        };
        // A stopped process takes its signal when it is continued. Failure means that it has ended.
        let _ = child.process.signal(signal);
        let _ = child.process.signal(Signal::CONT);
        self.accounts.workers.retired += u64::from(self.children.note_asked(worker.serial));
    }

    /// Has a worker that has ended reaped: a copy of the master not before its successor runs. A program's output is closed at
    /// once, and what is left of a zygote's worker is not looked at again.
    fn bury(&mut self, worker: WorkerKey) {
        if let Some(child) = self.children.get(worker.serial) {
            self.poll.remove(&child.process);
            if child.is_copy() {
                return self.untold.push(Untold::Reap(worker));
            }
        }
        self.reap(worker);
    }

    pub(super) fn reap(&mut self, worker: WorkerKey) {
        let Some(child) = self.children.remove(worker.serial) else {
            return self.forget_lost(worker.serial);
        };
        end_group(&child);
        if let Some(guard) = &self.guard {
            guard.unwatch(child.cell);
        }
        let _ = child.process.reap();
        let slot = &self.slots.items()[child.cell];
        let open = slot.connections() as i64;
        crate::slots::board(&self.slots).count_connections(open.wrapping_neg());
        self.accounts.close(slot);
        if let Some(calls) = &mut self.calls {
            calls.close(child.cell);
        }
    }

    #[inline(never)]
    fn scan(&mut self) {
        let (now, instant) = (crate::slots::now(), std::time::Instant::now());
        for child in self.children.iter() {
            // A watchdog that has not been fed since is as a request that takes as long. One who was asked to leave has
            // the time for that.
            let foreign = child.foreign.as_ref().filter(|_| !child.asked);
            if let Some(since) = foreign.and_then(|foreign| foreign.fed) {
                // It is fed for the program as a whole.
                self.queue.push_back(Event::Busy { worker: child.key, since, shared: false });
            }
            let Some(began) = self.slots.items()[child.cell].began() else { continue };
            let age = std::time::Duration::from_nanos(now.saturating_sub(began));
            if let Some(since) = instant.checked_sub(age) {
                self.queue.push_back(Event::Busy {
                    worker: child.key,
                    since,
                    shared: child.shared,
                });
            }
        }
    }

    #[inline(never)]
    fn weigh(&mut self, workers: &[WorkerKey]) {
        let weight = |worker: &WorkerKey| {
            let child = self.children.get_mut(worker.serial)?;
            let usage = memory::of(child.process.pid())?;
            child.history().curve.record(usage.resident);
            Some((*worker, usage.private))
        };
        let weights = workers.iter().filter_map(weight).collect();
        self.queue.push_back(Event::Weighed(weights));
    }

    /// Reaps adopted orphans that have ended, and ends those that were left behind: started during the life of a
    /// worker that has ended, and in no living worker's group.
    #[inline(never)]
    fn sweep(&mut self) {
        let departed = self.children.departed.take();
        if !procfs::is_own() {
            // Who lives, and since when, can't be seen from here.
            self.take_all_births();
            let ended: Vec<_> = orphans::reap_ended(|pid| self.is_strange(pid)).collect();
            return ended.into_iter().for_each(|(pid, status, used)| self.miss(pid, status, used));
        }
        let strangers = self.strangers();
        // Who has left its zygote's group by then has told of it before.
        self.take_all_births();
        for stranger in strangers {
            if !self.is_strange(stranger.pid) {
                continue;
            }
            if let Some(end) = pidfd::reap_child(stranger.pid).transpose() {
                if let Ok((status, used)) = end {
                    self.miss(stranger.pid, status, used);
                }
                self.children.found.retain(|pid| *pid != stranger.pid);
                continue;
            }
            let belongs = self.children.serial_of(stranger.group).is_some()
                || self.zygotes.has(stranger.group)
                || self.children.found.contains(&stranger.pid);
            if departed.is_some_and(|born| stranger.started >= born) && !belongs {
                let _ = ph_signal::kill(stranger.pid.as_raw(), Signal::KILL);
                let pid = stranger.pid.as_raw();
                tracing::info!(pid, "ended a process that a worker left behind");
                // Its own children are ours once it has ended, and were left behind no less.
                self.children.departed = departed;
            }
        }
    }

    /// Children that the master did not make.
    fn strangers(&self) -> Vec<orphans::Child> {
        if !procfs::is_own() {
            return Vec::new();
        }
        let children = orphans::children(|pid| self.is_strange(pid)).map(|mut children| {
            // A master that succeeds this one is no stranger, nor is what it starts.
            children.retain(|it| !self.successor.as_ref().is_some_and(|own| own.owns(it)));
            children
        });
        children.unwrap_or_else(|error| {
            tracing::error!(%error, "cannot look for orphans");
            Vec::new()
        })
    }

    /// Whether a child is none of the master's making.
    pub(super) fn is_strange(&self, pid: Pid) -> bool {
        let resolver = self.reading.as_ref().and_then(|reading| reading.resolver.pid());
        let successor = self.successor.as_ref().map(|successor| successor.pid);
        let elector = self.elector_pid();
        let known = [resolver, successor, elector].contains(&Some(pid));
        self.children.serial_of(pid).is_none() && !known && !self.zygotes.has(pid)
    }

    #[inline(never)]
    fn exit(&mut self, outcome: Outcome) {
        self.reading = None;
        self.zygotes.keep(&[]);
        // Nobody's children outlive us, not even those that set themselves aside, nor theirs.
        let mut left: Vec<_> = self.strangers().into_iter().map(|stranger| stranger.pid).collect();
        // But for those that were there before this process was a master.
        left.retain(|pid| !self.children.found.contains(pid));
        while let Some(pid) = left.pop() {
            left.extend(orphans::children_of(pid));
            let _ = ph_signal::kill(pid.as_raw(), Signal::KILL);
        }
        self.close_account("stop");
        self.outcome = Some(outcome);
    }

    #[inline(never)]
    fn tell(&mut self, note: &Note) {
        if let Some(manager) = &self.manager {
            match note {
                Note::Started { workers, .. } => manager.serving(self.arbiter.role(), *workers),
                note => manager.hear(note),
            }
        }
        if let Note::Died(death) = note {
            if self.children.get(death.worker.serial).is_some_and(Child::is_copy) {
                self.untold.push(Untold::Ended(Box::new(death.clone())));
            } else if let Some(certificate) = self.certify(death) {
                self.untold.push(Untold::Died(Box::new(certificate), death.cause.clone()));
            }
            return;
        }
        self.happen_noted(note);
        let pid = |worker: &WorkerKey| {
            let child = self.children.get(worker.serial).map(|child| child.process.pid());
            child.or_else(|| self.zygotes.pid_for(worker.serial)).map_or(0, Pid::as_raw)
        };
        match note {
            Note::Stopping { .. } => {
                // There will be nobody any more.
                self.zygotes.keep(&[]);
                self.open_account();
                narrate::note(note);
            }
            Note::ChangeBegan { .. } => {
                self.open_account();
                narrate::note(note);
            }
            Note::ChangeEnded(change) => {
                narrate::note(note);
                self.close_account(change.kind);
            }
            Note::Leads { .. } | Note::StandsBy { .. } => {
                self.wear_role();
                narrate::note(note);
            }
            Note::Killing { worker, cause } => {
                let watched = self.children.get(worker.serial).is_some_and(Child::is_watched);
                narrate::killing(worker.slot, pid(worker), cause, watched);
            }
            other => narrate::note(other),
        }
    }

    /// Workers said something.
    pub(super) fn hear(&mut self) {
        for (serial, report) in self.hearing.listen() {
            // One that is reaped has nothing more to say.
            let Some(child) = self.children.get_mut(serial) else {
                self.zygotes.hear(serial, report);
                continue;
            };
            let worker = child.key;
            let follows = child.is_copy() && child.reopened != self.reopened;
            if report == Report::Ready && follows {
                // The log was reopened while it booted, deaf to that.
                let _ = child.process.signal(Signal::USR1);
            }
            let event = match report {
                Report::Ready => Event::Ready { worker },
                Report::Recycle => Event::Recycle { worker },
                Report::Broke => Event::Broke { worker },
                // The loop looks at that in each of its turns: this is to wake it.
                Report::LogFull => continue,
                Report::Failed(reason) => Event::BootFailed { worker, reason },
                Report::Said(line) => {
                    let history = child.history();
                    history.output.add(&line);
                    history.said = Some(line);
                    continue;
                }
            };
            // One at a time: the memory of a queue for all of them, each later fork would have to copy.
            self.feed(event);
        }
        self.work_off();
    }

    /// A worker ended. Its last words come first: they may say why.
    pub(super) fn mourn(&mut self, serial: u64) {
        self.hear();
        self.hear_notices();
        self.finish_output(serial);
        self.turn.wait();
        let Some(child) = self.children.get_mut(serial) else { return };
        let worker = child.key;
        let (mut status, used) = match child.process.look() {
            Ok(Some(end)) => end,
            Ok(None) => return self.withheld.push(Token::Death(serial)),
            Err(error) => {
                // Somebody else has reaped it: all that is known is that it has ended.
                tracing::error!(slot = child.key.slot, %error, "a worker's end was taken by another");
                (ExitStatus::Code(-1), Used::default())
            }
        };
        child.history().used = used;
        // Whom the master has killed, it has killed for reasons of its own.
        if !self.arbiter.has_killed(worker) {
            let oom = self.pressure.explain(status);
            child.history().oom = oom;
            if oom.is_some() {
                status = ExitStatus::OutOfMemory;
            }
        }
        if let Some(line) = child.printed_last() {
            // That is the reason, if it was still booting.
            let reason = foreign::lacks_package(line)
                .unwrap_or_else(|| format!("ended in boot with {status}; it printed last: {line}"));
            self.queue.push_back(Event::BootFailed { worker, reason });
        }
        self.hooks.worker_exit(worker.slot, child.process.pid().as_raw());
        self.feed(Event::Exited { worker, status });
    }
}

/// KILLs a worker and everyone in its group.
pub(super) fn end_group(child: &Child) {
    let _ = child.process.kill_group();
    let _ = child.process.signal(Signal::KILL);
}
