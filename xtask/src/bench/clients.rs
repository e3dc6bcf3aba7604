//! A program of clients in C, and what it says at its end.

use std::io::{Read as _, Write as _};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::error::{Context, Error, Result};
use crate::process::Process;
use crate::wait;

/// Killed when dropped.
#[derive(Debug)]
pub(super) struct Clients(Child);

const PATIENCE: Duration = Duration::from_secs(60);

impl Clients {
    pub(super) fn spawn(mut command: Command) -> Result<Self> {
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let child =
            command.spawn().context(|| command.get_program().to_string_lossy().into_owned());
        child.map(Self)
    }

    /// Tells those who listen that something begins.
    pub(super) fn mark(&mut self) -> Result {
        let input = self.0.stdin.as_mut().context(|| "the clients have no input")?;
        input.write_all(b".").context(|| "the clients do not listen")
    }

    /// Ends its input, for those who wait for that, and returns what it said.
    pub(super) fn finish(mut self) -> Result<String> {
        drop(self.0.stdin.take());
        let handle = Process(self.0.id()).open()?;
        if !wait::readable(&handle, Instant::now() + PATIENCE)? {
            return Err(Error::new("the clients had no answer within a minute"));
        }
        let status = self.0.wait().context(|| "wait")?;
        let (mut said, mut complained) = (String::new(), String::new());
        self.0.stdout.take().map(|mut pipe| pipe.read_to_string(&mut said));
        self.0.stderr.take().map(|mut pipe| pipe.read_to_string(&mut complained));
        if status.success() { Ok(said) } else { Err(Error::new(complained.trim_end())) }
    }
}

impl Drop for Clients {
    fn drop(&mut self) {
        // It has ended already, but for an error on the way.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The numbers of a line `KIND NUMBER…`.
pub(super) fn numbers<const N: usize>(line: &str, kind: &str) -> Result<[u64; N]> {
    let words = line.trim().strip_prefix(kind).unwrap_or_default().split_whitespace();
    let numbers: Option<Vec<u64>> = words.map(|word| word.parse().ok()).collect();
    numbers
        .and_then(|numbers| numbers.try_into().ok())
        .context(|| format!("the clients said {line:?} where {kind:?} was due"))
}

#[cfg(test)]
mod tests {
    use super::numbers;

    #[test]
    fn a_line_is_its_kind_and_its_numbers() {
        assert_eq!(numbers("rate 7 800\n", "rate").unwrap(), [7, 800]);
        assert!(numbers::<2>("rate 7", "rate").is_err());
        assert!(numbers::<1>("pid 7", "rate").is_err());
    }
}
