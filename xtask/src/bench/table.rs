//! The table at the end: a row per claim, with both figures, so that a reader can disagree with the
//! verdict.

use std::thread::available_parallelism;

use super::columns;
use super::run::Report;

/// What both sides measured. Not a number where a side has no such thing.
#[derive(Debug, Clone, Copy)]
pub(super) struct Figures {
    pub(super) ours: Option<f64>,
    pub(super) bare: f64,
}

#[derive(Debug, Clone, Copy)]
pub(super) enum Unit {
    Seconds,
    Bytes,
    Count,
    /// The same, where fractions matter.
    Mean,
    Times,
    PerSecond,
    /// Of one.
    Share,
}

#[derive(Debug, Clone, Copy)]
enum Target {
    /// Ours over theirs.
    Ratio(f64),
    /// The same, where more is better.
    RatioAtLeast(f64),
    /// Ours alone.
    AtMost(f64),
    None,
}

#[derive(Debug)]
pub(super) struct Row {
    what: String,
    unit: Unit,
    figures: Figures,
    /// Where it was measured apart from the figures.
    ratio: Option<f64>,
    target: Target,
    /// Whose figure stands beside ours.
    rival: &'static str,
}

/// Who is beside us unless it is said otherwise.
const C: &str = "C";

impl Row {
    /// A claim of the kind "at most so many times what it costs in C".
    pub(super) fn ratio(what: String, unit: Unit, figures: Figures, target: f64) -> Self {
        Self { what, unit, figures, ratio: None, rival: C, target: Target::Ratio(target) }
    }

    /// A claim of the kind "at least such a part of what C does".
    pub(super) fn at_least(what: String, unit: Unit, figures: Figures, target: f64) -> Self {
        Self { what, unit, figures, ratio: None, rival: C, target: Target::RatioAtLeast(target) }
    }

    /// A claim that stands for itself.
    pub(super) fn at_most(what: String, unit: Unit, figures: Figures, target: f64) -> Self {
        Self { what, unit, figures, ratio: None, rival: C, target: Target::AtMost(target) }
    }

    /// Figures that claim nothing.
    pub(super) fn plain(what: String, unit: Unit, figures: Figures) -> Self {
        Self { what, unit, figures, ratio: None, rival: C, target: Target::None }
    }

    /// A figure that explains the row above it.
    pub(super) fn note(what: &str, unit: Unit, ours: Option<f64>, bare: f64) -> Self {
        Self::plain(what.to_owned(), unit, Figures { ours, bare })
    }

    /// The same beside somebody else.
    pub(super) fn beside(self, rival: &'static str) -> Self {
        Self { rival, ..self }
    }

    /// A ratio better founded than that of the figures.
    pub(super) fn with_ratio(self, ratio: f64) -> Self {
        Self { ratio: Some(ratio), ..self }
    }

    fn ratio_of_sides(&self) -> Option<f64> {
        let ratio = self.ratio.unwrap_or(self.figures.ours? / self.figures.bare);
        ratio.is_finite().then_some(ratio)
    }

    /// None where nothing was claimed, or nothing measured.
    fn is_met(&self) -> Option<bool> {
        match self.target {
            Target::Ratio(most) => self.ratio_of_sides().map(|ratio| ratio <= most),
            Target::RatioAtLeast(least) => self.ratio_of_sides().map(|ratio| ratio >= least),
            Target::AtMost(most) => self.figures.ours.map(|ours| ours <= most),
            Target::None => None,
        }
    }

    pub(super) fn is_missed(&self) -> bool {
        self.is_met() == Some(false)
    }

    fn cells(&self) -> [String; 6] {
        let ratio = match self.target {
            Target::None if self.figures.ours.is_none() => None,
            _ => self.ratio_of_sides(),
        };
        let target = match self.target {
            Target::Ratio(most) => format!("<= {most} x {}", self.rival),
            Target::RatioAtLeast(least) => format!(">= {least} x {}", self.rival),
            Target::AtMost(most) => format!("<= {}", self.unit.show(most)),
            Target::None => String::new(),
        };
        [
            self.what.clone(),
            self.figures.ours.map_or_else(|| "-".to_owned(), |ours| self.unit.show(ours)),
            self.unit.show(self.figures.bare),
            ratio.map_or_else(String::new, |ratio| format!("{ratio:.2}")),
            target,
            verdict(self.is_met()),
        ]
    }
}

/// The word for whether a claim is met; none where nothing is claimed.
pub(super) fn verdict(met: Option<bool>) -> String {
    let word = match met {
        Some(true) => "ok",
        Some(false) => "MISSED",
        None => "",
    };
    word.to_owned()
}

impl Unit {
    pub(super) fn show(self, value: f64) -> String {
        match self {
            _ if value.is_infinite() => "inf".to_owned(),
            _ if value.is_nan() => "-".to_owned(),
            Unit::Seconds if value < 0.000_001 => format!("{:.1} ns", value * 1e9),
            Unit::Seconds if value < 0.000_1 => format!("{:.1} us", value * 1e6),
            Unit::Seconds if value < 0.001 => format!("{:.0} us", value * 1e6),
            Unit::Seconds if value < 1.0 => format!("{:.2} ms", value * 1e3),
            Unit::Seconds => format!("{value:.2} s"),
            Unit::Bytes => format!("{:.0} KiB", value / 1024.0),
            Unit::Count => format!("{value:.0}"),
            Unit::Mean => format!("{value:.1}"),
            Unit::Times => format!("{value:.2} x"),
            Unit::PerSecond => format!("{:.1} k/s", value / 1e3),
            Unit::Share => format!("{:.0} %", value * 100.0),
        }
    }
}

/// The middle one, or the mean of the middle two. Not a number for none at all.
pub(super) fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    match (sorted.len() / 2, sorted.len() % 2) {
        (0, 0) => f64::NAN,
        (middle, 1) => sorted[middle],
        (middle, _) => f64::midpoint(sorted[middle - 1], sorted[middle]),
    }
}

/// How many processes want a core, on average over the last minute.
pub(super) fn load() -> f64 {
    let text = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split_whitespace().next().and_then(|word| word.parse().ok()).unwrap_or(f64::NAN)
}

/// Prints what was compared with, and how quiet the machine was.
pub(super) fn head(compiler: &str, rounds: usize, rival: &str, load: f64) {
    let kernel = rustix::system::uname();
    let cores = available_parallelism().map_or(1, usize::from);
    println!("\nmedians of {rounds} rounds or more, sides in turn, against {rival}");
    println!("{compiler} -O2, Linux {}, {cores} cores", kernel.release().to_string_lossy());
    println!("{load:.1} processes of others were running when it began\n");
}

impl Report for Vec<Row> {
    fn print(&self) {
        print!("{}", layout(self));
    }

    fn missed(&self) -> usize {
        self.iter().filter(|row| row.is_missed()).count()
    }
}

/// The rows in columns.
pub(super) fn layout(rows: &[Row]) -> String {
    let head = ["", "ours", "C", "ratio", "target", ""].map(str::to_owned);
    let lines: Vec<[String; 6]> =
        std::iter::once(head).chain(rows.iter().map(Row::cells)).collect();
    columns::layout(&lines, 1..4)
}

#[cfg(test)]
mod tests {
    use super::{Figures, Row, Unit, layout, median};

    fn ratio(ours: f64, bare: f64) -> Row {
        Row::ratio("a".to_owned(), Unit::Seconds, Figures { ours: Some(ours), bare }, 1.5)
    }

    #[test]
    fn the_median_is_in_the_middle() {
        assert_eq!(median(&[3.0, 1.0, 2.0]), 2.0);
        assert_eq!(median(&[4.0, 1.0, 2.0, 3.0]), 2.5);
        assert!(median(&[]).is_nan());
    }

    #[test]
    fn a_claim_is_met_missed_or_not_measured() {
        assert!(!ratio(0.15, 0.1).is_missed());
        assert!(ratio(0.16, 0.1).is_missed());
        let unmeasured =
            Row::at_most("a".to_owned(), Unit::Count, Figures { ours: None, bare: 7.0 }, 0.0);
        assert_eq!(unmeasured.is_met(), None);
        let alone =
            Row::at_most("a".to_owned(), Unit::Count, Figures { ours: Some(1.0), bare: 0.0 }, 0.0);
        assert!(alone.is_missed());
    }

    #[test]
    fn more_can_be_better() {
        let rate = |ours| {
            let figures = Figures { ours: Some(ours), bare: 1000.0 };
            Row::at_least("a".to_owned(), Unit::PerSecond, figures, 0.9)
        };
        assert!(!rate(900.0).is_missed());
        assert!(rate(899.0).is_missed());
        assert!(layout(&[rate(899.0)]).contains("0.9 k/s"));
    }

    #[test]
    fn figures_have_their_unit() {
        let shown = layout(&[ratio(0.0363, 0.000_330)]);
        let words: Vec<&str> = shown.lines().nth(1).unwrap().split_whitespace().collect();
        assert_eq!(
            words,
            ["a", "36.30", "ms", "330", "us", "110.00", "<=", "1.5", "x", "C", "MISSED"]
        );
        assert_eq!(Unit::Bytes.show(400.0 * 1024.0), "400 KiB");
        assert_eq!(Unit::Seconds.show(41e-9), "41.0 ns");
        assert_eq!(Unit::Share.show(0.934), "93 %");
        assert_eq!(Unit::Seconds.show(f64::NAN), "-");
    }
}
