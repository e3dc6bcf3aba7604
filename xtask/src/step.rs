//! A step: a command that is shown before it runs, and whose time is told after it.

use std::ffi::{OsStr, OsString};
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use crate::error::{Context, Error, Result};
use crate::workspace::cargo;

/// One command line, with the variables that it sets.
#[derive(Debug)]
pub(crate) struct Step {
    program: OsString,
    arguments: Vec<OsString>,
    variables: Vec<(&'static str, String)>,
}

impl Step {
    /// `cargo` and these words.
    pub(crate) fn cargo(words: &str) -> Self {
        Self::new(cargo()).words(words)
    }

    pub(crate) fn new(program: impl Into<OsString>) -> Self {
        Self { program: program.into(), arguments: Vec::new(), variables: Vec::new() }
    }

    /// Adds words that are separated by blanks.
    pub(crate) fn words(mut self, words: &str) -> Self {
        self.arguments.extend(words.split_whitespace().map(OsString::from));
        self
    }

    /// Adds one argument as it stands.
    pub(crate) fn arg(mut self, argument: impl AsRef<OsStr>) -> Self {
        self.arguments.push(argument.as_ref().to_owned());
        self
    }

    pub(crate) fn env(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.variables.push((name, value.into()));
        self
    }

    /// The line that a person would type to do the same.
    pub(crate) fn line(&self) -> String {
        let program = Path::new(&self.program).file_name().unwrap_or(&self.program);
        let variables =
            self.variables.iter().map(|(name, value)| format!("{name}={}", quoted(value)));
        let words = std::iter::once(program).chain(self.arguments.iter().map(OsString::as_os_str));
        variables
            .chain(words.map(|word| quoted(&word.to_string_lossy())))
            .collect::<Vec<_>>()
            .join(" ")
    }

    /// Shows the command, runs it in `directory`, and fails when it does.
    pub(crate) fn run(&self, directory: &Path) -> Result {
        println!("    {}", self.line());
        let status = Command::new(&self.program)
            .args(&self.arguments)
            .envs(self.variables.iter().map(|(name, value)| (name, value)))
            .current_dir(directory)
            .status()
            .context(|| format!("cannot run {}", self.line()))?;
        if status.success() {
            Ok(())
        } else {
            Err(Error::new(format!("`{}` ended with {status}", self.line())))
        }
    }
}

/// Shows `name`, does it, and tells how long it took.
pub(crate) fn timed(name: &str, work: impl FnOnce() -> Result) -> Result<Duration> {
    println!("==> {name}");
    let start = Instant::now();
    let result = work();
    let took = start.elapsed();
    let verdict = if result.is_ok() { "ok" } else { "FAILED" };
    println!("    {name}: {verdict} after {:.1} s", took.as_secs_f64());
    result.map(|()| took)
}

fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || "-_=./:@%+,".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::Step;

    #[test]
    fn the_line_can_be_pasted_into_a_shell() {
        let step = Step::new("/usr/bin/cargo")
            .words("test  -p a")
            .arg("it's")
            .env("RUSTDOCFLAGS", "-D warnings");
        assert_eq!(step.line(), r"RUSTDOCFLAGS='-D warnings' cargo test -p a 'it'\''s'");
    }

    #[test]
    fn failure_names_the_command_and_the_status() {
        let error =
            Step::new("sh").words("-c").arg("exit 3").run(Path::new("/")).unwrap_err().to_string();
        assert!(error.contains("sh -c 'exit 3'") && error.contains('3'), "{error}");
    }
}
