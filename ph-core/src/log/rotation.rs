//! The files of a log that is rotated: `app.log`, before it `app.log.1`, before that `app.log.2`.

use std::ffi::OsString;
use std::fs::{File, Metadata, rename};
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _, fchown};
use std::path::{Path, PathBuf};

/// Puts a new file in the place of the one at `path`, and keeps as many of those before it. The new one is there before any
/// is renamed, so that a disk without room, or a directory that may not be written to, leaves all as it was.
pub(super) fn turn(path: &Path, keep: u32) -> io::Result<OwnedFd> {
    let next = beside(path, "new");
    let fresh = create(&next, &std::fs::metadata(path)?)?;
    let numbered = |number: u32| beside(path, &number.to_string());
    // A gap takes up the shift; without one, the oldest goes.
    let gap = (1..keep).find(|number| !exists(&numbered(*number))).unwrap_or(keep);
    for number in (1..gap).rev() {
        rename(numbered(number), numbered(number + 1))?;
    }
    if keep > 0 {
        rename(path, numbered(1))?;
    }
    rename(&next, path)?;
    // There are more if fewer are to be kept than before.
    for number in keep + 1.. {
        if std::fs::remove_file(numbered(number)).is_err() {
            break;
        }
    }
    Ok(fresh)
}

/// An empty file for whoever could use the one before it.
fn create(path: &Path, like: &Metadata) -> io::Result<OwnedFd> {
    // What an earlier try has left.
    let _ = std::fs::remove_file(path);
    let mode = like.permissions().mode() & 0o777;
    let mut options = File::options();
    options.create_new(true).append(true).mode(mode).custom_flags(libc::O_CLOEXEC);
    let file = options.open(path)?;
    let own = file.metadata()?;
    if (own.uid(), own.gid()) != (like.uid(), like.gid()) {
        // Without the privilege it is this user's.
        let _ = fchown(&file, Some(like.uid()), Some(like.gid()));
    }
    // The umask may have taken more than the former one lacks.
    file.set_permissions(std::fs::Permissions::from_mode(mode))?;
    Ok(file.into())
}

fn exists(path: &Path) -> bool {
    std::fs::symlink_metadata(path).is_ok()
}

fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(".");
    name.push(suffix);
    name.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Folder(PathBuf);

    impl Folder {
        fn new(test: &str) -> Self {
            let name = format!("ph-core-{}-rotation-{test}", std::process::id());
            let folder = std::env::temp_dir().join(name);
            std::fs::create_dir_all(&folder).unwrap();
            Self(folder)
        }

        /// Every file with its text, by name.
        fn files(&self) -> Vec<(String, String)> {
            let entries = std::fs::read_dir(&self.0).unwrap().flatten();
            let file = |entry: std::fs::DirEntry| {
                let name = entry.file_name().into_string().unwrap();
                (name, std::fs::read_to_string(entry.path()).unwrap())
            };
            let mut files: Vec<_> = entries.map(file).collect();
            files.sort();
            files
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            let _ = std::fs::remove_dir_all(&self.0);
        }
    }

    fn named(files: &[(&str, &str)]) -> Vec<(String, String)> {
        files.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect()
    }

    #[test]
    fn the_last_ones_are_kept_in_order() {
        let folder = Folder::new("order");
        let path = folder.0.join("log");
        for round in 1..=5 {
            std::fs::write(&path, round.to_string()).unwrap();
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o620)).unwrap();
            turn(&path, 3).unwrap();
            let mode = std::fs::metadata(&path).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o620, "{mode:o}");
        }
        let kept = [("log", ""), ("log.1", "5"), ("log.2", "4"), ("log.3", "3")];
        assert_eq!(folder.files(), named(&kept));
        // Fewer from now on; then a gap; then none at all.
        turn(&path, 2).unwrap();
        assert_eq!(folder.files(), named(&[("log", ""), ("log.1", ""), ("log.2", "5")]));
        std::fs::remove_file(folder.0.join("log.1")).unwrap();
        std::fs::write(&path, "6").unwrap();
        turn(&path, 3).unwrap();
        assert_eq!(folder.files(), named(&[("log", ""), ("log.1", "6"), ("log.2", "5")]));
        turn(&path, 0).unwrap();
        assert_eq!(folder.files(), named(&[("log", "")]));
    }

    #[test]
    fn without_room_for_the_new_one_nothing_is_renamed() {
        let folder = Folder::new("room");
        let path = folder.0.join("log");
        std::fs::write(&path, "1").unwrap();
        // Its name is taken by what can't be removed as a file.
        std::fs::create_dir(folder.0.join("log.new")).unwrap();
        assert!(turn(&path, 3).is_err());
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "1");
        assert!(!exists(&folder.0.join("log.1")));
    }
}
