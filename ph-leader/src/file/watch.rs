//! Seeing that a lock is freed, without asking for it again and again.

use std::ffi::{OsStr, OsString};
use std::os::fd::AsFd as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify};

use super::lock::{cannot, is_free};
use crate::store::{StoreError, Watch};

/// The kernel tells of a close before it frees the lock, some microseconds later.
const FREED_WITHIN: Duration = Duration::from_millis(20);

/// The kernel reports each close of the last descriptor of an open file (`inotify(7)`, `IN_CLOSE_WRITE`), which is what frees a lock;
/// and each new name in a directory, which is how a token is written. It reports what has happened since the watcher was made, so
/// nothing is missed between a look and a wait.
#[derive(Debug)]
pub(super) struct FileWatch {
    path: PathBuf,
    names: Option<[OsString; 2]>,
    inotify: Option<Inotify>,
}

impl FileWatch {
    pub(super) fn new(path: &Path) -> Self {
        let names = path.file_name().map(|name| {
            let mut token = name.to_owned();
            token.push(".token");
            [name.to_owned(), token]
        });
        let mut watch = Self { path: path.to_owned(), names, inotify: None };
        // If it fails now, it is told when it is needed.
        watch.inotify = watch.open().ok();
        watch
    }

    fn open(&self) -> Result<Inotify, StoreError> {
        let directory = self.path.parent().filter(|path| !path.as_os_str().is_empty());
        let directory = directory.unwrap_or(Path::new("."));
        let opened =
            Inotify::init(InitFlags::IN_CLOEXEC | InitFlags::IN_NONBLOCK).and_then(|inotify| {
                let flags = AddWatchFlags::IN_CLOSE_WRITE
                    | AddWatchFlags::IN_MOVED_TO
                    | AddWatchFlags::IN_DELETE
                    | AddWatchFlags::IN_ONLYDIR;
                inotify.add_watch(directory, flags)?;
                Ok(inotify)
            });
        opened.map_err(cannot("watch", directory))
    }

    /// Whether what the kernel has reported concerns us.
    fn concerns_us(&self, inotify: &Inotify) -> Result<bool, StoreError> {
        let is_ours = |name: &OsStr| self.names.iter().flatten().any(|ours| ours == name);
        match inotify.read_events() {
            // Without a name it is about the directory: that it has gone, or that more has happened than was kept.
            Ok(events) => Ok(events.iter().any(|event| event.name.as_deref().is_none_or(is_ours))),
            Err(Errno::EAGAIN | Errno::EINTR) => Ok(false),
            Err(errno) => Err(cannot("watch", &self.path)(errno)),
        }
    }

    fn settle(&self) {
        let end = Instant::now() + FREED_WITHIN;
        while Instant::now() < end && !is_free(&self.path).unwrap_or(true) {
            std::thread::sleep(Duration::from_millis(1));
        }
    }
}

impl Watch for FileWatch {
    fn wait(&mut self, _revision: u64, within: Duration) -> Result<bool, StoreError> {
        let Some(inotify) = &self.inotify else {
            self.inotify = Some(self.open()?);
            // What happened before is not known.
            return Ok(true);
        };
        let end = Instant::now() + within;
        loop {
            if self.concerns_us(inotify)? {
                self.settle();
                return Ok(true);
            }
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(false);
            }
            let millis = i32::try_from(left.as_millis() + 1).unwrap_or(i32::MAX);
            let timeout = PollTimeout::try_from(millis).unwrap_or(PollTimeout::MAX);
            let _ = poll(&mut [PollFd::new(inotify.as_fd(), PollFlags::POLLIN)], timeout);
        }
    }
}
