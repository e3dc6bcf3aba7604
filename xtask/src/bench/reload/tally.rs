//! The clients' account: what they had, and what they were owed and never got.

use std::ops::AddAssign;
use std::time::Duration;

use super::reloads;
use crate::bench::clients::numbers;
use crate::error::{Context, Result};

/// What one lot of clients says at its end, or several together.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Tally {
    pub(super) answers: u64,
    /// The longest time between two answers to one client, for each reload.
    pub(super) reloaded: Vec<Duration>,
    /// The same, for each reload's window.
    pub(super) about: Vec<Duration>,
    /// The same, for as long a time in which nothing happened.
    pub(super) undisturbed: Vec<Duration>,
    /// How long each reload took.
    pub(super) took: Vec<Duration>,
    pub(super) lost: Lost,
    /// Answers that told their client to open another connection.
    pub(super) polite: u64,
}

/// Requests without an answer, by what became of them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Lost {
    pub(super) refused: u64,
    pub(super) reset: u64,
    pub(super) closed: u64,
    /// Another answer than the one that was due, or one too many.
    pub(super) wrong: u64,
    pub(super) late: u64,
}

impl Tally {
    /// The lines that `http_load` prints.
    pub(super) fn parse(text: &str) -> Result<Self> {
        let line = |kind: &str| {
            let line = text.lines().find(|line| line.starts_with(kind));
            line.context(|| format!("the clients said nothing of {kind}: {text:?}"))
        };
        let stretches = text.lines().filter(|line| line.starts_with("longest"));
        let stretches = stretches.map(|line| {
            numbers(line, "longest").map(|[nanoseconds]| Duration::from_nanos(nanoseconds))
        });
        let stretches: Vec<Duration> = stretches.collect::<Result<_>>()?;
        // Before the first mark they connect.
        let (lots, _) =
            stretches.get(1..).unwrap_or_default().as_chunks::<{ reloads::STRETCHES }>();
        let reloaded = lots.iter().map(|[reload, ..]| *reload).collect();
        let about = lots.iter().map(|[reload, rest, ..]| *reload.max(rest)).collect();
        let undisturbed = lots.iter().map(|[_, _, _, undisturbed, _]| *undisturbed).collect();
        let [answers] = numbers(line("answers")?, "answers")?;
        let [refused, reset, closed, wrong, late] = numbers(line("lost")?, "lost")?;
        let [polite] = numbers(line("closes")?, "closes")?;
        let lost = Lost { refused, reset, closed, wrong, late };
        let took = Vec::new();
        Ok(Self { answers, reloaded, about, undisturbed, took, lost, polite })
    }
}

impl AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.answers += other.answers;
        self.reloaded.extend(other.reloaded);
        self.about.extend(other.about);
        self.undisturbed.extend(other.undisturbed);
        self.took.extend(other.took);
        self.lost.refused += other.lost.refused;
        self.lost.reset += other.lost.reset;
        self.lost.closed += other.lost.closed;
        self.lost.wrong += other.lost.wrong;
        self.lost.late += other.lost.late;
        self.polite += other.polite;
    }
}

impl Lost {
    pub(super) fn sum(self) -> u64 {
        self.kinds().iter().map(|(count, _)| count).sum()
    }

    /// For people: `2 reset, 1 late`.
    pub(super) fn say(self) -> String {
        let kinds = self.kinds().into_iter().filter(|(count, _)| *count > 0);
        kinds.map(|(count, kind)| format!("{count} {kind}")).collect::<Vec<_>>().join(", ")
    }

    fn kinds(self) -> [(u64, &'static str); 5] {
        [
            (self.refused, "refused"),
            (self.reset, "reset"),
            (self.closed, "closed"),
            (self.wrong, "wrong"),
            (self.late, "late"),
        ]
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{Lost, Tally};

    const SAID: &str = "longest 9000000\nlongest 4000000\nlongest 8000000\nlongest 7000000\n\
                        longest 3000000\nlongest 6000000\nanswers 1000\nlost 1 2 3 4 5\ncloses 6\n";

    #[test]
    fn an_account_is_read_and_added_up() {
        let one = Tally::parse(SAID).unwrap();
        let lost = Lost { refused: 1, reset: 2, closed: 3, wrong: 4, late: 5 };
        let [undisturbed, reloaded, about] = [3, 4, 8].map(|it| vec![Duration::from_millis(it)]);
        let (answers, took, polite) = (1000, Vec::new(), 6);
        assert_eq!(one, Tally { answers, reloaded, about, undisturbed, took, lost, polite });
        assert_eq!(one.lost.sum(), 15);
        assert_eq!(Lost { refused: 0, late: 0, ..one.lost }.say(), "2 reset, 3 closed, 4 wrong");

        let mut all = one.clone();
        all += one;
        assert_eq!((all.answers, all.lost.sum(), all.polite), (2000, 30, 12));
        assert_eq!(all.reloaded, [4, 4].map(Duration::from_millis), "each by itself");
        assert_eq!(all.undisturbed, [3, 3].map(Duration::from_millis));
    }

    #[test]
    fn half_an_account_is_none() {
        for lines in 0..SAID.lines().count() {
            let half: Vec<&str> = SAID.lines().take(lines).collect();
            assert!(Tally::parse(&half.join("\n")).is_err());
        }
        assert!(Tally::parse(&SAID.replace(" 5\n", "\n")).is_err());
    }
}
