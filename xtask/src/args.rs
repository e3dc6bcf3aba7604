//! The arguments of a command: words and `--options`, taken one by one until none is left.

use std::str::FromStr;

use crate::error::{Context, Error, Result};

/// What is left of the command line. A command takes what it knows and then calls [`Args::end`], so
/// that a misspelt option is an error and not a surprise.
#[derive(Debug)]
pub(crate) struct Args(Vec<String>);

impl Args {
    pub(crate) fn new(words: impl IntoIterator<Item = String>) -> Self {
        Self(words.into_iter().collect())
    }

    /// Takes the switch `name`: true where it was given.
    pub(crate) fn switch(&mut self, name: &str) -> bool {
        let before = self.0.len();
        self.0.retain(|word| word != name);
        self.0.len() < before
    }

    /// Takes the option `name` with its value, in either spelling: `--times 3` or `--times=3`.
    pub(crate) fn option<T: FromStr>(&mut self, name: &str) -> Result<Option<T>> {
        let spelt_with_equals =
            |word: &str| word.strip_prefix(name)?.strip_prefix('=').map(str::to_owned);
        let Some(at) =
            self.0.iter().position(|word| word == name || spelt_with_equals(word).is_some())
        else {
            return Ok(None);
        };
        let word = self.0.remove(at);
        let text = match spelt_with_equals(&word) {
            Some(text) => text,
            None if at < self.0.len() => self.0.remove(at),
            None => return Err(Error::new(format!("{name} needs a value"))),
        };
        let value = text.parse().ok().context(|| format!("{name} does not take {text:?}"))?;
        Ok(Some(value))
    }

    /// Takes the next word that is not an option.
    pub(crate) fn word(&mut self) -> Option<String> {
        let at = self.0.iter().position(|word| !word.starts_with('-'))?;
        Some(self.0.remove(at))
    }

    /// Fails when something is left that nobody took.
    pub(crate) fn end(&self) -> Result {
        match self.0.first() {
            None => Ok(()),
            Some(word) => Err(Error::new(format!(
                "{word:?} is not understood here; see `cargo xtask --help`"
            ))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Args;

    fn args(line: &str) -> Args {
        Args::new(line.split(' ').map(str::to_owned))
    }

    #[test]
    fn takes_options_wherever_they_stand() {
        let mut args = args("--times 3 boot --strict --rounds=7");
        assert_eq!(args.option::<u32>("--times").unwrap(), Some(3));
        assert_eq!(args.option::<u32>("--rounds").unwrap(), Some(7));
        assert!(args.switch("--strict"));
        assert!(!args.switch("--strict"));
        assert_eq!(args.word().as_deref(), Some("boot"));
        args.end().unwrap();
    }

    #[test]
    fn what_nobody_took_is_an_error() {
        let mut args = args("boot --stric");
        assert_eq!(args.word().as_deref(), Some("boot"));
        assert!(!args.switch("--strict"));
        assert!(args.end().unwrap_err().to_string().contains("--stric"));
    }

    #[test]
    fn a_value_that_does_not_parse_or_is_missing_is_an_error() {
        assert!(args("--times many").option::<u32>("--times").is_err());
        assert!(args("--times").option::<u32>("--times").is_err());
    }

    #[test]
    fn an_option_is_not_its_longer_namesake() {
        assert_eq!(args("--times-two=2").option::<u32>("--times").unwrap(), None);
    }
}
