//! `cargo xtask docs`: man pages, completions and the reference of configuration keys, made from the program's definitions.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use crate::args::Args;
use crate::error::{Context, Error, Result};
use crate::step::Step;
use crate::workspace::Workspace;

/// What is made, in `docs/`: nothing else is in these places.
const MADE: [&str; 3] = ["man", "completions", "configuration.md"];

pub(crate) fn command(mut args: Args) -> Result {
    let check = args.switch("--check");
    args.end()?;
    let workspace = Workspace::load()?;
    if check { self::check(&workspace) } else { make(&workspace) }
}

/// Makes them anew in the tree.
fn make(workspace: &Workspace) -> Result {
    let docs = workspace.root.join("docs");
    for path in files(&docs)?.into_keys() {
        fs::remove_file(&path).context(|| format!("remove {}", path.display()))?;
    }
    generate(workspace, &docs)
}

/// Fails when what is in the tree is not what would be made.
pub(crate) fn check(workspace: &Workspace) -> Result {
    let fresh = workspace.target.join("docs-check");
    if fresh.exists() {
        fs::remove_dir_all(&fresh).context(|| format!("remove {}", fresh.display()))?;
    }
    generate(workspace, &fresh)?;
    let docs = workspace.root.join("docs");
    let (made, kept) = (relative(&fresh)?, relative(&docs)?);
    let names = made.keys().chain(kept.keys());
    let mut stale: Vec<_> = names.filter(|name| made.get(*name) != kept.get(*name)).collect();
    stale.sort_unstable();
    stale.dedup();
    if stale.is_empty() {
        return Ok(());
    }
    let names: Vec<String> = stale.iter().map(|name| format!("docs/{}", name.display())).collect();
    Err(Error::new(format!("stale: {}; run `cargo xtask docs`", names.join(", "))))
}

fn generate(workspace: &Workspace, folder: &Path) -> Result {
    Step::cargo("run --quiet -p ph-cli --features top --example docs --")
        .arg(folder)
        .run(&workspace.root)
}

/// The made files under a folder, by name there.
fn relative(folder: &Path) -> Result<BTreeMap<PathBuf, Vec<u8>>> {
    let own = |(path, text): (PathBuf, Vec<u8>)| {
        (path.strip_prefix(folder).unwrap_or(&path).to_owned(), text)
    };
    Ok(files(folder)?.into_iter().map(own).collect())
}

fn files(folder: &Path) -> Result<BTreeMap<PathBuf, Vec<u8>>> {
    let mut found = BTreeMap::new();
    for place in MADE.map(|name| folder.join(name)) {
        let paths = if place.is_dir() {
            let entries = fs::read_dir(&place).context(|| format!("read {}", place.display()))?;
            entries.filter_map(|entry| Some(entry.ok()?.path())).collect()
        } else if place.exists() {
            vec![place]
        } else {
            Vec::new()
        };
        for path in paths {
            let text = fs::read(&path).context(|| format!("read {}", path.display()))?;
            found.insert(path, text);
        }
    }
    Ok(found)
}
