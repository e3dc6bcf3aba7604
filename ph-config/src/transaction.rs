//! A file that is replaced whole, or not at all.
//!
//! [`LockedFile`] is a file's text, and the right to write another. The new text goes into a
//! temporary file beside it, with the old one's mode and owner; it is synced, renamed over the old
//! one, and the directory is synced: whenever the process or the machine ends, there is one text or
//! the other. A symbolic link stays, what it leads to is replaced.
//!
//! The lock is an `flock(2)` on the file itself, whichever is at its place: nothing is left beside
//! it, and the kernel frees it when its holder dies. It keeps other writers of this kind away, and
//! readers not at all. Who writes without it, an editor, is found out: a file that is not what was
//! read is not replaced.

use std::{
    fs::{self, File, Metadata, OpenOptions, Permissions, TryLockError},
    io::{self, Write as _},
    os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _, fchown},
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant},
};

use crate::file::{self, ReadError};

/// How long another writer is waited for: it needs milliseconds.
const PATIENCE: Duration = Duration::from_secs(5);
/// How often the lock is asked for meanwhile.
const INTERVAL: Duration = Duration::from_millis(5);

/// Why a file is not written. It is as it was.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TransactionError {
    /// There is no file that could be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// Another writer holds it for too long.
    #[error("another process has been writing it for {} seconds; try again", PATIENCE.as_secs())]
    Locked,
    /// Nobody may write it.
    #[error("is marked read-only (mode {0:04o}); chmod u+w first, if it is meant to be edited")]
    ReadOnly(u32),
    /// This user may not write it.
    #[error("may not be written by this user; check its permissions")]
    Forbidden,
    /// It changed after it was read.
    #[error("was changed by somebody else meanwhile; nothing is written, look at it and try again")]
    Changed,
    /// Only its owner and root can give a file to that owner.
    #[error(
        "belongs to {uid}:{gid}, whom this user can't give a file to; do it as root, or as them"
    )]
    Ownership {
        /// The owner.
        uid: u32,
        /// The group.
        gid: u32,
    },
    /// A file that is mounted by itself, as into a container, can't be replaced in its place.
    #[error(
        "is mounted by itself, so nothing can take its place; edit it where it is mounted from"
    )]
    Mounted,
    /// No text from before is kept.
    #[error("there is nothing to undo")]
    NothingToUndo,
    /// It is not as it was left when its former text was kept.
    #[error(
        "was changed by other means since it was last set, which an undo would lose; \
         the text before that is in {}", .0.display()
    )]
    ChangedSince(PathBuf),
    /// The system refuses a step.
    #[error("cannot {step} {}: {source}", .path.display())]
    Io {
        /// What was tried.
        step: &'static str,
        /// With which file or directory.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
}

/// The step that failed, and with what.
pub(crate) fn failed<'a>(
    step: &'static str,
    path: &'a Path,
) -> impl FnOnce(io::Error) -> TransactionError + use<'a> {
    move |source| TransactionError::Io { step, path: path.to_owned(), source }
}

/// A file's text, and the right to replace it.
#[derive(Debug)]
pub struct LockedFile {
    /// Where the file really is, beyond symbolic links.
    path: PathBuf,
    /// Holds the lock.
    _lock: File,
    metadata: Metadata,
    bytes: Vec<u8>,
}

impl LockedFile {
    /// Takes the lock, which may take some seconds, and reads the file.
    pub fn open(path: &Path) -> Result<Self, TransactionError> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            file::check_regular(path)?;
            let path = fs::canonicalize(path).map_err(ReadError::from)?;
            let file = open_writable(&path)?;
            match file.try_lock() {
                // A former holder may have put another file there since it was opened.
                Ok(()) if is_same(&path, &file)? => {
                    let metadata = file.metadata().map_err(failed("look at", &path))?;
                    let bytes = file::read_bytes(&file)?;
                    return Ok(Self { path, _lock: file, metadata, bytes });
                }
                Ok(()) | Err(TryLockError::WouldBlock) => {}
                Err(TryLockError::Error(error)) => return Err(failed("lock", &path)(error)),
            }
            if Instant::now() >= deadline {
                return Err(TransactionError::Locked);
            }
            thread::sleep(INTERVAL);
        }
    }

    /// Where the file really is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What is in it.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Its mode and owner.
    pub(crate) fn metadata(&self) -> &Metadata {
        &self.metadata
    }

    /// Puts another text in its place. `keep` is called when the new text is safe on disk, just before it becomes the
    /// file; the record that it makes goes again if that fails.
    pub(crate) fn replace(
        self,
        text: &[u8],
        keep: impl FnOnce(&Self) -> Result<Option<PathBuf>, TransactionError>,
    ) -> Result<(), TransactionError> {
        let temporary = beside(&self.path, ".tmp");
        write_as(&temporary, text, &self.metadata)?;
        let mut kept = None;
        let replaced = keep(&self).and_then(|record| {
            kept = record;
            self.check_unchanged()?;
            fs::rename(&temporary, &self.path).map_err(|error| match error.kind() {
                io::ErrorKind::ResourceBusy => TransactionError::Mounted,
                _ => failed("replace", &self.path)(error),
            })
        });
        if replaced.is_err() {
            for leftover in kept.iter().chain([&temporary]) {
                let _ = fs::remove_file(leftover);
            }
        }
        replaced?;
        // Only now may the next writer look.
        sync_folder(&self.path)
    }

    /// Whether the file is the one that was read, and says the same.
    fn check_unchanged(&self) -> Result<(), TransactionError> {
        let now = File::open(&self.path).and_then(|now| Ok((now.metadata()?, now)));
        let Ok((metadata, now)) = now else { return Err(TransactionError::Changed) };
        let same = is_one(&metadata, &self.metadata)
            && metadata.mode() == self.metadata.mode()
            && (metadata.uid(), metadata.gid()) == (self.metadata.uid(), self.metadata.gid())
            && file::read_bytes(&now).is_ok_and(|bytes| bytes == self.bytes);
        if same { Ok(()) } else { Err(TransactionError::Changed) }
    }
}

fn open_writable(path: &Path) -> Result<File, TransactionError> {
    let metadata = File::open(path).and_then(|file| file.metadata()).map_err(ReadError::from)?;
    let mode = metadata.mode() & 0o7777;
    // Root could write it all the same; whoever marked it did not mean that.
    if mode & 0o222 == 0 {
        return Err(TransactionError::ReadOnly(mode));
    }
    OpenOptions::new().read(true).write(true).open(path).map_err(|error| match error.kind() {
        io::ErrorKind::PermissionDenied => TransactionError::Forbidden,
        _ => failed("write", path)(error),
    })
}

fn is_one(a: &Metadata, b: &Metadata) -> bool {
    (a.dev(), a.ino()) == (b.dev(), b.ino())
}

/// Whether what was opened is what is there.
fn is_same(path: &Path, file: &File) -> Result<bool, TransactionError> {
    let opened = file.metadata().map_err(failed("look at", path))?;
    Ok(fs::metadata(path).is_ok_and(|there| is_one(&there, &opened)))
}

/// A hidden name beside a file: `.NAME` and an ending.
pub(crate) fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = std::ffi::OsString::from(".");
    name.push(path.file_name().unwrap_or_default());
    name.push(ending);
    path.with_file_name(name)
}

/// Writes a new file, with the mode and owner of another, and syncs it.
pub(crate) fn write_as(path: &Path, text: &[u8], model: &Metadata) -> Result<(), TransactionError> {
    // A writer who was ended has left it.
    let _ = fs::remove_file(path);
    // Nobody else may look into it before it has its owner.
    let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
    let mut file = file.map_err(failed("make", path))?;
    let written = give(&file, path, model)
        .and_then(|()| {
            let mode = Permissions::from_mode(model.mode() & 0o7777);
            file.set_permissions(mode).map_err(failed("set the mode of", path))
        })
        .and_then(|()| file.write_all(text).map_err(failed("write", path)))
        .and_then(|()| file.sync_all().map_err(failed("sync", path)));
    if written.is_err() {
        let _ = fs::remove_file(path);
    }
    written
}

/// Gives a new file or directory to whom another one belongs.
pub(crate) fn give(file: &File, path: &Path, model: &Metadata) -> Result<(), TransactionError> {
    let (uid, gid) = (model.uid(), model.gid());
    let own = file.metadata().map_err(failed("look at", path))?;
    if (own.uid(), own.gid()) == (uid, gid) {
        return Ok(());
    }
    fchown(file, Some(uid), Some(gid)).map_err(|_| TransactionError::Ownership { uid, gid })
}

/// Has the kernel keep what was renamed in the directory of this file.
pub(crate) fn sync_folder(path: &Path) -> Result<(), TransactionError> {
    let folder = path.parent().unwrap_or(Path::new("/"));
    let synced = File::open(folder).and_then(|folder| folder.sync_all());
    synced.map_err(failed("sync", folder))
}
