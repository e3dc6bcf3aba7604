//! The world stays, and the program changes: an arbiter is carried off, and another one goes on with it.

use std::time::Duration;

use ph_core::arbiter::{Arbiter, Carried, Departure, Event};

use crate::world::World;

impl World {
    /// Does what a loop does when it comes round and the process is to become another program.
    pub(super) fn depart(&mut self) {
        let Some(departure) = self.arbiter.departure().cloned() else { return };
        if self.dice.one_in(4) {
            // It stays what it is.
            self.step(Event::SuccessorFailed { reason: "no such file".into() });
            return;
        }
        let then = self.now;
        let words = serde_json::to_string(&self.arbiter.carry(then)).unwrap();
        let carried: Carried = serde_json::from_str(&words).unwrap();
        let resumed =
            Arbiter::resume(self.policy.clone(), carried.clone(), then, self.dice.below(1 << 20));
        let same = (resumed.snapshot(then), resumed.carry(then));
        assert_eq!(same, (self.arbiter.snapshot(then), carried));
        self.arbiter = resumed;
        self.now += Duration::from_millis(self.dice.below(3) * 4);
        self.candidate = None;
        // Who was asked is gone; whoever asks, asks anew.
        self.reading = false;
        (self.load.measuring, self.load.watching) = (false, false);
        self.succession = false;
        let first = match departure {
            Departure::Forth => {
                self.passages.0 += 1;
                Event::Resumed
            }
            Departure::Back { reason } => {
                self.passages.1 += 1;
                Event::SuccessorFailed { reason }
            }
        };
        self.step(first);
    }
}
