//! The table: a row per claim, with a column for each side.

use crate::bench::columns;
use crate::bench::table::{Unit, verdict};

/// Not a number where a side has no such thing, or is not installed.
#[derive(Debug, Clone, Copy)]
pub(super) struct Figures {
    pub(super) ours: f64,
    pub(super) nginx: f64,
    pub(super) gunicorn: f64,
}

#[derive(Debug, Clone, Copy)]
enum Target {
    /// Ours alone.
    AtMost(f64),
    /// Ours, against what nginx did in the same run.
    AtMostNginx,
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

    /// Nothing is claimed where nginx is not installed.
    pub(super) fn at_most_nginx(what: impl Into<String>, unit: Unit, figures: Figures) -> Self {
        let target = if figures.nginx.is_nan() { Target::None } else { Target::AtMostNginx };
        Self { what: what.into(), unit, figures, target }
    }

    /// Figures that claim nothing.
    pub(super) fn plain(what: impl Into<String>, unit: Unit, figures: Figures) -> Self {
        Self { what: what.into(), unit, figures, target: Target::None }
    }

    fn is_met(&self) -> Option<bool> {
        let most = match self.target {
            Target::AtMost(most) => most,
            Target::AtMostNginx => self.figures.nginx,
            Target::None => return None,
        };
        Some(self.figures.ours <= most)
    }

    pub(super) fn is_missed(&self) -> bool {
        self.is_met() == Some(false)
    }

    fn cells(&self) -> [String; 6] {
        let Figures { ours, nginx, gunicorn } = self.figures;
        let target = match self.target {
            Target::AtMost(most) => format!("<= {}", self.unit.show(most)),
            Target::AtMostNginx => "<= nginx's".to_owned(),
            Target::None => String::new(),
        };
        let [ours, nginx, gunicorn] = [ours, nginx, gunicorn].map(|it| self.unit.show(it));
        [self.what.clone(), ours, nginx, gunicorn, target, verdict(self.is_met())]
    }
}

impl Figures {
    /// Of ours, where there is nothing to compare with.
    pub(super) fn alone(ours: f64) -> Self {
        Self { ours, nginx: f64::NAN, gunicorn: f64::NAN }
    }
}

/// The rows in columns.
pub(super) fn layout(claims: &[Claim]) -> String {
    let head = ["", "ours", "nginx", "gunicorn", "target", ""].map(str::to_owned);
    let lines: Vec<_> = std::iter::once(head).chain(claims.iter().map(Claim::cells)).collect();
    columns::layout(&lines, 1..4)
}

#[cfg(test)]
mod tests {
    use super::{Claim, Figures, layout};
    use crate::bench::table::Unit;

    const FIGURES: Figures = Figures { ours: 0.005, nginx: 0.006, gunicorn: f64::NAN };

    #[test]
    fn a_row_has_all_sides_and_a_verdict() {
        let claim = Claim::at_most_nginx("a", Unit::Seconds, FIGURES);
        let table = layout(&[claim]);
        let words: Vec<&str> = table.lines().nth(1).unwrap().split_whitespace().collect();
        assert_eq!(words, ["a", "5.00", "ms", "6.00", "ms", "-", "<=", "nginx's", "ok"]);
    }

    #[test]
    fn a_claim_is_met_missed_or_not_made() {
        let at_most = |most| Claim::at_most("a", Unit::Seconds, most, FIGURES);
        assert!(!at_most(0.005).is_missed() && at_most(0.004).is_missed());
        let against =
            |nginx| Claim::at_most_nginx("a", Unit::Seconds, Figures { nginx, ..FIGURES });
        assert!(!against(0.005).is_missed() && against(0.004).is_missed());
        assert_eq!(against(f64::NAN).is_met(), None, "nobody to compare with");
        assert_eq!(Claim::plain("a", Unit::Seconds, FIGURES).is_met(), None);
        let unmeasured = Claim::at_most("a", Unit::Count, 0.0, Figures::alone(f64::NAN));
        assert!(unmeasured.is_missed(), "a claim about ours needs a figure");
    }
}
