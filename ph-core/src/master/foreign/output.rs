//! What a program prints: a pipe that is read without waiting, cut into lines, each of which goes to the log.
//!
//! A pipe that nobody reads would stop the program; so whatever comes is read, and what the log does not take at once
//! is lost there, with a count. A flood is read in bites, with everybody else's turn in between.

use std::fs::File;
use std::io::Read as _;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use nix::fcntl::{FcntlArg, OFlag, fcntl};

use crate::log;
use crate::master::Master;
use crate::master::children::Child;

/// Bytes that are read in one turn. Each may be a line of its own, and a line costs far more than its bytes.
const BITE: usize = 4 << 10;
/// Bytes of a line; a longer one is cut.
const LONGEST: usize = 8 << 10;

/// A program's standard output and error, in one.
#[derive(Debug)]
pub(in crate::master) struct Output {
    pipe: File,
    /// A line whose end has not come.
    partial: Vec<u8>,
    /// What came of it before, being too long, is in the log.
    cut: bool,
}

impl Output {
    pub(super) fn new(pipe: OwnedFd) -> Self {
        // Only this side doesn't wait: the flag belongs to the open file, and each end is one of its own.
        let _ = fcntl(&pipe, FcntlArg::F_SETFL(OFlag::O_NONBLOCK));
        Self { pipe: File::from(pipe), partial: Vec::new(), cut: false }
    }

    /// That of another program that this process was before, and what of a line it had read.
    pub(in crate::master) fn resume(pipe: OwnedFd, partial: Vec<u8>) -> Self {
        Self { partial, ..Self::new(pipe) }
    }

    /// A line whose end has not come yet.
    pub(in crate::master) fn partial(&self) -> &[u8] {
        &self.partial
    }

    /// One bite: the lines that it completes, and whether there may be more.
    pub(in crate::master) fn read(&mut self) -> (Vec<String>, bool) {
        let mut bytes = vec![0; BITE];
        match self.pipe.read(&mut bytes) {
            Ok(0) | Err(_) => (Vec::new(), false),
            Ok(count) => (self.feed(&bytes[..count]), true),
        }
    }

    fn feed(&mut self, bytes: &[u8]) -> Vec<String> {
        let mut lines = Vec::new();
        for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
            let mut rest = piece.strip_suffix(b"\n").unwrap_or(piece);
            let ends = rest.len() < piece.len();
            while self.partial.len() + rest.len() > LONGEST {
                let (fits, more) = rest.split_at(LONGEST - self.partial.len());
                self.partial.extend_from_slice(fits);
                rest = more;
                lines.push(self.take_line());
                self.cut = true;
            }
            self.partial.extend_from_slice(rest);
            if ends {
                // The end of one that was cut just there is no line of its own.
                if !(self.cut && self.partial.is_empty()) {
                    lines.push(self.take_line());
                }
                self.cut = false;
            }
        }
        lines
    }

    /// What has come of a line whose end will never come.
    pub(in crate::master) fn rest(&mut self) -> Option<String> {
        (!self.partial.is_empty()).then(|| self.take_line())
    }

    fn take_line(&mut self) -> String {
        let line = String::from_utf8_lossy(&self.partial);
        let line = line.strip_suffix('\r').unwrap_or(&line).to_owned();
        self.partial.clear();
        line
    }
}

impl AsFd for Output {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.pipe.as_fd()
    }
}

impl Master<'_> {
    /// A program has printed something, or has closed the pipe.
    pub(in crate::master) fn hear_output(&mut self, serial: u64, hung_up: bool) {
        if !self.read_output(serial) && hung_up {
            self.close_output(serial);
        }
    }

    /// All that a program has printed before its end, as far as a few bites go: others may hold the pipe still, and print.
    pub(in crate::master) fn finish_output(&mut self, serial: u64) {
        // Four times what a pipe holds, unless it was made to hold more.
        const LAST_BITES: usize = 64;
        let _ = (0..LAST_BITES).all(|_| self.read_output(serial));
        self.close_output(serial);
    }

    /// One bite; whether there was any.
    fn read_output(&mut self, serial: u64) -> bool {
        let Some(child) = self.children.get_mut(serial) else { return false };
        let Some(foreign) = &mut child.foreign else { return false };
        let (lines, any) = foreign.output.read();
        print(child, &lines);
        any
    }

    /// No more is read: what is left of a line is one.
    fn close_output(&mut self, serial: u64) {
        let Some(child) = self.children.get_mut(serial) else { return };
        let Some(foreign) = &mut child.foreign else { return };
        self.poll.remove(&foreign.output);
        let rest = foreign.output.rest();
        print(child, rest.as_slice());
    }
}

/// Puts lines in the log, as the worker's; its certificate has the last of them.
fn print(child: &mut Child, lines: &[String]) {
    lines.iter().for_each(|line| child.history().output.add(line));
    if !lines.is_empty() {
        log::speak_for(child.key.slot, child.process.pid().as_raw() as u32, || {
            for line in lines {
                tracing::info!(target: log::OUTPUT, "{line}");
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn output() -> Output {
        let (read, _) = nix::unistd::pipe().unwrap();
        Output::new(read)
    }

    #[test]
    fn lines_are_the_same_however_they_come() {
        let text = b"one\n\ntwo\r\nno \xff text\nrest";
        for cut in 0..text.len() {
            let mut output = output();
            let mut lines = output.feed(&text[..cut]);
            lines.extend(output.feed(&text[cut..]));
            assert_eq!(lines, ["one", "", "two", "no \u{fffd} text"]);
            assert_eq!(output.rest().as_deref(), Some("rest"));
            assert_eq!(output.rest(), None);
        }
    }

    #[test]
    fn a_line_without_end_is_cut() {
        let mut output = output();
        let mut lines = Vec::new();
        for _ in 0..10 {
            lines.extend(output.feed(&[b'x'; LONGEST / 2]));
        }
        lines.extend(output.feed(b"\nnext\n"));
        let lengths: Vec<usize> = lines.iter().map(String::len).collect();
        assert_eq!(lengths, [LONGEST, LONGEST, LONGEST, LONGEST, LONGEST, 4]);
    }
}
