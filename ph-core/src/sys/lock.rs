//! Who is the one: locks that die with their holder, and pidfiles that are only a courtesy.

use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;

use super::SysError;

/// A lock could not be had.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Another process holds it.
    #[error("{} is locked by another master", .0.display())]
    Held(PathBuf),
    /// The lock's file can't be used.
    #[error(transparent)]
    File(#[from] SysError),
}

/// An exclusive `flock(2)` on a file that is never renamed or removed, freed by the kernel when the holder dies.
///
/// Dropped, it is held on by whoever else has the same open file: a successor to whom it was handed.
#[derive(Debug)]
pub struct Lock {
    held: File,
}

impl Lock {
    /// Takes the lock at `path`, making the file if needed.
    pub fn take(path: &Path) -> Result<Self, LockError> {
        let file = File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .mode(0o600)
            .custom_flags(libc::O_NOFOLLOW | libc::O_CLOEXEC)
            .open(path)
            .map_err(SysError::file("open the lock", path))?;
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(Self { held: file }),
            Err(Errno::WOULDBLOCK) => Err(LockError::Held(path.to_owned())),
            Err(errno) => Err(SysError::file("lock", path)(errno.into()).into()),
        }
    }

    /// A lock that another process holds on the same open file, and hands over: both hold it until one has gone.
    pub fn inherit(fd: OwnedFd) -> Option<Self> {
        let held = File::from(fd);
        flock(&held, FlockOperation::NonBlockingLockExclusive).ok()?;
        Some(Self { held })
    }

    /// Gives the lock up, whoever else has the file open.
    pub fn release(self) {
        // Failing that, it ends with the file.
        let _ = flock(&self.held, FlockOperation::Unlock);
    }

    /// The lock that makes one application name single on this host, for this user.
    ///
    /// It lies in `/run/lock`, which services with a private `/tmp` share as well; without that, in `/tmp`.
    pub fn single_instance(name: &str) -> Result<Self, LockError> {
        Self::take(&shared(name, "lock"))
    }
}

/// A file that all masters of this host and user find by a name.
pub fn shared(name: &str, ending: &str) -> PathBuf {
    let user = nix::unistd::geteuid();
    let folder = Path::new("/run/lock");
    let writable = nix::unistd::access(folder, nix::unistd::AccessFlags::W_OK).is_ok();
    let folder = if writable { folder } else { Path::new("/tmp") };
    folder.join(format!("ph-{user}-{name}.{ending}"))
}

impl AsFd for Lock {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.held.as_fd()
    }
}

/// Bytes of a pidfile: more than any pid has.
const LONGEST: u64 = 32;

/// A pidfile, written whole, removed when dropped if it still names this process.
#[derive(Debug)]
pub struct PidFile {
    path: PathBuf,
    pid: u32,
}

impl PidFile {
    /// Writes this process's pid: a temporary file, then a rename, so that no reader sees half of it.
    pub fn write(path: &Path) -> Result<Self, SysError> {
        let pid = std::process::id();
        let mut temporary = path.as_os_str().to_owned();
        temporary.push(format!(".{pid}.tmp"));
        let temporary = PathBuf::from(temporary);
        // Left by a crash, or laid out by a stranger: it is not followed, but replaced.
        let _ = std::fs::remove_file(&temporary);
        let written = File::create_new(&temporary)
            .and_then(|mut file| writeln!(file, "{pid}"))
            .and_then(|()| std::fs::rename(&temporary, path));
        if let Err(error) = written {
            let _ = std::fs::remove_file(&temporary);
            return Err(SysError::file("write the pidfile", path)(error));
        }
        Ok(Self { path: path.to_owned(), pid })
    }

    /// The file that this process wrote when it was another program.
    pub fn claim(path: &Path) -> Self {
        Self { path: path.to_owned(), pid: std::process::id() }
    }

    /// Leaves the file where it is: it is another's, or will be.
    pub fn leave(self) {
        std::mem::forget(self);
    }

    /// The pid that a pidfile names. What somebody else may have put in its place is not followed, nor waited for.
    pub fn read(path: &Path) -> io::Result<u32> {
        let flags = libc::O_NOFOLLOW | libc::O_NONBLOCK | libc::O_CLOEXEC;
        let file = File::options().read(true).custom_flags(flags).open(path)?;
        let text = io::read_to_string(file.take(LONGEST))?;
        text.trim().parse().map_err(|_| io::ErrorKind::InvalidData.into())
    }
}

impl Drop for PidFile {
    fn drop(&mut self) {
        // A fork of the master must not remove it, nor we that of a successor.
        if std::process::id() == self.pid && Self::read(&self.path).is_ok_and(|pid| pid == self.pid)
        {
            let _ = std::fs::remove_file(&self.path);
        }
    }
}
