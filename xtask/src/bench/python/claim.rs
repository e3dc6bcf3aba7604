//! The table: a row per claim, with a column for each side.

use crate::bench::columns;
use crate::bench::table::{Unit, verdict};

/// Not a number where a side has no such thing.
#[derive(Debug, Clone, Copy)]
pub(super) struct Figures {
    pub(super) ours: f64,
    pub(super) gunicorn: f64,
    pub(super) supervisor: f64,
}

#[derive(Debug, Clone, Copy)]
enum Target {
    AtMost(f64),
    Between(f64, f64),
    /// Ours over gunicorn's.
    OfGunicorn(f64),
    None,
}

#[derive(Debug)]
pub(super) struct Claim {
    what: String,
    unit: Unit,
    figures: Figures,
    target: Target,
}

impl Claim {
    pub(super) fn at_most(
        what: impl Into<String>,
        unit: Unit,
        most: f64,
        figures: Figures,
    ) -> Self {
        Self { what: what.into(), unit, figures, target: Target::AtMost(most) }
    }

    /// How often ours goes into another figure of ours.
    pub(super) fn between(what: impl Into<String>, least: f64, most: f64, ours: f64) -> Self {
        let (target, figures) = (Target::Between(least, most), Figures::alone(ours));
        Self { what: what.into(), unit: Unit::Times, figures, target }
    }

    /// At most so many times what gunicorn takes.
    pub(super) fn of_gunicorn(
        what: impl Into<String>,
        unit: Unit,
        most: f64,
        figures: Figures,
    ) -> Self {
        Self { what: what.into(), unit, figures, target: Target::OfGunicorn(most) }
    }

    /// Figures that claim nothing.
    pub(super) fn plain(what: impl Into<String>, unit: Unit, figures: Figures) -> Self {
        Self { what: what.into(), unit, figures, target: Target::None }
    }

    /// None where nothing is claimed, or a side could not be measured.
    fn is_met(&self) -> Option<bool> {
        let Figures { ours, gunicorn, .. } = self.figures;
        let (value, least, most) = match self.target {
            Target::AtMost(most) => (ours, 0.0, most),
            Target::Between(least, most) => (ours, least, most),
            Target::OfGunicorn(most) => (ours / gunicorn, 0.0, most),
            Target::None => return None,
        };
        (!value.is_nan()).then_some((least..=most).contains(&value))
    }

    pub(super) fn is_missed(&self) -> bool {
        self.is_met() == Some(false)
    }

    fn cells(&self) -> [String; 6] {
        let Figures { ours, gunicorn, supervisor } = self.figures;
        let target = match self.target {
            Target::AtMost(most) => format!("<= {}", self.unit.show(most)),
            Target::Between(least, most) => format!("{least} to {most} x"),
            Target::OfGunicorn(most) => {
                let ratio = ours / gunicorn;
                let ratio = if ratio.is_nan() { String::new() } else { format!(" ({ratio:.2})") };
                format!("<= {most} x gunicorn{ratio}")
            }
            Target::None => String::new(),
        };
        let [ours, gunicorn, supervisor] =
            [ours, gunicorn, supervisor].map(|it| self.unit.show(it));
        [self.what.clone(), ours, gunicorn, supervisor, target, verdict(self.is_met())]
    }
}

impl Figures {
    /// Of ours, where there is nothing to compare with.
    pub(super) fn alone(ours: f64) -> Self {
        Self { ours, gunicorn: f64::NAN, supervisor: f64::NAN }
    }
}

/// The rows in columns.
pub(super) fn layout(claims: &[Claim]) -> String {
    let head = ["", "ours", "gunicorn", "supervisor", "target", ""].map(str::to_owned);
    let lines: Vec<_> = std::iter::once(head).chain(claims.iter().map(Claim::cells)).collect();
    columns::layout(&lines, 1..4)
}

#[cfg(test)]
mod tests {
    use super::{Claim, Figures, layout};
    use crate::bench::table::Unit;

    const FIGURES: Figures = Figures { ours: 0.25, gunicorn: 0.5, supervisor: f64::NAN };

    #[test]
    fn a_claim_is_met_missed_or_not_made() {
        let ratio = |most| Claim::of_gunicorn("a", Unit::Seconds, most, FIGURES);
        assert!(!ratio(0.5).is_missed() && ratio(0.4).is_missed());
        let at_most = |most| Claim::at_most("a", Unit::Seconds, most, FIGURES);
        assert!(!at_most(0.25).is_missed() && at_most(0.2).is_missed());
        let between = |ours| Claim::between("a", 0.8, 1.2, ours);
        assert!(!between(1.0).is_missed() && between(1.3).is_missed() && between(0.7).is_missed());
        let nobody = Figures { gunicorn: f64::NAN, ..FIGURES };
        assert_eq!(Claim::of_gunicorn("a", Unit::Seconds, 0.1, nobody).is_met(), None);
        assert_eq!(Claim::plain("a", Unit::Seconds, FIGURES).is_met(), None);
    }

    #[test]
    fn a_row_has_all_sides_and_a_verdict() {
        let table = layout(&[Claim::of_gunicorn("a", Unit::Seconds, 0.5, FIGURES)]);
        let row = table.lines().nth(1).unwrap();
        let words: Vec<&str> = row.split_whitespace().collect();
        let expected = "a 250.00 ms 500.00 ms - <= 0.5 x gunicorn (0.50) ok";
        assert_eq!(words.join(" "), expected);
    }
}
