//! The moments at which workers became ready, written down by themselves.
//!
//! Both sides of a benchmark tell the same way: a worker appends a line that ends with
//! `CLOCK_MONOTONIC` in nanoseconds to a FIFO. The clock is one for the whole machine, so when the
//! line is read does not matter.

use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rustix::fs::{CWD, FileType, Mode, OFlags, mknodat, open};
use rustix::io::Errno;
use rustix::time::{ClockId, clock_gettime};

use crate::error::{Context, Error, Result};
use crate::wait;

/// The reading end. It is open for writing too, so that a writer never waits for a reader.
#[derive(Debug)]
pub(super) struct Stamps {
    path: PathBuf,
    fifo: OwnedFd,
    unread: Vec<u8>,
}

/// Now, on the clock of the stamps.
pub(super) fn now() -> u64 {
    let time = clock_gettime(ClockId::Monotonic);
    // Neither is ever negative on this clock.
    time.tv_sec.unsigned_abs() * 1_000_000_000 + time.tv_nsec.unsigned_abs()
}

impl Stamps {
    pub(super) fn create(path: PathBuf) -> Result<Self> {
        // Ours is in a directory of our own; one that is there is from an earlier measurement.
        let _ = std::fs::remove_file(&path);
        mknodat(CWD, &path, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0)
            .context(|| path.display())?;
        let flags = OFlags::RDWR | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let fifo = open(&path, flags, Mode::empty()).context(|| path.display())?;
        Ok(Self { path, fifo, unread: Vec::new() })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// The next stamp, waiting for it.
    pub(super) fn next(&mut self, patience: Duration) -> Result<u64> {
        let deadline = Instant::now() + patience;
        loop {
            if let Some(end) = self.unread.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = self.unread.drain(..=end).collect();
                return parse(&String::from_utf8_lossy(&line));
            }
            if !wait::readable(&self.fifo, deadline)? {
                return Err(Error::new(format!(
                    "no worker became ready within {} s",
                    patience.as_secs()
                )));
            }
            self.read()?;
        }
    }

    /// Takes as many as there are workers, so that the next one is a successor's.
    pub(super) fn skip(&mut self, count: usize) -> Result {
        for _ in 0..count {
            self.next(Duration::from_secs(60))?;
        }
        Ok(())
    }

    fn read(&mut self) -> Result {
        let mut bytes = [0; 4096];
        match rustix::io::read(&self.fifo, &mut bytes) {
            Ok(length) => self.unread.extend_from_slice(&bytes[..length]),
            Err(Errno::AGAIN | Errno::INTR) => {}
            Err(error) => return Err(Error::new(format!("{}: {error}", self.path.display()))),
        }
        Ok(())
    }
}

fn parse(line: &str) -> Result<u64> {
    let last = line.split_whitespace().next_back().and_then(|word| word.parse().ok());
    last.context(|| format!("a worker's stamp does not end with nanoseconds: {line:?}"))
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::time::Duration;

    use super::{Stamps, now, parse};
    use crate::bench::scratch::Scratch;

    #[test]
    fn stamps_arrive_in_order_and_whole() {
        let scratch = Scratch::new().unwrap();
        let mut stamps = Stamps::create(scratch.path().join("stamps")).unwrap();
        let mut writer = std::fs::OpenOptions::new().append(true).open(stamps.path()).unwrap();
        let before = now();
        write!(writer, "12 1\n13 2\n14 {before}\n15 9").unwrap();
        stamps.skip(2).unwrap();
        assert_eq!(stamps.next(Duration::ZERO).unwrap(), before);
        assert!(stamps.next(Duration::ZERO).is_err(), "half a line is no stamp");
        writeln!(writer, "9").unwrap();
        assert_eq!(stamps.next(Duration::ZERO).unwrap(), 99);
        assert!(now() > before);
    }

    #[test]
    fn a_stamp_ends_with_a_number() {
        assert_eq!(parse("ready 17 123\n").unwrap(), 123);
        assert!(parse("ready\n").is_err());
    }
}
