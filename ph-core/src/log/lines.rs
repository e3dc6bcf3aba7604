//! Writing one line: to the file, or to standard error.

use std::cell::Cell;
use std::io::{self, IoSlice};
use std::os::fd::AsFd as _;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout};
use rustix::io::ReadWriteFlags;
use tracing_subscriber::fmt::MakeWriter;

use super::{SINK, Sink, tally};
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
            _ => write_to_terminal(line),
        };
        // A full disk costs lines, never the service.
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

/// Standard error may be a pipe that nobody reads, or a terminal that was halted: a line is lost rather than waited for.
fn write_to_terminal(line: &[u8]) -> nix::Result<usize> {
    let stderr = io::stderr();
    // Workers write to the same pipe: that there was room a moment ago is no promise. Kernels before 6.4 don't know how
    // not to wait on one that others may wait on.
    if let Some(written) = write_to_pipe(&stderr, line) {
        return written;
    }
    let mut events = [PollFd::new(stderr.as_fd(), PollFlags::POLLOUT)];
    match nix::poll::poll(&mut events, PollTimeout::ZERO)? {
        0 => Err(Errno::EAGAIN),
        _ => nix::unistd::write(&stderr, line),
    }
}

/// `None` if this is no pipe, or the kernel can't.
fn write_to_pipe(stderr: &io::Stderr, line: &[u8]) -> Option<nix::Result<usize>> {
    let mode = rustix::fs::fstat(stderr).ok()?.st_mode;
    if rustix::fs::FileType::from_raw_mode(mode) != rustix::fs::FileType::Fifo {
        return None;
    }
    // At no offset: as write(2).
    let (line, flags) = ([IoSlice::new(line)], ReadWriteFlags::NOWAIT);
    match rustix::io::pwritev2(stderr, &line, u64::MAX, flags) {
        Err(rustix::io::Errno::OPNOTSUPP) => None,
        written => Some(written.map_err(|errno| Errno::from_raw(errno.raw_os_error()))),
    }
}
