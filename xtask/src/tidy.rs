//! `cargo xtask tidy`: the rules of this repository that neither the compiler nor clippy can know.
//!
//! Every rule is a pure function from text to findings, in a file of its own with a good and a bad
//! sample; this file collects the text. A finding reads `path:line: sentence`, so that an editor
//! can jump to it.

mod bytes;
mod crates;
mod forks;
mod length;
mod links;
mod marks;
mod rooms;
mod source;

use std::collections::BTreeSet;
use std::fmt;
use std::path::Path;
use std::process::Command;

use crate::args::Args;
use crate::error::{Context, Error, Result};
use crate::workspace::Workspace;
use source::Source;

/// Where a rule is broken, and how.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Finding {
    path: String,
    line: usize,
    says: String,
}

impl Finding {
    fn new(path: &str, line: usize, says: impl Into<String>) -> Self {
        Self { path: path.to_owned(), line, says: says.into() }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.path, self.line, self.says)
    }
}

pub(crate) fn command(args: &Args) -> Result {
    args.end()?;
    run(&Workspace::load()?)
}

/// Applies every rule to every file that git knows or would take.
pub(crate) fn run(workspace: &Workspace) -> Result {
    let files = files(&workspace.root)?;
    let mut findings = crates::check(workspace, &files);
    findings.extend(length::check_list(&files));
    for path in &files {
        let Ok(bytes) = std::fs::read(workspace.root.join(path)) else { continue };
        let Ok(text) = String::from_utf8(bytes) else {
            findings.extend(bytes::check_encoding(path));
            continue;
        };
        findings.extend(check_text(path, &text, &files));
    }
    findings.sort();
    for finding in &findings {
        println!("{finding}");
    }
    match findings.len() {
        0 => Ok(()),
        1 => Err(Error::new("tidy: one finding")),
        many => Err(Error::new(format!("tidy: {many} findings"))),
    }
}

fn check_text(path: &str, text: &str, files: &BTreeSet<String>) -> Vec<Finding> {
    let mut findings = bytes::check(path, text);
    if path.ends_with(".md") {
        findings.extend(links::check(path, text, |target| exists(files, target)));
    }
    if path.ends_with(".rs") {
        let source = Source::new(path, text);
        findings.extend(length::check(&source));
        findings.extend(rooms::check(&source));
        findings.extend(forks::check(&source));
        findings.extend(marks::check(&source));
    }
    findings
}

/// A link may point to a file of the repository or to a directory that holds one; what lies only on
/// this disk is not there for the reader.
fn exists(files: &BTreeSet<String>, target: &str) -> bool {
    let inside = format!("{}/", target.trim_end_matches('/'));
    target.is_empty()
        || files.contains(target)
        || files.iter().any(|file| file.starts_with(&inside))
}

/// Tracked files, and those not ignored that would be added: a rule is cheapest to keep before the
/// commit.
fn files(root: &Path) -> Result<BTreeSet<String>> {
    let output = Command::new("git")
        .args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"])
        .current_dir(root)
        .output()
        .context(|| "cannot run git, which tidy asks for the files (apt-get install git)")?;
    if !output.status.success() {
        let reason = String::from_utf8_lossy(&output.stderr);
        return Err(Error::new(format!("git ls-files: {}", reason.trim_end())));
    }
    let names = String::from_utf8_lossy(&output.stdout).into_owned();
    // A deleted file is listed until its deletion is staged.
    let there = |name: &&str| !name.is_empty() && root.join(name).symlink_metadata().is_ok();
    Ok(names.split('\0').filter(there).map(str::to_owned).collect())
}

#[cfg(test)]
mod tests {
    use super::{Finding, exists};

    #[test]
    fn a_finding_is_a_place_an_editor_can_jump_to() {
        assert_eq!(Finding::new("a/b.rs", 7, "is wrong").to_string(), "a/b.rs:7: is wrong");
    }

    #[test]
    fn a_directory_exists_when_it_holds_a_file() {
        let files = ["a/b.md", "ab/c.md"].map(str::to_owned).into();
        assert!(exists(&files, "a") && exists(&files, "a/") && exists(&files, "a/b.md"));
        assert!(!exists(&files, "b.md") && !exists(&files, "a/b"));
    }
}
