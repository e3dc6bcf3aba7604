//! Reading a file that may be anything.

use std::{
    fs::{self, File, Metadata},
    io::{self, Read},
    os::unix::fs::MetadataExt,
    path::Path,
};

use crate::{
    document::{Document, EncodingError},
    error::Problem,
};

/// The largest file that is read: a configuration of a megabyte is a mistaken path.
pub const MAX_BYTES: u64 = 1 << 20;

/// A file that cannot be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReadError {
    /// There is nothing at this path.
    #[error("no such file; check the path")]
    Missing,
    /// A directory.
    #[error("is a directory; name the file in it")]
    Directory,
    /// A pipe, a socket or a device: reading it could wait for ever, and a reload could not read it
    /// again.
    #[error("is no regular file; name one")]
    NotRegular,
    /// Larger than [`MAX_BYTES`].
    #[error("is larger than {} MiB; a configuration is not", MAX_BYTES >> 20)]
    TooLarge,
    /// Not UTF-8.
    #[error(transparent)]
    Encoding(#[from] EncodingError),
    /// The permissions forbid it.
    #[error("may not be read by this user; check its permissions and those of its directories")]
    Forbidden,
    /// Anything else.
    #[error("cannot be read: {0}")]
    Io(io::Error),
}

impl From<io::Error> for ReadError {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => Self::Missing,
            io::ErrorKind::PermissionDenied => Self::Forbidden,
            io::ErrorKind::IsADirectory => Self::Directory,
            _ => Self::Io(error),
        }
    }
}

impl ReadError {
    /// The sentence about the file, which is shown by this path.
    pub(crate) fn about(&self, path: &Path) -> Problem {
        match self {
            Self::Encoding(bad) => Problem::on_line(path.display(), bad.line, bad),
            error => Problem::at(path.display(), error),
        }
    }
}

/// Reads a document. Whatever the path leads to, this ends soon and takes little memory.
pub fn read(path: &Path) -> Result<Document, ReadError> {
    check_regular(path)?;
    Ok(Document::from_bytes(read_bytes(&File::open(path)?)?)?)
}

/// What is no regular file must not even be opened.
pub(crate) fn check_regular(path: &Path) -> Result<(), ReadError> {
    let metadata = fs::metadata(path)?;
    if metadata.is_dir() {
        return Err(ReadError::Directory);
    }
    if metadata.is_file() { Ok(()) } else { Err(ReadError::NotRegular) }
}

/// All that is in a file, from where it stands.
pub(crate) fn read_bytes(file: &File) -> Result<Vec<u8>, ReadError> {
    let mut bytes = Vec::new();
    // The length that the metadata tells may be out of date, or 0 as below /proc.
    file.take(MAX_BYTES + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > MAX_BYTES {
        return Err(ReadError::TooLarge);
    }
    Ok(bytes)
}

/// Who may change a file besides root, in a sentence without the file's name: `anyone may change it (mode 0666); …`.
///
/// It matters where root reads the file: whoever may change a master's configuration has its power. `None` if nobody
/// may, or if there is no such file.
pub fn exposure(path: &Path) -> Option<String> {
    let path = fs::canonicalize(path).ok()?;
    let file = fs::metadata(&path).ok()?;
    let folder = fs::metadata(path.parent()?).ok()?;
    let sticky = folder.mode() & 0o1000 != 0;
    if let Some(who) = others(&file) {
        return Some(format!("{who} may change it; chmod go-w, or chown root"));
    }
    let who = others(&folder).filter(|_| !sticky)?;
    Some(format!("{who} may put another in its place, since the directory is theirs to change"))
}

/// Who may write, and by which mode or ownership.
fn others(metadata: &Metadata) -> Option<String> {
    let mode = metadata.mode() & 0o7777;
    if mode & 0o002 != 0 {
        return Some(format!("anyone (mode {mode:04o})"));
    }
    if mode & 0o020 != 0 && metadata.gid() != 0 {
        return Some(format!("group {} (mode {mode:04o})", metadata.gid()));
    }
    let owner = (metadata.uid() != 0).then(|| metadata.uid());
    owner.map(|user| format!("user {user}, its owner (mode {mode:04o}),"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_configuration_gets_a_sentence() {
        let said = |path: &str| read(Path::new(path)).unwrap_err().to_string();
        assert_eq!(said("/"), "is a directory; name the file in it");
        assert_eq!(said("/dev/zero"), "is no regular file; name one");
        assert_eq!(said("/no/such/file"), "no such file; check the path");
        assert_eq!(said("/proc/version/x"), "no such file; check the path");
    }
}
