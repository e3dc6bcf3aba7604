//! Logging: one line, one `write(2)`, no lock and no thread.
//!
//! A forked child inherits the state of every lock and no thread but its own, so a log that queues lines for a thread
//! loses them, and one that holds a mutex can hang. This one formats a line in memory and hands it to the
//! kernel in a single call; a file is opened for appending, so lines of many processes never mix. To reopen a renamed
//! file, its descriptor is replaced in place by `dup3(2)`: a line goes to the old file or to the new one, never to
//! none. The master alone opens it by its name; workers find it on a [shelf](Shelf), since their user or root may be others.

mod format;
mod shelf;

use std::fs::File;
use std::io::{self, IoSlice};
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicI32, AtomicU8, AtomicU32, AtomicU64, Ordering::Relaxed};

use nix::poll::{PollFd, PollFlags, PollTimeout};
use rustix::io::ReadWriteFlags;
use tracing::Metadata;
use tracing::level_filters::LevelFilter;
use tracing::subscriber::Interest;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::{Context, Filter, Layer as _, SubscriberExt as _};

pub use format::Shape;
pub use shelf::Shelf;

/// The log can't be opened.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// The file can't be opened for appending.
    #[error("cannot open the log {}: {source}", path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// The errno.
        source: io::Error,
    },
    /// The file that is open can't be handed on to workers, or be had from there.
    #[error("cannot hand the log {} on to workers: {source}", path.display())]
    Shelf {
        /// The file.
        path: PathBuf,
        /// The errno.
        source: io::Error,
    },
}

struct Sink {
    path: PathBuf,
    file: OwnedFd,
    shelf: Shelf,
}

impl Sink {
    /// The file at this path; or, of a program that goes on where another was, what lies on its shelf.
    fn open(path: &Path, shelf: Option<Shelf>) -> Result<Self, LogError> {
        let failed = |source| LogError::Shelf { path: path.to_owned(), source };
        let (file, shelf) = match shelf {
            Some(shelf) => (shelf.look().map_err(failed)?, shelf),
            None => {
                let file = open_file(path)?;
                let shelf = Shelf::with(&file).map_err(failed)?;
                (file, shelf)
            }
        };
        Ok(Self { path: path.to_owned(), file, shelf })
    }

    /// Puts another file in the place of the one in use.
    fn replace(&self, fresh: &OwnedFd) -> Result<(), LogError> {
        crate::sys::fds::replace(&self.file, fresh)
            .map_err(|source| LogError::Open { path: self.path.clone(), source })
    }

    fn failed(&self, source: io::Error) -> LogError {
        LogError::Shelf { path: self.path.clone(), source }
    }
}

/// `None` inside when lines go to standard error.
static SINK: OnceLock<Option<Sink>> = OnceLock::new();
static LEVEL: AtomicU8 = AtomicU8::new(3);
static LOST: AtomicU64 = AtomicU64::new(0);
static WHO: Who = Who { pid: AtomicU32::new(0), slot: AtomicI32::new(-1) };

struct Who {
    pid: AtomicU32,
    slot: AtomicI32,
}

/// Opens the log and makes it the process's `tracing` subscriber, unless the application has set one of its own.
///
/// Called once, by the master; workers inherit it. With the shelf of the program that this process was before, the file
/// stays the one that its workers have.
pub fn open(
    path: Option<&Path>,
    level: LevelFilter,
    shape: Shape,
    shelf: Option<Shelf>,
) -> Result<(), LogError> {
    let sink = path.map(|path| Sink::open(path, shelf)).transpose()?;
    let _ = SINK.set(sink);
    set_level(level);
    identify(None);
    let layer = tracing_subscriber::fmt::layer()
        .with_ansi(false)
        .event_format(shape)
        .with_writer(Lines)
        .with_filter(Threshold);
    let _ = tracing::subscriber::set_global_default(tracing_subscriber::registry().with(layer));
    Ok(())
}

fn open_file(path: &Path) -> Result<OwnedFd, LogError> {
    File::options()
        .create(true)
        .append(true)
        .mode(0o644)
        .custom_flags(libc::O_CLOEXEC | libc::O_NOCTTY)
        .open(path)
        .map(OwnedFd::from)
        .map_err(|source| LogError::Open { path: path.to_owned(), source })
}

/// Opens the file by its name again, puts it in the place of the old one, and on the shelf: for the master.
pub fn reopen() -> Result<(), LogError> {
    let Some(Some(sink)) = SINK.get() else { return Ok(()) };
    let fresh = open_file(&sink.path)?;
    sink.shelf.put(&fresh).map_err(|source| sink.failed(source))?;
    sink.replace(&fresh)
}

/// Takes the file that the master has opened last in the place of the old one: for a worker.
pub fn follow() -> Result<(), LogError> {
    let Some(Some(sink)) = SINK.get() else { return Ok(()) };
    let fresh = sink.shelf.look().map_err(|source| sink.failed(source))?;
    sink.replace(&fresh)
}

/// Sets the least severe level that is written.
pub fn set_level(level: LevelFilter) {
    let number = match level.into_level() {
        None => 0,
        Some(tracing::Level::ERROR) => 1,
        Some(tracing::Level::WARN) => 2,
        Some(tracing::Level::INFO) => 3,
        Some(tracing::Level::DEBUG) => 4,
        Some(tracing::Level::TRACE) => 5,
    };
    LEVEL.store(number, Relaxed);
    tracing::callsite::rebuild_interest_cache();
}

/// The time as lines of the log have it.
pub(crate) fn time() -> String {
    use tracing_subscriber::fmt::format::Writer;
    use tracing_subscriber::fmt::time::{FormatTime as _, SystemTime};
    let mut text = String::new();
    // Memory takes any text.
    let _ = SystemTime.format_time(&mut Writer::new(&mut text));
    text
}

/// Says whose lines follow: this process's, as the master or as the worker in this slot.
pub fn identify(slot: Option<u32>) {
    WHO.pid.store(std::process::id(), Relaxed);
    WHO.slot.store(slot.map_or(-1, |slot| slot as i32), Relaxed);
}

/// The log's descriptors, which a child keeps: the file's, and by which it finds the next one.
pub fn descriptors<'a>() -> impl Iterator<Item = BorrowedFd<'a>> + Clone {
    let sink = SINK.get().and_then(Option::as_ref);
    sink.into_iter().flat_map(|sink| [sink.file.as_fd(), sink.shelf.ends().1])
}

/// The shelf, for a program that this process becomes.
pub(crate) fn shelf() -> Option<&'static Shelf> {
    SINK.get()?.as_ref().map(|sink| &sink.shelf)
}

/// Lines that could not be written so far by this process.
pub fn lost() -> u64 {
    LOST.load(Relaxed)
}

fn level() -> LevelFilter {
    match LEVEL.load(Relaxed) {
        0 => LevelFilter::OFF,
        1 => LevelFilter::ERROR,
        2 => LevelFilter::WARN,
        3 => LevelFilter::INFO,
        4 => LevelFilter::DEBUG,
        _ => LevelFilter::TRACE,
    }
}

/// The level as a filter that can be changed without a lock.
struct Threshold;

impl<S> Filter<S> for Threshold {
    fn enabled(&self, metadata: &Metadata<'_>, _: &Context<'_, S>) -> bool {
        *metadata.level() <= level()
    }

    fn callsite_enabled(&self, metadata: &'static Metadata<'static>) -> Interest {
        if *metadata.level() <= level() { Interest::always() } else { Interest::never() }
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(level())
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
        0 => Err(nix::errno::Errno::EAGAIN),
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
        written => Some(written.map_err(|errno| nix::errno::Errno::from_raw(errno.raw_os_error()))),
    }
}

/// Writes whole lines.
struct Lines;

impl<'a> MakeWriter<'a> for Lines {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        Self
    }
}

impl io::Write for Lines {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let written = match SINK.get() {
            Some(Some(sink)) => nix::unistd::write(&sink.file, line),
            _ => write_to_terminal(line),
        };
        // A full disk costs lines, never the service.
        if !written.is_ok_and(|count| count == line.len()) {
            LOST.fetch_add(1, Relaxed);
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
