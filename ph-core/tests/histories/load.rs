//! The load of the world: what workers hold, who connects, and whom the master may claim.

use std::collections::BTreeSet;

use ph_core::arbiter::{Action, Event, Load, Speed, WorkerKey};

use crate::world::{Life, World};

#[derive(Debug, Default)]
pub(super) struct LoadSide {
    /// How much there is to do: nothing at 0.
    busyness: u64,
    pub(super) measuring: bool,
    pub(super) watching: bool,
    /// Who held nothing in the last look.
    idle: BTreeSet<WorkerKey>,
    claiming: Option<Vec<WorkerKey>>,
    /// Workers that were given up for want of work.
    pub(super) given_up: u64,
}

/// What was so before a step that has to do with the load.
pub(super) enum Before {
    Look { wanted: u32, absent: usize },
    Claimed { wanted: u32, worker: WorkerKey },
    Other,
}

impl World {
    pub(super) fn before(&self, event: &Event) -> Before {
        let wanted = self.arbiter.wanted();
        match event {
            Event::Load(_) => Before::Look { wanted, absent: self.absent() },
            Event::Claimed { worker } => Before::Claimed { wanted, worker: *worker },
            _ => Before::Other,
        }
    }

    /// Slots that are wanted and have nobody.
    fn absent(&self) -> usize {
        let rows = self.arbiter.snapshot(self.now).workers;
        let active = rows.iter().filter(|row| matches!(row.state, "booting" | "ready"));
        let slots: BTreeSet<u32> = active.map(|row| row.slot).collect();
        (self.arbiter.wanted() as usize).saturating_sub(slots.len())
    }

    /// For want of work nobody is asked to leave who was not claimed.
    pub(super) fn judge_load(&mut self, before: &Before, actions: &[Action]) {
        let now = self.arbiter.wanted();
        match *before {
            Before::Look { wanted, absent } if now < wanted => {
                assert!(now == wanted - 1 && absent > 0, "{wanted} to {now}, {absent} absent");
            }
            Before::Look { .. } => {
                let stopped = actions.iter().find(|it| matches!(it, Action::Stop { .. }));
                assert_eq!(stopped, None, "a look at the load ended a worker");
            }
            Before::Claimed { wanted, worker } if now < wanted => {
                let stop = Action::Stop { worker, speed: Speed::Graceful };
                assert_eq!(now, wanted - 1, "one claimed, one less");
                assert!(actions.contains(&stop), "claimed and kept: {actions:?}");
                self.load.given_up += 1;
            }
            Before::Claimed { .. } | Before::Other => {}
        }
    }

    pub(super) fn take_claim(&mut self, workers: Vec<WorkerKey>) {
        assert!(!workers.is_empty(), "a claim of nobody");
        assert!(workers.is_sorted_by(|one, next| one.slot > next.slot), "not the highest first");
        for worker in &workers {
            assert_eq!(self.live.get(worker), Some(&Life::Ready), "{worker:?} is claimed");
            assert!(self.load.idle.contains(worker), "{worker:?} was busy when last seen");
        }
        self.load.claiming = Some(workers);
    }

    /// The claim comes true for one that still lives, or for none.
    pub(super) fn answer_claim(&mut self) {
        let Some(mut workers) = self.load.claiming.take() else { return };
        workers.retain(|worker| self.live.contains_key(worker));
        if let Some(worker) = self.dice.pick(&workers).filter(|_| !self.dice.one_in(4)) {
            self.step(Event::Claimed { worker });
        }
    }

    /// Most looks are taken at once, and most claims are.
    pub(super) fn answer_load(&mut self) {
        if self.load.measuring && !self.dice.one_in(8) {
            self.look();
            if !self.dice.one_in(4) {
                self.answer_claim();
            }
        }
    }

    pub(super) fn look_or_connect(&mut self) {
        if self.dice.one_in(2) {
            self.load.busyness = self.dice.pick(&[0, 0, 0, 1, 3]).unwrap_or(0);
        }
        if self.load.busyness > 0 && std::mem::take(&mut self.load.watching) {
            self.step(Event::Connected);
        } else if self.dice.one_in(4) {
            // A look that nobody asked for does no harm.
            self.look();
        }
        self.answer_load();
    }

    fn look(&mut self) {
        self.load.measuring = false;
        let (busyness, dice) = (self.load.busyness, &mut self.dice);
        let mut some = |most: u64| if dice.below(4) < busyness { dice.below(most) } else { 0 };
        let held: Vec<_> = self.live.keys().map(|key| (*key, some(5))).collect();
        let queue = some(9) as u32;
        let accepted = some(2);
        let idle = held.iter().filter(|(_, held)| *held == 0);
        self.load.idle = idle.map(|(key, _)| *key).collect();
        self.step(Event::Load(Load { held, queue, accepted }));
    }
}
