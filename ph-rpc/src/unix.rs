//! Unix sockets whose paths may be longer than an address holds.
//!
//! `sun_path` has 108 bytes, its final NUL included (unix(7)). A longer path is reached through a descriptor of its
//! directory: `/proc/self/fd/N/NAME` is short, and means the same file.

use std::fs::File;
use std::io;
use std::os::fd::AsRawFd as _;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};

/// Longest path that fits into an address.
const LONGEST: usize = 107;
/// Longest name behind `/proc/self/fd/N/`, with room for any descriptor's number.
const LONGEST_NAME: usize = LONGEST - 25;

/// Connects to the socket at `path`, of any length.
pub fn connect(path: &Path) -> io::Result<UnixStream> {
    with_short(path, |short| UnixStream::connect(short))
}

/// Listens at `path`, of any length.
pub fn bind(path: &Path) -> io::Result<UnixListener> {
    with_short(path, |short| UnixListener::bind(short))
}

/// Does something with a path that fits into an address and means the same file as `path`.
pub fn with_short<T>(path: &Path, act: impl FnOnce(&Path) -> io::Result<T>) -> io::Result<T> {
    if path.as_os_str().as_bytes().len() <= LONGEST {
        return act(path);
    }
    let name = path.file_name().ok_or(io::ErrorKind::InvalidInput)?;
    if name.len() > LONGEST_NAME {
        let reason =
            format!("the file's name is longer than {LONGEST_NAME} bytes; choose a shorter one");
        return Err(io::Error::new(io::ErrorKind::InvalidInput, reason));
    }
    let directory = File::open(
        path.parent().filter(|parent| *parent != Path::new("")).unwrap_or(Path::new(".")),
    )?;
    let mut short = PathBuf::from(format!("/proc/self/fd/{}", directory.as_raw_fd()));
    short.push(name);
    act(&short)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read as _, Write as _};

    #[test]
    fn a_path_longer_than_an_address_works() {
        let folder = std::env::temp_dir().join(format!("ph-rpc-{}", std::process::id()));
        let deep = folder.join("d".repeat(90)).join("e".repeat(90));
        std::fs::create_dir_all(&deep).unwrap();
        let path = deep.join("app.sock");
        let listener = bind(&path).unwrap();
        let mut client = connect(&path).unwrap();
        client.write_all(b"x").unwrap();
        let mut byte = [0];
        listener.accept().unwrap().0.read_exact(&mut byte).unwrap();
        assert_eq!(&byte, b"x");
        std::fs::remove_dir_all(folder).unwrap();
    }
}
