//! Reading a file that may be anything.

use std::{
    fs::{self, File},
    io::{self, Read},
    path::Path,
};

use crate::document::{Document, EncodingError};

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

/// Reads a document. Whatever the path leads to, this ends soon and takes little memory.
pub fn read(path: &Path) -> Result<Document, ReadError> {
    let metadata = fs::metadata(path)?;
    if metadata.is_dir() {
        return Err(ReadError::Directory);
    }
    if !metadata.is_file() {
        return Err(ReadError::NotRegular);
    }
    let mut bytes = Vec::new();
    // The length that the metadata tells may be out of date, or 0 as below /proc.
    File::open(path)?.take(MAX_BYTES + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > MAX_BYTES {
        return Err(ReadError::TooLarge);
    }
    Ok(Document::from_bytes(bytes)?)
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
