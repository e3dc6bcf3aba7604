//! Writing one line: to the file, or to standard error.

use std::cell::Cell;
use std::io::{self, IoSlice};
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

use nix::errno::Errno;
use tracing_subscriber::fmt::MakeWriter;

use super::{SINK, Sink, tally, terminal};
use crate::report::Report;

/// The file that this process has, by the master's count of them.
pub(super) static SEEN: AtomicU32 = AtomicU32::new(0);

thread_local! {
    /// Whether the last line of this thread was written.
    static WRITTEN: Cell<bool> = const { Cell::new(true) };
}

/// Writes whole lines.
pub(super) struct Lines;

impl<'a> MakeWriter<'a> for Lines {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        Self
    }
}

impl io::Write for Lines {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let written = match SINK.get() {
            Some(Some(sink)) => write_to_file(sink, line),
            _ => terminal::write(line),
        };
        // A full disk costs lines, never the service; so does a pipe that nobody reads.
        let failure = match written {
            Ok(count) if count == line.len() => None,
            Ok(_) => Some((Errno::ENOSPC, true)),
            Err(errno) => Some((errno, false)),
        };
        WRITTEN.set(failure.is_none());
        match failure {
            None => {
                if tally().grow(line.len()) {
                    say_full();
                }
                tell_losses();
            }
            Some((errno, piece)) => tally().lose(errno as i32, piece),
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// How much of the line was written. To the file that the master has opened last: a worker in the midst of a long request
/// has not heard of it yet.
fn write_to_file(sink: &Sink, line: &[u8]) -> nix::Result<usize> {
    if SEEN.load(Relaxed) != tally().opened() {
        // If it can't be had now, the next line tries again.
        let _ = super::follow();
    }
    if !tally().mend() {
        return nix::unistd::write(&sink.file, line);
    }
    // What is left of a line stands by itself.
    let pieces = [IoSlice::new(b"\n"), IoSlice::new(line)];
    let written = nix::sys::uio::writev(&sink.file, &pieces);
    if written.is_err() {
        tally().tear();
    }
    written.map(|count| count.saturating_sub(1))
}

/// Lets the master know that the file is full. It sees by itself what it writes itself.
fn say_full() {
    if let Some(voice) = super::voice() {
        // If it is gone, nobody rotates anything.
        let _ = voice.say(&Report::LogFull);
    }
}

/// One of those who can write again says what was lost meanwhile.
fn tell_losses() {
    let lines = tally().untold();
    if lines > 0 {
        let reason = Errno::from_raw(tally().errno());
        tracing::error!(lines, %reason, "lines of the log are lost");
        if !WRITTEN.get() {
            tally().take_back(lines);
        }
    }
}
