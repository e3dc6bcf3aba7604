//! What all benchmarks can be asked for.

use crate::args::Args;
use crate::error::{Context, Error, Result};

#[derive(Debug)]
pub(super) struct Options {
    pub(super) rounds: usize,
    only: Option<String>,
    strict: bool,
}

impl Options {
    /// Takes what is left of the command line.
    pub(super) fn take(mut args: Args) -> Result<Self> {
        let rounds = args.option("--rounds")?.unwrap_or(5);
        let (only, strict) = (args.option("--only")?, args.switch("--strict"));
        args.end()?;
        if rounds == 0 {
            return Err(Error::new("--rounds 0 would measure nothing"));
        }
        Ok(Self { rounds, only, strict })
    }

    /// The part that was asked for, or all.
    pub(super) fn chosen<'a, P>(&self, parts: &'a [(&str, P)]) -> Result<&'a [(&'a str, P)]> {
        let Some(wanted) = &self.only else { return Ok(parts) };
        let names: Vec<&str> = parts.iter().map(|(name, _)| *name).collect();
        let at = names.iter().position(|name| name == wanted);
        at.map(|at| &parts[at..=at])
            .context(|| format!("no part {wanted}; there are {}", names.join(", ")))
    }

    /// Whether so many missed targets are an error.
    pub(super) fn judge(&self, missed: usize) -> Result {
        if self.strict && missed > 0 {
            return Err(Error::new(format!("{missed} targets missed")));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::Options;
    use crate::args::Args;

    fn options(line: &str) -> Options {
        Options::take(Args::new(line.split_whitespace().map(str::to_owned))).unwrap()
    }

    #[test]
    fn one_part_or_all() {
        let parts = [("launch", ()), ("idle", ())];
        assert_eq!(options("").chosen(&parts).unwrap().len(), 2);
        assert_eq!(options("--only idle").chosen(&parts).unwrap()[0].0, "idle");
        let says = options("--only boot").chosen(&parts).unwrap_err().to_string();
        assert!(says.contains("launch, idle"), "{says}");
    }

    #[test]
    fn a_missed_target_is_an_error_where_that_was_asked_for() {
        assert!(options("--rounds 3").judge(1).is_ok());
        assert!(options("--strict").judge(0).is_ok());
        assert!(options("--strict").judge(1).is_err());
    }
}
