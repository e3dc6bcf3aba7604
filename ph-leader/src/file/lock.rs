//! The lock: an open file description that has it, in as many descriptors as there are.

use std::fs::File;
use std::io::{ErrorKind, Write as _};
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::Path;

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, fcntl};

use crate::store::StoreError;

#[derive(Debug)]
pub(super) struct Lock(File);

/// What a call was to achieve, on which file, and why it did not.
pub(super) fn cannot<E: Into<std::io::Error>>(
    what: &'static str,
    path: &Path,
) -> impl FnOnce(E) -> StoreError {
    move |error| {
        let error = error.into();
        StoreError::Refused(format!("cannot {what} {}: {error}", path.display()))
    }
}

/// An exclusive lock of the whole file.
const fn whole() -> libc::flock {
    libc::flock {
        l_type: libc::F_WRLCK as libc::c_short,
        l_whence: libc::SEEK_SET as libc::c_short,
        l_start: 0,
        l_len: 0,
        l_pid: 0,
    }
}

fn lock(file: &File) -> Result<bool, Errno> {
    match fcntl(file, FcntlArg::F_OFD_SETLK(&whole())) {
        Ok(_) => Ok(true),
        Err(Errno::EAGAIN | Errno::EACCES) => Ok(false),
        Err(errno) => Err(errno),
    }
}

/// Whether nobody has the lock at `path`. Looking takes nothing, so it is in nobody's way.
pub(super) fn is_free(path: &Path) -> Result<bool, StoreError> {
    let file = match File::options().read(true).custom_flags(libc::O_NOFOLLOW).open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(true),
        Err(error) => return Err(cannot("open the lock", path)(error)),
    };
    let mut found = whole();
    fcntl(&file, FcntlArg::F_OFD_GETLK(&mut found)).map_err(cannot("look at the lock", path))?;
    Ok(libc::c_int::from(found.l_type) == libc::F_UNLCK)
}

impl Lock {
    /// None if another has it.
    pub(super) fn take(path: &Path) -> Result<Option<Self>, StoreError> {
        let mut options = File::options();
        options.create(true).truncate(false).read(true).write(true).mode(0o600);
        let file = options
            .custom_flags(libc::O_NOFOLLOW | libc::O_CLOEXEC)
            .open(path)
            .map_err(cannot("open the lock", path))?;
        let is_ours = lock(&file).map_err(cannot("lock", path))?;
        let taken = Self(file);
        // Removed between the two, it would be a lock that nobody else sees.
        Ok((is_ours && taken.is_at(path)).then_some(taken))
    }

    pub(super) fn adopt(path: &Path, descriptor: OwnedFd) -> Result<Self, StoreError> {
        let adopted = Self(File::from(descriptor));
        if !adopted.is_at(path) {
            let what =
                format!("the descriptor that was handed over is not that of {}", path.display());
            return Err(StoreError::Refused(what));
        }
        match lock(&adopted.0) {
            Ok(true) => Ok(adopted),
            Ok(false) => {
                let what = format!(
                    "{} was to be taken over locked, and another has the lock",
                    path.display()
                );
                Err(StoreError::Refused(what))
            }
            Err(errno) => Err(cannot("take over the lock", path)(errno)),
        }
    }

    pub(super) fn duplicate(&self) -> std::io::Result<OwnedFd> {
        self.0.as_fd().try_clone_to_owned()
    }

    /// Whether the file at `path` is still the one that is locked.
    pub(super) fn is_at(&self, path: &Path) -> bool {
        let there = path.symlink_metadata().map(|file| (file.dev(), file.ino()));
        let here = self.0.metadata().map(|file| (file.dev(), file.ino()));
        matches!((there, here), (Ok(there), Ok(here)) if there == here)
    }

    /// Whether somebody has led by this file before.
    pub(super) fn is_marked(&self) -> Result<bool, StoreError> {
        let length = self.0.metadata().map(|file| file.len());
        length.map(|length| length > 0).map_err(|error| {
            StoreError::Refused(format!("cannot look at the lock that was taken: {error}"))
        })
    }

    /// Leaves a word in the file: from now on there is a token beside it.
    pub(super) fn mark(&self) -> Result<(), StoreError> {
        if self.is_marked()? {
            return Ok(());
        }
        let written = (&self.0)
            .write_all(
                b"The lock of an election; its token is in the file of this name and .token.\n",
            )
            .and_then(|()| self.0.sync_all());
        written.map_err(|error| {
            StoreError::Refused(format!("cannot write to the lock that was taken: {error}"))
        })
    }
}
