//! What a worker writes down as it works, and who reads it.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::path::Path;
use std::str::FromStr;
use std::time::Duration;

use crate::process::Process;

/// A line of the log that all workers of all masters write to: one `write(2)` each, so that their order is the order in
/// which they happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// The fencing token.
    pub token: u64,
    /// When the worker looked at the clock, just before: since boot.
    pub at: Duration,
    /// Who it is.
    pub worker: Process,
    /// Whether it was told, after it had looked at the clock, that its master leads still.
    pub leading: bool,
    /// The master's name.
    pub master: String,
}

impl Record {
    /// Appends it.
    ///
    /// # Errors
    ///
    /// What the kernel says.
    pub fn append(&self, mut log: &File) -> std::io::Result<()> {
        let Self { token, at, worker, leading, master } = self;
        let (pid, started) = (worker.pid(), worker.started());
        let (nanos, leading) = (at.as_nanos(), u8::from(*leading));
        log.write_all(format!("{token} {nanos} {pid} {started} {leading} {master}\n").as_bytes())
    }
}

impl FromStr for Record {
    type Err = String;

    fn from_str(line: &str) -> Result<Self, String> {
        let read = || {
            let mut words = line.splitn(6, ' ');
            let mut number = || words.next()?.parse::<u64>().ok();
            let (token, nanos, pid, started) = (number()?, number()?, number()?, number()?);
            let leading = number()? == 1;
            let worker = Process::known(i32::try_from(pid).ok()?, started);
            let at = Duration::from_nanos(nanos);
            Some(Self { token, at, worker, leading, master: words.next()?.to_owned() })
        };
        read().ok_or_else(|| format!("this is no record: {line:?}"))
    }
}

/// The log, read as it grows.
#[derive(Debug)]
pub struct Book {
    file: File,
    /// The beginning of a line whose end was not there yet.
    rest: Vec<u8>,
}

impl Book {
    /// A log that nobody has written to; workers open it for appending.
    ///
    /// # Errors
    ///
    /// It can't be made, or is there already.
    pub fn create(path: &Path) -> std::io::Result<Self> {
        let file = File::options().create_new(true).append(true).read(true).open(path)?;
        Ok(Self { file, rest: Vec::new() })
    }

    /// What was written since the last look.
    ///
    /// # Errors
    ///
    /// It can't be read, or holds what is no record.
    pub fn read(&mut self) -> Result<Vec<Record>, String> {
        self.file.read_to_end(&mut self.rest).map_err(|error| format!("the log: {error}"))?;
        let whole = self.rest.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        let rest = self.rest.split_off(whole);
        let lines = std::mem::replace(&mut self.rest, rest);
        String::from_utf8_lossy(&lines).lines().map(str::parse).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::io::Write as _;
    use std::time::Duration;

    use super::{Book, Record};
    use crate::process::Process;

    #[test]
    fn what_is_written_is_read_when_it_is_whole() {
        let path = std::env::temp_dir().join(format!("ph-book-{}", std::process::id()));
        let mut book = Book::create(&path).unwrap();
        let mut file = File::options().append(true).open(&path).unwrap();
        std::fs::remove_file(&path).unwrap();
        let record = Record {
            token: 7,
            at: Duration::from_nanos(1_000_000_001),
            worker: Process::known(12, 345),
            leading: true,
            master: "a b".to_owned(),
        };
        record.append(&file).unwrap();
        file.write_all(b"8 1 1").unwrap();
        assert_eq!(book.read().unwrap(), [record]);
        assert_eq!(book.read().unwrap(), []);
        file.write_all(b"2 1 0 m\nx\n").unwrap();
        let told = book.read().unwrap_err();
        assert!(told.contains("\"x\""), "{told}");
    }
}
