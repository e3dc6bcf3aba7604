//! A number that many may count up, and a rule: nobody writes with a smaller token than somebody has before.
//!
//! It stands for a database. There it is one condition more: `UPDATE … WHERE token <= $1`.

use std::fs::File;
use std::io::{self, Read as _, Seek as _, Write as _};

/// A file that holds the newest token, the count, and who has counted last.
pub(crate) struct Store(File);

/// What it says to who wants to count.
pub(crate) enum Answer {
    /// It did.
    Counted(u64),
    /// It knows a newer token.
    Refused { newest: u64 },
}

impl Store {
    pub(crate) fn open(path: &str) -> io::Result<Self> {
        let mut options = File::options();
        options.read(true).write(true).create(true).truncate(false).open(path).map(Self)
    }

    /// Counts one up, unless somebody with a larger token has been here.
    pub(crate) fn count(&mut self, token: u64, who: &str) -> io::Result<Answer> {
        self.0.lock()?;
        let answer = self.count_locked(token, who);
        self.0.unlock()?;
        answer
    }

    fn count_locked(&mut self, token: u64, who: &str) -> io::Result<Answer> {
        let mut text = String::new();
        self.0.rewind()?;
        self.0.read_to_string(&mut text)?;
        let mut numbers = text.split(' ').map_while(|word| word.parse::<u64>().ok());
        let (newest, count) = (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0));
        if token < newest {
            return Ok(Answer::Refused { newest });
        }
        self.0.rewind()?;
        self.0.set_len(0)?;
        self.0.write_all(format!("{token} {} {who}\n", count + 1).as_bytes())?;
        Ok(Answer::Counted(count + 1))
    }
}
