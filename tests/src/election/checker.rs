//! Whether what workers wrote down could be the work of one leader at a time. It knows nothing of masters but their names.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use super::record::Record;

/// How long before its deadline a worker is told at the earliest that its master leads no more; a lease of
/// [`TTL`](super::candidate::TTL) has no more than that.
const NOTICE: Duration = Duration::from_millis(100);
/// How much sooner than etcd a leader takes its lease for over.
const MARGIN: Duration = Duration::from_millis(500);

/// Something that must never happen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Violation {
    /// Somebody wrote when a successor had done so.
    Late {
        /// What it wrote.
        record: Record,
        /// The highest token until then.
        highest: u64,
    },
    /// A successor's worker began before the last of its predecessor's had ended.
    Overlap {
        /// What the successor wrote.
        record: Record,
        /// The latest moment of a smaller token.
        former: Duration,
    },
    /// Two masters had one token.
    Shared {
        /// What the second wrote.
        record: Record,
        /// Whose token it was.
        owner: String,
    },
    /// A worker lived past its deadline, and past the end of the lease as etcd sees it.
    Deadline {
        /// What it wrote.
        record: Record,
        /// Since when its master didn't lead any more, by what it was told.
        since: Duration,
    },
    /// A worker wrote when its master's lease was certainly over.
    Silence {
        /// What it wrote.
        record: Record,
        /// Since when there should have been none.
        since: Duration,
    },
    /// A worker was alive after a successor had begun.
    Alive {
        /// What it had written last.
        record: Record,
        /// The successor's token.
        successor: u64,
    },
    /// Two masters had workers at the same time.
    Both(String, String),
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let who = |record: &Record| {
            let Record { token, at, worker, master, .. } = record;
            format!("worker {} of {master} with token {token} at {at:?}", worker.pid())
        };
        match self {
            Self::Late { record, highest } => {
                write!(f, "{} wrote after somebody with token {highest}", who(record))
            }
            Self::Overlap { record, former } => {
                write!(f, "{} worked before its predecessors were done at {former:?}", who(record))
            }
            Self::Shared { record, owner } => write!(f, "{} had a token of {owner}", who(record)),
            Self::Deadline { record, since } => {
                write!(f, "{} was there still; its master led until {since:?}", who(record))
            }
            Self::Silence { record, since } => {
                write!(f, "{} wrote; its lease was over at {since:?}", who(record))
            }
            Self::Alive { record, successor } => {
                write!(f, "{} lived on beside token {successor}", who(record))
            }
            Self::Both(one, other) => write!(f, "{one} and {other} had workers at the same time"),
        }
    }
}

/// From when to when nobody may work.
#[derive(Clone, Debug)]
struct Silence {
    /// Of which master; of any.
    of: Option<String>,
    since: Duration,
    until: Option<Duration>,
}

/// What is known of a token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reign {
    /// Whose it is.
    pub master: String,
    /// When a worker wrote with it first.
    pub first: Duration,
    /// And when last.
    pub last: Duration,
    /// Since when workers are told that it is over.
    over: Option<Duration>,
}

/// Reads records in the order in which they were written.
#[derive(Debug, Default)]
pub struct Checker {
    reigns: BTreeMap<u64, Reign>,
    silences: Vec<Silence>,
    records: u64,
    overrun: Duration,
}

impl Checker {
    /// From `since` on nothing may come from this master, or from anybody.
    pub fn silence(&mut self, of: Option<&str>, since: Duration) {
        self.silences.push(Silence { of: of.map(str::to_owned), since, until: None });
    }

    /// Whoever had to be silent may work again from now on.
    pub fn speak(&mut self, now: Duration) {
        for silence in self.silences.iter_mut().filter(|silence| silence.until.is_none()) {
            silence.until = Some(now);
        }
    }

    /// By how much workers outlived their deadlines, at most, since this was asked last. Nobody else leads yet for a margin; but
    /// on a machine that has time for whoever has something to do, it is zero.
    pub fn overrun(&mut self) -> Duration {
        std::mem::take(&mut self.overrun)
    }

    /// How many records were read.
    #[must_use]
    pub fn records(&self) -> u64 {
        self.records
    }

    /// The latest reign, and its token.
    #[must_use]
    pub fn reign(&self) -> Option<(u64, &Reign)> {
        self.reigns.last_key_value().map(|(token, reign)| (*token, reign))
    }

    /// That of one token.
    #[must_use]
    pub fn reign_of(&self, token: u64) -> Option<&Reign> {
        self.reigns.get(&token)
    }

    /// The reign that came after a token.
    #[must_use]
    pub fn successor(&self, token: u64) -> Option<(u64, &Reign)> {
        self.reigns.range(token + 1..).next().map(|(token, reign)| (*token, reign))
    }

    /// The first token and the last.
    #[must_use]
    pub fn tokens(&self) -> Option<(u64, u64)> {
        Some((*self.reigns.first_key_value()?.0, *self.reigns.last_key_value()?.0))
    }

    /// Reads the next record; what is wrong about it.
    pub fn read(&mut self, record: &Record) -> Vec<Violation> {
        self.records += 1;
        let mut wrong = Vec::new();
        let mut say = |violation| wrong.push(violation);
        let highest = self.tokens().map_or(0, |(_, last)| last);
        if record.token < highest {
            say(Violation::Late { record: record.clone(), highest });
        }
        // Only the reign before: of two that are further apart, one between them overlaps as well.
        let before = self.reigns.range(..record.token).next_back();
        if let Some((_, before)) = before.filter(|(_, before)| record.at <= before.last) {
            say(Violation::Overlap { record: record.clone(), former: before.last });
        }
        let (master, at) = (record.master.clone(), record.at);
        let new = || Reign { master, first: at, last: at, over: None };
        let reign = self.reigns.entry(record.token).or_insert_with(new);
        reign.last = reign.last.max(at);
        let over = *reign.over.get_or_insert(at);
        if reign.master != record.master {
            say(Violation::Shared { record: record.clone(), owner: reign.master.clone() });
        }
        if record.leading {
            reign.over = None;
        } else {
            self.overrun = self.overrun.max(at.saturating_sub(over + NOTICE));
            if at > over + NOTICE + MARGIN {
                say(Violation::Deadline { record: record.clone(), since: over });
            }
        }
        for silence in &self.silences {
            let concerned = silence.of.as_ref().is_none_or(|of| *of == record.master);
            let broken =
                record.at >= silence.since && silence.until.is_none_or(|until| record.at < until);
            if concerned && broken {
                say(Violation::Silence { record: record.clone(), since: silence.since });
            }
        }
        wrong
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{Checker, Violation};
    use crate::election::record::Record;
    use crate::process::Process;

    fn record(token: u64, millis: u64, master: &str) -> Record {
        Record {
            token,
            at: Duration::from_millis(millis),
            worker: Process::known(1, 1),
            leading: true,
            master: master.to_owned(),
        }
    }

    /// What is wrong about the last.
    fn last(records: &[Record]) -> Vec<Violation> {
        let mut checker = Checker::default();
        let mut found: Vec<_> = records.iter().map(|record| checker.read(record)).collect();
        let last = found.pop().unwrap();
        assert_eq!(found.concat(), []);
        last
    }

    #[test]
    fn one_after_the_other_is_well() {
        let mut checker = Checker::default();
        // Two workers of one master pass each other between looking at the clock and writing.
        for (token, at, master) in [(3, 20, "a"), (3, 10, "a"), (7, 21, "b"), (9, 30, "a")] {
            assert_eq!(checker.read(&record(token, at, master)), []);
        }
        assert_eq!((checker.records(), checker.tokens()), (4, Some((3, 9))));
    }

    #[test]
    fn who_writes_after_a_successor_is_late() {
        let late = record(3, 30, "a");
        let found = last(&[record(3, 10, "a"), record(7, 20, "b"), late.clone()]);
        assert_eq!(found, [Violation::Late { record: late, highest: 7 }]);
    }

    #[test]
    fn tokens_that_shrink_are_found_at_another_master_too() {
        let smaller = record(3, 30, "b");
        let found = last(&[record(7, 20, "a"), smaller.clone()]);
        assert_eq!(found, [Violation::Late { record: smaller, highest: 7 }]);
    }

    #[test]
    fn a_successor_that_began_before_the_end_overlaps() {
        let early = record(7, 20, "b");
        let found = last(&[record(3, 10, "a"), record(3, 20, "a"), early.clone()]);
        let former = Duration::from_millis(20);
        assert_eq!(found, [Violation::Overlap { record: early, former }]);
    }

    #[test]
    fn a_token_belongs_to_one_master() {
        let second = record(3, 20, "b");
        let found = last(&[record(3, 10, "a"), second.clone()]);
        assert_eq!(found, [Violation::Shared { record: second, owner: "a".to_owned() }]);
    }

    #[test]
    fn a_worker_ends_soon_after_it_was_told_that_its_master_leads_no_more() {
        let told = |millis| Record { leading: false, ..record(3, millis, "a") };
        let late = told(611);
        let found = Violation::Deadline { record: late.clone(), since: Duration::from_millis(10) };
        assert_eq!(last(&[record(3, 0, "a"), told(10), told(610), late]), [found]);
        let mut checker = Checker::default();
        for (millis, overrun) in [(10, 0), (110, 0), (150, 40), (151, 41)] {
            assert_eq!(checker.read(&told(millis)), []);
            assert_eq!(checker.overrun(), Duration::from_millis(overrun));
        }
        // The lease was renewed in the last moment.
        assert_eq!(last(&[told(10), record(3, 50, "a"), told(120)]), []);
    }

    #[test]
    fn silence_is_for_whom_it_concerns_and_has_an_end() {
        let at = Duration::from_millis;
        for of in [Some("a"), None] {
            let mut checker = Checker::default();
            checker.silence(of, at(20));
            assert_eq!(checker.read(&record(3, 19, "a")), []);
            let broken = record(3, 20, "a");
            let found = Violation::Silence { record: broken.clone(), since: at(20) };
            assert_eq!(checker.read(&broken), [found]);
            assert_eq!(checker.read(&record(4, 25, "b")).len(), usize::from(of.is_none()));
            checker.speak(at(30));
            assert_eq!(checker.read(&record(5, 29, "a")).len(), 1, "it is read late");
            assert_eq!(checker.read(&record(5, 30, "a")), []);
        }
    }
}
