//! Logging: one line, one `write(2)`, no lock and no thread.
//!
//! A forked child inherits the state of every lock and no thread but its own, so a log that queues lines for a thread
//! loses them, and one that holds a mutex can hang. This one formats a line in memory and hands it to the
//! kernel in a single call; a file is opened for appending, so lines of many processes never mix. To reopen a renamed
//! file, its descriptor is replaced in place by `dup3(2)`: a line goes to the old file or to the new one, never to
//! none. The master alone opens it by its name; workers find it on a [shelf](Shelf), since their user or root may be others.

mod format;
mod lines;
mod rotation;
mod shelf;
mod tally;
mod terminal;

use std::fs::File;
use std::io;
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU8, AtomicU32, AtomicU64, Ordering::Relaxed};

use tracing::Metadata;
use tracing::level_filters::LevelFilter;
use tracing::subscriber::Interest;
use tracing_subscriber::layer::{Context, Filter, Layer as _, SubscriberExt as _};

use crate::report::Reporter;
pub use format::Shape;
pub use shelf::Shelf;
pub use tally::Tally;

use lines::{Lines, SEEN};

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
    /// The file is full, and can't be renamed, or no new one be made.
    #[error("cannot rotate the log {}: {source}", path.display())]
    Rotate {
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

    /// The same for all, and the last that this process has opened.
    fn introduce(&self, fresh: &OwnedFd) -> Result<(), LogError> {
        self.shelf.put(fresh).map_err(|source| self.failed(source))?;
        self.replace(fresh)?;
        tally().set_size(self.size());
        SEEN.store(tally().count_opened(), Relaxed);
        Ok(())
    }

    /// Bytes in the file.
    fn size(&self) -> u64 {
        nix::sys::stat::fstat(&self.file).map_or(0, |found| found.st_size as u64)
    }

    fn failed(&self, source: io::Error) -> LogError {
        LogError::Shelf { path: self.path.clone(), source }
    }
}

/// `None` inside when lines go to standard error.
static SINK: OnceLock<Option<Sink>> = OnceLock::new();
static LEVEL: AtomicU8 = AtomicU8::new(3);
/// Where all writers count; until it is shared, each for itself.
static SHARED: OnceLock<&'static Tally> = OnceLock::new();
static OWN: Tally = Tally::new();
/// By which a worker tells the master that the file is full: the workers' end of a pipe.
static VOICE: OnceLock<&'static File> = OnceLock::new();
static WHO: Who =
    Who { pid: AtomicU32::new(0), place: AtomicU32::new(0), serial: AtomicU64::new(0) };

/// Whose lines follow. A forked worker writes it in its own copy: it begins as zeroes, which lie together with others in one
/// page.
struct Who {
    pid: AtomicU32,
    /// The slot and one; 0 for the master.
    place: AtomicU32,
    /// That of a worker; 0 for anybody else.
    serial: AtomicU64,
}

impl Who {
    fn slot(&self) -> Option<u32> {
        self.place.load(Relaxed).checked_sub(1)
    }
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
    if sink.is_none() {
        terminal::open();
    }
    let _ = SINK.set(sink);
    set_level(level);
    identify();
    let layer = tracing_subscriber::fmt::layer()
        .with_ansi(false)
        .event_format(shape)
        .with_writer(Lines)
        .with_filter(Threshold);
    let _ = tracing::subscriber::set_global_default(tracing_subscriber::registry().with(layer));
    Ok(())
}

/// Of a pipe or a terminal, too, no writer waits for room: that is no matter of the file.
fn open_file(path: &Path) -> Result<OwnedFd, LogError> {
    File::options()
        .create(true)
        .append(true)
        .mode(0o644)
        .custom_flags(libc::O_CLOEXEC | libc::O_NOCTTY | libc::O_NONBLOCK)
        .open(path)
        .map(OwnedFd::from)
        .map_err(|source| LogError::Open { path: path.to_owned(), source })
}

/// Opens the file by its name again, puts it in the place of the old one, and on the shelf: for the master.
pub fn reopen() -> Result<(), LogError> {
    let Some(Some(sink)) = SINK.get() else { return Ok(()) };
    sink.introduce(&open_file(&sink.path)?)
}

/// Takes the file that the master has opened last in the place of the old one: for a worker.
pub fn follow() -> Result<(), LogError> {
    let Some(Some(sink)) = SINK.get() else { return Ok(()) };
    // Before the look: it may be of one later than that.
    let opened = tally().opened();
    let fresh = sink.shelf.look().map_err(|source| sink.failed(source))?;
    sink.replace(&fresh)?;
    SEEN.store(opened, Relaxed);
    Ok(())
}

/// Renames a file that has reached the limit to the first of the former ones, of which it keeps as many, and writes to a new
/// one: for the master. Whether there is another file now.
pub fn rotate(keep: u32) -> Result<bool, LogError> {
    let Some(Some(sink)) = SINK.get() else {
        // Standard error has an end that is not ours.
        tally().set_limit(0);
        return Ok(false);
    };
    let failed = |source| LogError::Rotate { path: sink.path.clone(), source };
    let own = File::from(sink.file.try_clone().map_err(failed)?).metadata().map_err(failed)?;
    if !own.is_file() {
        // A device or a pipe has no size.
        tally().set_limit(0);
        return Ok(false);
    }
    // What workers have counted is a hint, and somebody may have cut the file.
    if own.len() < tally().limit() {
        tally().set_size(own.len());
        return Ok(false);
    }
    let path = std::fs::canonicalize(&sink.path);
    let same = |path: &PathBuf| {
        std::fs::metadata(path).is_ok_and(|it| (it.dev(), it.ino()) == (own.dev(), own.ino()))
    };
    let fresh = match path.ok().filter(same) {
        Some(path) => rotation::turn(&path, keep).map_err(failed)?,
        // Somebody else has renamed it.
        None => open_file(&sink.path)?,
    };
    sink.introduce(&fresh)?;
    tally().count_rotation();
    Ok(true)
}

/// Whether the file has reached the limit, as far as its writers have counted.
pub fn is_full() -> bool {
    tally().is_full()
}

/// The size in bytes at which the file is full; none for no limit.
pub fn set_limit(bytes: Option<u64>) {
    tally().set_limit(bytes.unwrap_or(0));
}

/// Nothing can be done about a full file now: to be tried again after as much again.
pub fn put_off() {
    tally().set_size(0);
}

/// From here on all writers count in the same place, which may have been counted in before.
pub fn share(shared: &'static Tally) {
    if SHARED.set(shared).is_ok() {
        shared.take_over(&OWN);
        SEEN.store(shared.opened(), Relaxed);
        if let Some(Some(sink)) = SINK.get() {
            shared.set_size(sink.size());
        }
    }
}

fn tally() -> &'static Tally {
    SHARED.get().copied().unwrap_or(&OWN)
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

/// Says whose lines follow: the master's.
fn identify() {
    WHO.pid.store(std::process::id(), Relaxed);
    WHO.place.store(0, Relaxed);
}

/// Says whose lines follow: those of the worker in this slot, in a process that was just forked for it.
pub fn become_worker(slot: u32, serial: u64) {
    WHO.pid.store(std::process::id(), Relaxed);
    WHO.place.store(slot + 1, Relaxed);
    WHO.serial.store(serial, Relaxed);
}

/// By which workers will tell that the log is full; known before there are any.
pub(crate) fn hear_workers_by(pipe: &'static File) {
    let _ = VOICE.set(pipe);
}

/// A worker's; none in another process.
fn voice() -> Option<Reporter> {
    let serial = Some(WHO.serial.load(Relaxed)).filter(|serial| *serial > 0)?;
    Some(Reporter::new(VOICE.get()?, serial))
}

/// What is logged in there is a worker's, which can't do so itself.
pub(crate) fn speak_for(slot: u32, pid: u32, speak: impl FnOnce()) {
    let own = (WHO.place.swap(slot + 1, Relaxed), WHO.pid.swap(pid, Relaxed));
    speak();
    WHO.place.store(own.0, Relaxed);
    WHO.pid.store(own.1, Relaxed);
}

/// The log's descriptors, which a child keeps: the file's, and by which it finds the next one; or standard error's.
pub fn descriptors<'a>() -> impl Iterator<Item = BorrowedFd<'a>> + Clone {
    let sink = SINK.get().and_then(Option::as_ref);
    let file = sink.into_iter().flat_map(|sink| [sink.file.as_fd(), sink.shelf.ends().1]);
    file.chain(terminal::descriptor())
}

/// The shelf, for a program that this process becomes.
pub(crate) fn shelf() -> Option<&'static Shelf> {
    SINK.get()?.as_ref().map(|sink| &sink.shelf)
}

/// Lines that could not be written so far, by all who write.
pub fn lost() -> u64 {
    tally().lost()
}

/// How often the file was rotated.
pub fn rotated() -> u64 {
    tally().rotated()
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

/// The target of lines that a program has printed. They are no messages of ours, and in the log whatever `log_level` is.
pub(crate) const OUTPUT: &str = "output";

/// The level as a filter that can be changed without a lock.
struct Threshold;

fn passes(metadata: &Metadata<'_>) -> bool {
    *metadata.level() <= level() || metadata.target() == OUTPUT
}

impl<S> Filter<S> for Threshold {
    fn enabled(&self, metadata: &Metadata<'_>, _: &Context<'_, S>) -> bool {
        passes(metadata)
    }

    fn callsite_enabled(&self, metadata: &'static Metadata<'static>) -> Interest {
        if passes(metadata) { Interest::always() } else { Interest::never() }
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        // What programs print has to come as far as the other two.
        Some(level().max(LevelFilter::INFO))
    }
}
