//! What the suites of this crate share.
#![allow(dead_code, reason = "each suite uses its part")]

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use ph_leader::store::Store;
use ph_leader::{Campaign, Command, Event, Options, Report};

/// Longer than anything takes.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// A directory that goes with the test.
pub(crate) struct Temporary(PathBuf);

impl Temporary {
    pub(crate) fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("ph-leader-{}-{count}", std::process::id()));
        std::fs::create_dir(&path).unwrap();
        Self(path)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

pub(crate) fn within<T>(work: impl FnOnce() -> T) -> (T, Duration) {
    let begun = Instant::now();
    (work(), begun.elapsed())
}

/// A campaign, and somebody who answers it.
pub(crate) struct Runner {
    pub(crate) campaign: Campaign,
    pub(crate) answers: bool,
    events: Vec<Event>,
    troubles: Vec<String>,
}

impl Runner {
    pub(crate) fn start(name: &str, store: impl Store, ttl: Duration) -> Self {
        Self::of(Campaign::start(store, Options::new(name, ttl).unwrap()).unwrap())
    }

    pub(crate) fn of(campaign: Campaign) -> Self {
        Self { campaign, answers: true, events: Vec::new(), troubles: Vec::new() }
    }

    fn turn(&mut self, timeout: Duration) {
        for report in self.campaign.wait(Some(timeout)).unwrap() {
            match report {
                Report::Trouble(sentence) => self.troubles.push(sentence),
                Report::Event { serial, event } => {
                    self.events.push(event);
                    if self.answers {
                        self.campaign.command(Command::Answer(serial));
                    }
                }
            }
        }
    }

    fn until<T>(&mut self, what: &str, mut find: impl FnMut(&mut Self) -> Option<T>) -> T {
        let end = Instant::now() + PATIENCE;
        loop {
            if let Some(found) = find(self) {
                return found;
            }
            let left = end.saturating_duration_since(Instant::now());
            assert!(!left.is_zero(), "{what} never came; {:?} {:?}", self.events, self.troubles);
            self.turn(left);
        }
    }

    /// The next event.
    pub(crate) fn hears(&mut self) -> Event {
        self.until("an event", |runner| {
            (!runner.events.is_empty()).then(|| runner.events.remove(0))
        })
    }

    /// Hears events up to one for which that is so, and returns the one before it.
    pub(crate) fn hears_until(&mut self, mut is_it: impl FnMut(&Event) -> bool) -> Event {
        let mut before = Event::Unknown;
        let end = Instant::now() + PATIENCE;
        loop {
            assert!(
                Instant::now() < end,
                "it never came; the last was {before:?}, {:?}",
                self.troubles
            );
            let event = self.hears();
            if is_it(&event) {
                return before;
            }
            before = event;
        }
    }

    /// The token, once it leads.
    pub(crate) fn leads(&mut self) -> u64 {
        let end = Instant::now() + PATIENCE;
        loop {
            assert!(Instant::now() < end, "it never leads: {:?}", self.troubles);
            if let Event::Leader { token, .. } = self.hears() {
                return token;
            }
        }
    }

    /// The next sentence.
    pub(crate) fn trouble(&mut self) -> String {
        self.until("a sentence", |runner| {
            (!runner.troubles.is_empty()).then(|| runner.troubles.remove(0))
        })
    }

    pub(crate) fn hears_nothing_for(&mut self, span: Duration) {
        let end = Instant::now() + span;
        while Instant::now() < end {
            self.turn(end.saturating_duration_since(Instant::now()));
            assert!(self.events.is_empty(), "{:?}", self.events);
        }
    }

    pub(crate) fn stop(&mut self) {
        self.campaign.command(Command::Stop);
        self.until("the end", |runner| runner.campaign.is_over().then_some(()));
    }
}
