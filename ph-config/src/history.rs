//! The texts that a file had before, beside it.
//!
//! `.NAME.history`, next to where the file really is, holds one file for each text that was
//! replaced, the last [`KEPT`]. A name is a number, which grows, and the digest of the text that
//! came after: so `undo` knows whether the file is still what an edit made of it.
//!
//! A configuration may hold secrets, and so do its former texts: each has the file's owner and mode
//! of that time, and the directory lets in nobody who may not read the file now.
//!
//! A text is kept before the file is replaced. Who is ended between the two leaves a text that is
//! the file's own; the next undo removes it, and goes one further.

use std::{
    fs::{self, DirBuilder, File, Metadata, Permissions},
    io,
    os::unix::fs::{DirBuilderExt as _, MetadataExt as _, PermissionsExt as _},
    path::PathBuf,
};

use crate::{
    file,
    transaction::{LockedFile, TransactionError, beside, failed, give, sync_folder, write_as},
};

/// How many texts are kept.
const KEPT: usize = 50;

/// The former texts of one file.
struct History {
    folder: PathBuf,
}

/// A former text.
#[derive(Debug)]
struct Former {
    path: PathBuf,
    number: u64,
    /// Of the text that came after.
    digest: u64,
}

impl LockedFile {
    /// Puts another text in the file's place, and keeps the one that is there. The same text is not written.
    pub fn write(self, text: &[u8]) -> Result<(), TransactionError> {
        if text == self.bytes() {
            return Ok(());
        }
        let history = History::of(&self);
        self.replace(text, |file| history.keep(file, text).map(Some))?;
        history.trim();
        Ok(())
    }

    /// Puts back the text that was there before the last write; again, the one before that. Returns the text, and how
    /// many more there are.
    ///
    /// Refuses where the file is not as that write left it.
    pub fn undo(self) -> Result<(Vec<u8>, usize), TransactionError> {
        let history = History::of(&self);
        history.check(self.metadata())?;
        let mut kept = history.list()?;
        loop {
            let last = kept.pop().ok_or(TransactionError::NothingToUndo)?;
            let text = last.read()?;
            // Its write was ended before it came to anything, or was undone by other means.
            if text == self.bytes() {
                last.remove();
                continue;
            }
            if !last.precedes(self.bytes()) {
                return Err(TransactionError::ChangedSince(last.path));
            }
            self.replace(&text, |_| Ok(None))?;
            last.remove();
            return Ok((text, kept.len()));
        }
    }
}

impl History {
    fn of(file: &LockedFile) -> Self {
        Self { folder: beside(file.path(), ".history") }
    }

    /// What is kept, the oldest first.
    fn list(&self) -> Result<Vec<Former>, TransactionError> {
        let entries = match fs::read_dir(&self.folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(failed("read", &self.folder)(error)),
        };
        let mut all: Vec<Former> =
            entries.flatten().filter_map(|entry| Former::of(entry.path())).collect();
        all.sort_by_key(|former| former.number);
        Ok(all)
    }

    /// Keeps the text that is in the file before `next` replaces it.
    fn keep(&self, file: &LockedFile, next: &[u8]) -> Result<PathBuf, TransactionError> {
        self.prepare(file.metadata())?;
        let number = self.list()?.last().map_or(1, |last| last.number + 1);
        let path = self.folder.join(format!("{number:06}-{:016x}", digest(next)));
        let temporary = self.folder.join(".tmp");
        write_as(&temporary, file.bytes(), file.metadata())?;
        fs::rename(&temporary, &path).map_err(failed("write", &path))?;
        sync_folder(&path)?;
        Ok(path)
    }

    /// Removes all but the last [`KEPT`].
    fn trim(&self) {
        let all = self.list().unwrap_or_default();
        let surplus = all.len().saturating_sub(KEPT);
        // One too many does no harm; the next edit tries again.
        all[..surplus].iter().for_each(Former::remove);
    }

    /// Makes the directory, and lets in whom the file lets in.
    fn prepare(&self, model: &Metadata) -> Result<(), TransactionError> {
        match DirBuilder::new().mode(0o700).create(&self.folder) {
            Ok(()) => sync_folder(&self.folder)?,
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => self.check(model)?,
            Err(error) => return Err(failed("make", &self.folder)(error)),
        }
        let folder = File::open(&self.folder).map_err(failed("open", &self.folder))?;
        give(&folder, &self.folder, model)?;
        let mode = model.mode() & 0o666;
        let enter = (mode & 0o444) >> 2;
        let set = folder.set_permissions(Permissions::from_mode(mode | enter));
        set.map_err(failed("set the mode of", &self.folder))
    }

    /// What is there must be a directory of the file's owner, or of root: a stranger's would tell him all.
    fn check(&self, model: &Metadata) -> Result<(), TransactionError> {
        let there = match fs::symlink_metadata(&self.folder) {
            Ok(there) => there,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(failed("look at", &self.folder)(error)),
        };
        if there.is_dir() && [0, model.uid()].contains(&there.uid()) {
            return Ok(());
        }
        let what = "expected a directory of the file's owner; remove what is there";
        Err(failed("keep the former text in", &self.folder)(io::Error::other(what)))
    }
}

impl Former {
    fn of(path: PathBuf) -> Option<Self> {
        let (number, digest) = path.file_name()?.to_str()?.split_once('-')?;
        let (number, digest) = (number.parse().ok()?, u64::from_str_radix(digest, 16).ok()?);
        Some(Self { path, number, digest })
    }

    fn read(&self) -> Result<Vec<u8>, TransactionError> {
        file::check_regular(&self.path)?;
        let file = File::open(&self.path).map_err(failed("read", &self.path))?;
        Ok(file::read_bytes(&file)?)
    }

    /// Whether this text came after it.
    fn precedes(&self, text: &[u8]) -> bool {
        self.digest == digest(text)
    }

    fn remove(&self) {
        let _ = fs::remove_file(&self.path);
    }
}

/// Of a text: FNV-1a, 64 bits. It tells an edit by hand from none; it is no seal.
fn digest(text: &[u8]) -> u64 {
    text.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    })
}
