//! The file of a Unix socket: made in the place of a dead one, and removed by nobody but its maker.

use std::fs::File;
use std::io;
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::os::unix::fs::{
    FileTypeExt as _, MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _,
};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

use nix::sys::stat::{Mode, fchmod};
use rustix::io::Errno;
use rustix::net::{
    AddressFamily, SocketAddrUnix, SocketFlags, SocketType, bind, connect, listen, socket_with,
};

/// A socket can't be had at its path.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SocketFileError {
    /// Somebody answers on it.
    #[error("another process listens on {what} {}", path.display())]
    Live { what: &'static str, path: PathBuf },
    /// There is something else at its path.
    #[error("the path of {what} {} is taken by something that is not a socket; it was left alone", path.display())]
    NotASocket { what: &'static str, path: PathBuf },
    /// The system refuses.
    #[error("cannot listen on {what} {}: {}", path.display(), explain(source))]
    System { what: &'static str, path: PathBuf, source: io::Error },
}

fn explain(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => "its directory does not exist; make it first".to_owned(),
        io::ErrorKind::InvalidFilename => "its name is too long; choose a shorter one".to_owned(),
        _ => error.to_string(),
    }
}

/// A socket's file. Dropped by the process that made it, it is removed if it is still the same.
#[derive(Debug)]
pub(crate) struct SocketFile {
    path: PathBuf,
    /// Device and inode: what is removed at the end is what was made here.
    identity: Option<(u64, u64)>,
    /// The process whose it is: a fork's copy of this removes nothing. 0 for nobody of ours.
    owner: AtomicU32,
}

impl SocketFile {
    /// Listens at `path`. A socket that nobody listens on is replaced; anything else is left alone. `what` is how a
    /// message calls it.
    ///
    /// Nobody can connect before it has its mode, and at no time can anyone who may not afterwards: the mode of the
    /// socket itself, which a file made for it can't exceed, is set first.
    pub(crate) fn listen(
        what: &'static str,
        path: &Path,
        mode: u32,
        backlog: u32,
    ) -> Result<(OwnedFd, Self), SocketFileError> {
        let refused = |source: io::Error| {
            let path = path.to_owned();
            SocketFileError::System { what, path, source }
        };
        match look(path).map_err(refused)? {
            Found::Nothing => {}
            Found::Dead => std::fs::remove_file(path).map_err(refused)?,
            Found::Live => return Err(SocketFileError::Live { what, path: path.to_owned() }),
            Found::Other => {
                return Err(SocketFileError::NotASocket { what, path: path.to_owned() });
            }
        }
        let socket = socket().map_err(refused)?;
        fchmod(&socket, Mode::from_bits_truncate(mode)).map_err(|errno| refused(errno.into()))?;
        let bound = ph_rpc::unix::with_short(path, |short| {
            Ok(bind(&socket, &SocketAddrUnix::new(short)?)?)
        });
        bound.map_err(refused)?;
        let file = Self {
            path: path.to_owned(),
            identity: std::fs::symlink_metadata(path).ok().as_ref().map(identity),
            owner: AtomicU32::new(std::process::id()),
        };
        // The umask may have taken more than was asked for.
        file.set_mode(mode).map_err(refused)?;
        set_backlog(&socket, backlog).map_err(refused)?;
        Ok((socket, file))
    }

    /// The file of a socket that another process made, and may leave to this one.
    pub(crate) fn of_another(path: &Path) -> Self {
        let identity = std::fs::symlink_metadata(path).ok().as_ref().map(identity);
        Self { path: path.to_owned(), identity, owner: AtomicU32::new(0) }
    }

    /// It is this process's from here on.
    pub(crate) fn claim(&self) {
        self.owner.store(std::process::id(), Relaxed);
    }

    /// It is another's from here on.
    pub(crate) fn disown(&self) {
        self.owner.store(0, Relaxed);
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Whether it is still where it was made.
    pub(crate) fn is_there(&self) -> bool {
        std::fs::symlink_metadata(&self.path).is_ok_and(|found| self.is(&found))
    }

    /// Gives the file another mode, if it is still the same file.
    ///
    /// It is opened first, by what it is and not by its name: who may write to the directory could put a link in its place
    /// between a look and the change.
    pub(crate) fn set_mode(&self, mode: u32) -> io::Result<()> {
        let flags = libc::O_PATH | libc::O_NOFOLLOW;
        let file = File::options().read(true).custom_flags(flags).open(&self.path)?;
        let found = file.metadata()?;
        if !self.is(&found) || found.permissions().mode() & 0o7777 == mode {
            return Ok(());
        }
        let path = format!("/proc/self/fd/{}", file.as_raw_fd());
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode))
    }

    /// Gives the file to another user and group, if it is still the same file.
    pub(crate) fn give_to(&self, (uid, gid): (u32, u32)) -> io::Result<()> {
        let found = std::fs::symlink_metadata(&self.path)?;
        if !self.is(&found) || (found.uid(), found.gid()) == (uid, gid) {
            return Ok(());
        }
        std::os::unix::fs::lchown(&self.path, Some(uid), Some(gid))
    }

    fn is(&self, found: &std::fs::Metadata) -> bool {
        found.file_type().is_socket() && self.identity == Some(identity(found))
    }
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        if self.owner.load(Relaxed) != std::process::id() || self.identity.is_none() {
            return;
        }
        let found = std::fs::symlink_metadata(&self.path).ok();
        if found.as_ref().map(identity) == self.identity {
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

fn identity(found: &std::fs::Metadata) -> (u64, u64) {
    (found.dev(), found.ino())
}

fn socket() -> io::Result<OwnedFd> {
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    Ok(socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)?)
}

/// How many connections wait at most; may be called again on a socket that listens.
pub(super) fn set_backlog(socket: &OwnedFd, backlog: u32) -> io::Result<()> {
    Ok(listen(socket, i32::try_from(backlog).unwrap_or(i32::MAX))?)
}

/// What is at a path where a socket is to be.
enum Found {
    Nothing,
    /// A socket that nobody listens on.
    Dead,
    /// A socket that somebody has.
    Live,
    Other,
}

fn look(path: &Path) -> io::Result<Found> {
    let found = match std::fs::symlink_metadata(path) {
        Ok(found) => found,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Found::Nothing),
        Err(error) => return Err(error),
    };
    if !found.file_type().is_socket() {
        return Ok(Found::Other);
    }
    let probe = socket()?;
    let connected =
        ph_rpc::unix::with_short(path, |short| Ok(connect(&probe, &SocketAddrUnix::new(short)?)));
    match connected? {
        // The one answer that means that nobody will ever answer.
        Err(Errno::CONNREFUSED) => Ok(Found::Dead),
        Err(Errno::NOENT) => Ok(Found::Nothing),
        // Its queue may be full, or it may be of another type: it has an owner all the same.
        Ok(()) | Err(Errno::AGAIN | Errno::PROTOTYPE) => Ok(Found::Live),
        Err(errno) => Err(errno.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::net::{UnixDatagram, UnixListener};

    /// A folder of one test's own.
    struct Folder(PathBuf);

    impl Folder {
        fn new(test: &str) -> Self {
            let name = format!("ph-core-{}-{test}", std::process::id());
            let folder = std::env::temp_dir().join(name);
            std::fs::create_dir_all(&folder).unwrap();
            Self(folder)
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            let _ = std::fs::remove_dir_all(&self.0);
        }
    }

    fn open(path: &Path, mode: u32) -> Result<(OwnedFd, SocketFile), SocketFileError> {
        SocketFile::listen("unix_socket =", path, mode, 8)
    }

    #[test]
    fn it_has_its_mode_and_goes_with_its_maker() {
        let folder = Folder::new("mode");
        let path = folder.0.join("a.sock");
        for mode in [0o600, 0o660, 0o777] {
            let (_socket, file) = open(&path, mode).unwrap();
            let found = std::fs::metadata(&path).unwrap().permissions().mode();
            assert_eq!(found & 0o7777, mode);
            std::os::unix::net::UnixStream::connect(&path).unwrap();
            drop(file);
            assert!(!path.exists());
        }
    }

    #[test]
    fn a_dead_one_is_replaced_and_anything_else_left_alone() {
        let folder = Folder::new("replace");
        let path = folder.0.join("a.sock");
        let live = UnixListener::bind(&path).unwrap();
        assert!(matches!(open(&path, 0o600), Err(SocketFileError::Live { .. })));
        drop(live);
        let (_socket, file) = open(&path, 0o600).unwrap();
        // Somebody else's by now.
        std::fs::remove_file(&path).unwrap();
        std::fs::write(&path, "kept").unwrap();
        drop(file);
        assert!(matches!(open(&path, 0o600), Err(SocketFileError::NotASocket { .. })));
        assert_eq!(std::fs::read(&path).unwrap(), b"kept");
        let other = folder.0.join("datagrams");
        let _datagrams = UnixDatagram::bind(&other).unwrap();
        assert!(matches!(open(&other, 0o600), Err(SocketFileError::Live { .. })));
    }

    #[test]
    fn a_server_with_a_full_queue_is_alive() {
        let folder = Folder::new("full");
        let path = folder.0.join("a.sock");
        let (live, _file) = open(&path, 0o600).unwrap();
        set_backlog(&live, 0).unwrap();
        let _first = std::os::unix::net::UnixStream::connect(&path).unwrap();
        assert!(matches!(open(&path, 0o600), Err(SocketFileError::Live { .. })));
    }

    #[test]
    fn what_is_wrong_with_a_path_is_told() {
        let folder = Folder::new("wrong");
        let missing = open(&folder.0.join("missing/a.sock"), 0o600).unwrap_err().to_string();
        assert!(missing.contains("its directory does not exist"), "{missing}");
        for length in [120, 300] {
            let long = open(&folder.0.join("n".repeat(length)), 0o600).unwrap_err().to_string();
            assert!(long.contains("choose a shorter one"), "{long}");
        }
    }
}
