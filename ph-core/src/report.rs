//! What a worker says to its master: a line at a time, over a pipe of its own.
//!
//! The pipe tells who speaks (only that worker has its writing end), so a line need not. A worker says few things
//! and each is short: they always fit, and a worker never waits for the master.

use std::fs::File;
use std::io::{self, Write as _};
use std::os::fd::OwnedFd;

/// One thing that a worker says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Report {
    /// It works: `init_process` has returned.
    Ready,
    /// It has done its `max_requests` and waits to be relieved.
    Recycle,
    /// It can't boot, and why.
    Failed(String),
}

/// Longest line; what is beyond is cut.
const LONGEST: usize = 2048;

impl Report {
    fn encode(&self) -> String {
        match self {
            Self::Ready => "ready\n".into(),
            Self::Recycle => "recycle\n".into(),
            Self::Failed(reason) => {
                let mut end = reason.len().min(LONGEST);
                while !reason.is_char_boundary(end) {
                    end -= 1;
                }
                // One line is one report, whatever the error's text looks like.
                format!("failed {}\n", reason[..end].replace(['\n', '\r'], " "))
            }
        }
    }

    fn decode(line: &str) -> Option<Self> {
        match line {
            "ready" => Some(Self::Ready),
            "recycle" => Some(Self::Recycle),
            _ => line.strip_prefix("failed ").map(|reason| Self::Failed(reason.to_owned())),
        }
    }
}

/// The worker's end.
#[derive(Debug)]
pub struct Reporter(File);

impl Reporter {
    /// A reporter that writes into this pipe.
    pub fn new(pipe: OwnedFd) -> Self {
        Self(File::from(pipe))
    }

    /// Says it. An error means that the master is gone.
    pub fn say(&mut self, report: &Report) -> io::Result<()> {
        self.0.write_all(report.encode().as_bytes())
    }
}

/// The master's end: cuts what was read into reports, within a bound.
#[derive(Debug, Default)]
pub struct Reports {
    partial: Vec<u8>,
}

impl Reports {
    /// Takes some bytes and returns the reports that they complete. Lines that mean nothing are passed over.
    pub fn feed(&mut self, bytes: &[u8]) -> Vec<Report> {
        let mut reports = Vec::new();
        for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
            if self.partial.len() + piece.len() <= LONGEST + 16 {
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

    #[test]
    fn reports_survive_any_cut() {
        let said = [Report::Ready, Report::Failed("no\nsuch host".into()), Report::Recycle];
        let bytes: Vec<u8> = said.iter().flat_map(|report| report.encode().into_bytes()).collect();
        for cut in 0..bytes.len() {
            let mut reports = Reports::default();
            let mut heard = reports.feed(&bytes[..cut]);
            heard.extend(reports.feed(&bytes[cut..]));
            assert_eq!(heard.len(), 3);
            assert_eq!(heard[1], Report::Failed("no such host".into()));
        }
    }

    #[test]
    fn a_line_without_end_takes_no_memory() {
        let mut reports = Reports::default();
        for _ in 0..10_000 {
            assert_eq!(reports.feed(&[b'x'; 1000]), []);
        }
        assert!(reports.partial.len() < 2 * LONGEST);
        assert_eq!(reports.feed(b"\nready\n"), [Report::Ready]);
    }
}
