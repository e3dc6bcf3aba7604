//! Kinds whose values are paths.

use std::path::{Component, Path, PathBuf};

use super::Kind;
use crate::value::{ValueError, is_none};

/// A path; becomes absolute.
pub(crate) struct FilePath;

impl Kind for FilePath {
    type Value = PathBuf;

    fn parse(&self, text: &str, start_dir: &Path) -> Result<PathBuf, ValueError> {
        // Outer blanks of a value are gone already; what the command line says is meant as it is.
        let mismatch = ValueError::expected(self.expected());
        if text.trim().is_empty() {
            return Err(mismatch);
        }
        if text.contains(['\n', '\r']) {
            // The likeliest cause by far, and invisible in the file.
            return Err(mismatch.because("an indented line continues the value above it"));
        }
        if text.contains('\0') {
            return Err(mismatch.because("a NUL character"));
        }
        Ok(normalise(&start_dir.join(text)))
    }

    fn show(&self, value: &PathBuf) -> String {
        value.display().to_string()
    }

    fn expected(&self) -> String {
        "a path".to_owned()
    }
}

/// Removes `.` and `..` from a path, by its text alone: no link is followed.
fn normalise(path: &Path) -> PathBuf {
    let mut normal = PathBuf::new();
    for component in path.components() {
        match component {
            Component::CurDir => {}
            // `/..` is `/`; a relative path keeps the `..` that it starts with.
            Component::ParentDir => match normal.components().next_back() {
                Some(Component::Normal(_)) => {
                    normal.pop();
                }
                Some(Component::RootDir) => {}
                _ => normal.push(".."),
            },
            other => normal.push(other),
        }
    }
    if normal.as_os_str().is_empty() { PathBuf::from(".") } else { normal }
}

/// The log: a path, or the terminal's standard error.
pub(crate) struct LogTarget;

impl Kind for LogTarget {
    type Value = Option<PathBuf>;

    fn parse(&self, text: &str, start_dir: &Path) -> Result<Self::Value, ValueError> {
        if is_none(text) || text.trim() == "stderr" {
            return Ok(None);
        }
        let wrong = |error: ValueError| ValueError { expected: self.expected().into(), ..error };
        FilePath.parse(text, start_dir).map(Some).map_err(wrong)
    }

    fn show(&self, value: &Self::Value) -> String {
        value.as_ref().map_or_else(|| "stderr".to_owned(), |path| path.display().to_string())
    }

    fn expected(&self) -> String {
        "a path, or stderr".to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_become_absolute_by_their_text() {
        let path = |text: &str| FilePath.parse(text, Path::new("/start/here")).unwrap();
        for (text, expected) in [
            ("./master.pid", "/start/here/master.pid"),
            (".", "/start/here"),
            ("../x", "/start/x"),
            ("../../../x", "/x"),
            ("/a//b/./c/../d/", "/a/b/d"),
            ("a b", "/start/here/a b"),
        ] {
            assert_eq!(path(text), Path::new(expected), "{text}");
        }
        assert_eq!(normalise(Path::new("../a/../../b")), Path::new("../../b"));
        assert_eq!(normalise(Path::new("a/..")), Path::new("."));
    }

    #[test]
    fn a_swallowed_line_is_recognised() {
        let error = FilePath.parse("run/a.pid\ntimeout = 3", Path::new("/")).unwrap_err();
        assert!(error.to_string().starts_with("an indented line continues the value above it"));
        assert!(FilePath.parse("a\0b", Path::new("/")).is_err());
        assert!(FilePath.parse("", Path::new("/")).is_err());
    }
}
