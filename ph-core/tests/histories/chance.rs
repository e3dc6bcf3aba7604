//! What happens in the world: anything that may.

use std::time::Duration;

use ph_core::arbiter::{Event, ExitStatus, Policy, Refusal, ScaleBy, Slots, Speed, WorkerKey};

use crate::world::{LIMIT, Life, World, policy};

impl World {
    pub(super) fn any(&mut self, life: Life) -> Option<WorkerKey> {
        let found: Vec<WorkerKey> =
            self.live.iter().filter(|(_, is)| **is == life).map(|(key, _)| *key).collect();
        self.dice.pick(&found)
    }

    pub(super) fn exit_status(&mut self) -> ExitStatus {
        match self.dice.below(5) {
            0 => ExitStatus::Code(0),
            1 => ExitStatus::Code(1 + self.dice.below(255) as i32),
            2 => ExitStatus::OutOfMemory,
            _ => ExitStatus::Signal { signal: 1 + self.dice.below(31) as i32, core: false },
        }
    }

    pub(super) fn random_event(&mut self) {
        if self.dice.one_in(4) {
            self.depart();
        }
        match self.dice.below(32) {
            0..=5 => {
                if let Some(worker) = self.any(Life::Booting) {
                    self.live.insert(worker, Life::Ready);
                    self.step(Event::Ready { worker });
                }
            }
            6 => {
                if let Some(worker) = self.any(Life::Booting) {
                    self.step(Event::BootFailed { worker, reason: "no".into() });
                }
            }
            7 => {
                let life = self.dice.pick(&[Life::Booting, Life::Ready]).unwrap_or(Life::Ready);
                if let Some(worker) = self.any(life) {
                    let status = self.exit_status();
                    self.step(Event::Exited { worker, status });
                }
            }
            8..=11 => {
                if let Some(worker) = self.any(Life::Asked) {
                    self.step(Event::Exited { worker, status: ExitStatus::Code(0) });
                }
            }
            12..=13 => self.let_one_killed_end(),
            14 => {
                if let Some(worker) = self.any(Life::Ready) {
                    if self.dice.one_in(3) {
                        self.live.insert(worker, Life::Asked);
                        self.step(Event::Broke { worker });
                    } else {
                        self.step(Event::Recycle { worker });
                    }
                }
            }
            15 => {
                let asked = self.ticket();
                let by = match self.dice.below(3) {
                    0 => ScaleBy::To(self.dice.below(9) as u32),
                    1 => ScaleBy::Relative(self.dice.below(9) as i64 - 4),
                    _ => ScaleBy::Nudge(self.dice.below(5) as i64 - 2),
                };
                self.step(Event::Scale { asked, by });
            }
            16 => {
                let asked = self.ticket();
                self.step(Event::Reload { asked });
            }
            17 if self.reading => self.answer_config(),
            18 => {
                let asked = self.ticket();
                let slots = if self.dice.one_in(2) {
                    Slots::All
                } else {
                    Slots::These(vec![self.dice.below(6) as u32])
                };
                self.step(Event::Restart { asked, slots });
            }
            19 => {
                let asked = self.ticket();
                let slot = self.dice.below(6) as u32;
                self.step(Event::StopWorker { asked, slot });
            }
            20 => {
                if self.dice.one_in(8) {
                    self.step(Event::RetireAll);
                } else if self.dice.one_in(4) {
                    self.can_fork = !self.can_fork;
                }
            }
            21 => {
                if let Some(&ticket) = self.open.iter().next().filter(|_| self.dice.one_in(3)) {
                    self.step(Event::Forget(ticket));
                    self.open.remove(&ticket);
                }
            }
            22 => self.answer_claim(),
            23 => self.look_or_connect(),
            24 => {
                let asked = self.ticket();
                self.step(Event::Upgrade { asked });
            }
            25 if self.succession && self.dice.one_in(3) => match self.dice.below(16) {
                0 => {
                    self.step(Event::SuccessorReady);
                    if self.dice.one_in(2) {
                        self.step(Event::SuccessorServes);
                    }
                }
                1 => self.step(Event::SuccessorServes),
                2..=8 => self.step(Event::ProgramReady),
                _ => {
                    let reason = "it crashed".to_owned();
                    self.step(Event::SuccessorFailed { reason });
                }
            },
            26..=28 => self.hear_elector(),
            _ => self.pass_time(),
        }
    }

    pub(super) fn answer_config(&mut self) {
        self.reading = false;
        let answer = if self.dice.one_in(4) {
            Err(Refusal { code: 78, reason: "invalid".into() })
        } else {
            let lease = self.policy.lease.clone();
            let policy = Policy { lease, ..policy(&mut self.dice) };
            self.surge = policy.max_surge;
            self.highest_surge = self.highest_surge.max(policy.max_surge);
            self.candidate = Some(policy.clone());
            Ok(policy)
        };
        self.step(Event::ConfigRead(answer));
    }

    /// Leaks go on: who was above the limit mostly is again.
    pub(super) fn answer_weights(&mut self) {
        let mut weights = Vec::new();
        for worker in std::mem::take(&mut self.weighing) {
            let looks = &mut self.above.get_mut(&worker).expect("it lives").1;
            let heavy = if *looks > 0 { !self.dice.one_in(4) } else { self.dice.one_in(3) };
            *looks = if heavy { *looks + 1 } else { 0 };
            weights.push((worker, if heavy { LIMIT + 1 } else { LIMIT }));
        }
        self.step(Event::Weighed(weights));
    }

    pub(super) fn let_one_killed_end(&mut self) {
        if let Some(worker) = self.any(Life::Killed) {
            let status = ExitStatus::Signal { signal: 9, core: false };
            self.step(Event::Exited { worker, status });
        }
    }

    pub(super) fn pass_time(&mut self) {
        let deadline = self.arbiter.next_deadline();
        let by = match (deadline, self.dice.below(10)) {
            (Some(at), 0..=5) => at - self.now,
            (Some(at), 6) => at - self.now + Duration::from_secs(self.dice.below(5)),
            _ => Duration::from_millis(self.dice.below(300)),
        };
        self.now += by;
        self.step(Event::Tick);
        if self.dice.one_in(8) {
            let event = match self.dice.below(3) {
                0 => Event::GuardDied,
                1 => Event::GuardFailed,
                _ => Event::ChildEnded,
            };
            self.step(event);
        }
        self.answer_load();
        if std::mem::take(&mut self.scanning) {
            let since = self.now - Duration::from_millis(self.dice.below(4000));
            for worker in self.live.keys().copied().collect::<Vec<_>>() {
                if self.live.contains_key(&worker) && self.dice.one_in(2) {
                    self.step(Event::Busy { worker, since });
                }
            }
        }
    }

    /// A stop, hurried twice: whatever the workers do, only kills are left, and then the end.
    pub(super) fn end(&mut self) {
        for speed in [Speed::Graceful, Speed::Graceful, Speed::Graceful] {
            if self.exit.is_none() {
                let asked = self.ticket();
                self.step(Event::Stop { asked, speed });
            }
            // A signal goes one speed up, a request only to the speed that it names.
            if self.exit.is_none() {
                self.step(Event::Stop { asked: None, speed });
            }
        }
        while self.exit.is_none() {
            if self.live.is_empty() {
                self.lose_elector();
                continue;
            }
            assert!(self.live.values().all(|life| *life == Life::Killed), "{:?}", self.live);
            self.let_one_killed_end();
        }
        assert!(self.arbiter.is_over());
        assert_eq!(self.arbiter.next_deadline(), None, "an ended arbiter waits for nothing");
        assert!(self.open.is_empty(), "never answered: {:?}", self.open);
    }
}
