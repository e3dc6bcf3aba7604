//! The file with the token: one line, `TOKEN NAME`, of the leader or the last one.

use std::fs::File;
use std::io::{ErrorKind, Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use super::lock::cannot;
use crate::options::{LONGEST_NAME, is_name};
use crate::store::StoreError;

/// What a leader writes is not longer.
const LONGEST: u64 = LONGEST_NAME as u64 + 32;

#[derive(Debug, Clone)]
pub(super) struct TokenFile {
    path: PathBuf,
    /// Where the next one is made; whoever does that has the lock.
    next: PathBuf,
}

impl TokenFile {
    pub(super) fn beside(lock: &Path) -> Self {
        let with = |ending: &str| {
            let mut path = lock.as_os_str().to_owned();
            path.push(ending);
            PathBuf::from(path)
        };
        Self { path: with(".token"), next: with(".token.new") }
    }

    /// The token and the name; none if nobody has ever led.
    pub(super) fn read(&self) -> Result<Option<(u64, String)>, StoreError> {
        let mut bytes = Vec::new();
        let read =
            File::open(&self.path).and_then(|file| file.take(LONGEST + 1).read_to_end(&mut bytes));
        match read {
            Ok(_) => parse(&bytes).map(Some).ok_or_else(|| self.is_foreign(&bytes)),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(cannot("read the token", &self.path)(error)),
        }
    }

    /// Replaces it as a whole; it is on the disk when this returns.
    pub(super) fn write(&self, token: u64, name: &str) -> Result<(), StoreError> {
        let mut options = File::options();
        options.create(true).truncate(true).write(true).mode(0o600);
        options.custom_flags(libc::O_NOFOLLOW);
        let written = options.open(&self.next).and_then(|mut file| {
            file.write_all(format!("{token} {name}\n").as_bytes())?;
            file.sync_all()?;
            std::fs::rename(&self.next, &self.path)?;
            let directory = self.path.parent().filter(|path| !path.as_os_str().is_empty());
            File::open(directory.unwrap_or(Path::new(".")))?.sync_all()
        });
        written.map_err(cannot("write the token", &self.path))
    }

    fn is_foreign(&self, bytes: &[u8]) -> StoreError {
        let begin = String::from_utf8_lossy(&bytes[..bytes.len().min(40)]).into_owned();
        StoreError::Foreign(format!(
            "{}, line 1: expected a token and a leader's name, found {begin:?}; write a higher token than any \
             that was used, or remove the file and the lock beside it if there was none",
            self.path.display()
        ))
    }

    pub(super) fn is_missing(&self) -> StoreError {
        StoreError::Foreign(format!(
            "{} is gone, and tokens only grow; write a higher token than any that was used and a name into it, or \
             remove the lock beside it too",
            self.path.display()
        ))
    }

    pub(super) fn is_full(&self) -> StoreError {
        StoreError::Foreign(format!("{} has the highest token there is", self.path.display()))
    }
}

fn parse(bytes: &[u8]) -> Option<(u64, String)> {
    let line = std::str::from_utf8(bytes).ok()?.strip_suffix('\n')?;
    let (token, name) = line.split_once(' ')?;
    let is_number = token.bytes().all(|byte| byte.is_ascii_digit());
    (is_number && is_name(name)).then_some((token.parse().ok()?, name.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn a_line_is_a_token_and_a_name() {
        assert_eq!(parse(b"7 host 1\n"), Some((7, "host 1".to_owned())));
        assert_eq!(parse(b"18446744073709551615 a\n"), Some((u64::MAX, "a".to_owned())));
        for bad in [
            "",
            "7",
            "7 a",
            "7\n",
            "7 \n",
            "+7 a\n",
            " 7 a\n",
            "a 7\n",
            "7 a\nb\n",
            "18446744073709551616 a\n",
            "7 \u{1}\n",
        ] {
            assert_eq!(parse(bad.as_bytes()), None, "{bad:?}");
        }
        assert_eq!(parse(b"7 \xff\n"), None);
        assert_eq!(parse(format!("7 {}\n", "x".repeat(256)).as_bytes()), None);
    }
}
