//! What workers say to their master: a line at a time, over one pipe that they all share.
//!
//! A line begins with the serial number of its worker and is written in one call, which the kernel keeps whole up to
//! `PIPE_BUF` bytes (pipe(7)). A worker says few things and each is short, so it never waits for the master for
//! long; one pipe for all means that a worker costs the master one descriptor, its pidfd.

use std::fs::File;
use std::io::{self, IoSlice, Write as _};

/// One thing that a worker says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Report {
    /// It works: `init_process` has returned.
    Ready,
    /// It has done its `max_requests` and waits to be relieved.
    Recycle,
    /// Its code has panicked: it takes nothing more, finishes what else it has in hand, and ends.
    Broke,
    /// A line of its has taken the log past its limit.
    LogFull,
    /// It can't boot, and why.
    Failed(String),
    /// Words of its own, for its death certificate: of what it is about to end.
    Said(String),
}

/// Longest words, in bytes; what is beyond is cut. A line stays far below `PIPE_BUF`.
const LONGEST: usize = 2048;

impl Report {
    fn decode(line: &str) -> Option<(u64, Self)> {
        let (serial, words) = line.split_once(' ')?;
        let report = match words {
            "ready" => Self::Ready,
            "recycle" => Self::Recycle,
            "broke" => Self::Broke,
            "log-full" => Self::LogFull,
            _ => match words.split_once(' ')? {
                ("failed", reason) => Self::Failed(reason.to_owned()),
                ("said", line) => Self::Said(line.to_owned()),
                _ => return None,
            },
        };
        Some((serial.parse().ok()?, report))
    }
}

/// The workers' end, as one worker uses it.
#[derive(Clone, Copy, Debug)]
pub struct Reporter {
    pipe: &'static File,
    serial: u64,
}

impl Reporter {
    /// The voice of the worker with this serial number.
    pub fn new(pipe: &'static File, serial: u64) -> Self {
        Self { pipe, serial }
    }

    /// Says it. An error means that the master is gone.
    pub fn say(&self, report: &Report) -> io::Result<()> {
        let words = match report {
            Report::Ready => "ready\n",
            Report::Recycle => "recycle\n",
            Report::Broke => "broke\n",
            Report::LogFull => "log-full\n",
            Report::Failed(reason) => return self.say_words("failed", reason),
            Report::Said(line) => return self.say_words("said", line),
        };
        self.write(words)
    }

    fn say_words(&self, what: &str, words: &str) -> io::Result<()> {
        let end = words.floor_char_boundary(LONGEST);
        // One line is one report, whatever the words look like.
        let words = words[..end].replace(['\n', '\r'], " ");
        self.write(&format!("{what} {words}\n"))
    }

    /// One line in one call, and in no memory but the stack's: a page that a worker writes to has to be copied.
    fn write(&self, words: &str) -> io::Result<()> {
        let mut prefix = [b' '; 21];
        let (mut left, mut at) = (self.serial, prefix.len() - 1);
        loop {
            at -= 1;
            prefix[at] = b'0' + (left % 10) as u8;
            left /= 10;
            if left == 0 {
                break;
            }
        }
        let pieces = [IoSlice::new(&prefix[at..]), IoSlice::new(words.as_bytes())];
        let mut pipe = self.pipe;
        pipe.write_vectored(&pieces).map(drop)
    }
}

/// The master's end: cuts what was read into reports, within a bound.
#[derive(Debug, Default)]
pub struct Reports {
    partial: Vec<u8>,
}

impl Reports {
    /// Goes on where another reader of the pipe left off, in the middle of a line.
    pub fn resume(partial: Vec<u8>) -> Self {
        Self { partial }
    }

    /// A line of which the end has not come yet.
    pub fn partial(&self) -> &[u8] {
        &self.partial
    }

    /// Takes some bytes and returns the reports that they complete, each with its worker's serial number. Lines that
    /// mean nothing are passed over.
    pub fn feed(&mut self, bytes: &[u8]) -> Vec<(u64, Report)> {
        let mut reports = Vec::new();
        for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
            if self.partial.len() + piece.len() <= LONGEST + 64 {
                self.partial.extend_from_slice(piece);
            }
            if piece.ends_with(b"\n") {
                let line = String::from_utf8_lossy(&self.partial);
                reports.extend(Report::decode(line.trim_end_matches('\n')));
                self.partial.clear();
            }
        }
        reports
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read as _;

    #[test]
    fn reports_survive_the_pipe_and_any_cut() {
        let (mut hear, say) = io::pipe().unwrap();
        let pipe = &*Box::leak(Box::new(File::from(std::os::fd::OwnedFd::from(say))));
        let long = "é".repeat(LONGEST);
        let said = [Report::Ready, Report::Failed("no\nsuch host".into()), Report::Said(long)];
        for (serial, report) in (7..).zip(&said) {
            Reporter::new(pipe, serial).say(report).unwrap();
        }
        let mut bytes = vec![0; 1 << 16];
        let count = hear.read(&mut bytes).unwrap();
        bytes.truncate(count);
        for cut in 0..bytes.len() {
            let mut reports = Reports::default();
            let mut heard = reports.feed(&bytes[..cut]);
            heard.extend(reports.feed(&bytes[cut..]));
            assert_eq!(heard.len(), 3);
            assert_eq!(heard[0], (7, Report::Ready));
            assert_eq!(heard[1], (8, Report::Failed("no such host".into())));
            assert_eq!(heard[2], (9, Report::Said("é".repeat(LONGEST / 2))));
        }
    }

    #[test]
    fn a_line_without_end_takes_no_memory() {
        let mut reports = Reports::default();
        for _ in 0..10_000 {
            assert_eq!(reports.feed(&[b'x'; 1000]), []);
        }
        assert!(reports.partial.len() < 2 * LONGEST);
        assert_eq!(reports.feed(b"\n3 ready\nnonsense\n"), [(3, Report::Ready)]);
    }
}
