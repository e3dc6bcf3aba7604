//! Where things are: the repository's root, the target directory and the crates, as cargo tells
//! them.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::error::{Context, Error, Result};

/// The workspace, read once from `cargo metadata`.
#[derive(Debug, Clone)]
pub(crate) struct Workspace {
    pub(crate) root: PathBuf,
    pub(crate) target: PathBuf,
    pub(crate) packages: Vec<Package>,
}

/// One crate of the workspace, as far as anyone here asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Package {
    pub(crate) name: String,
    pub(crate) description: Option<String>,
    pub(crate) license: Option<String>,
    /// Relative to the root, `ph-core/Cargo.toml`.
    pub(crate) manifest: PathBuf,
    /// Names of what it is built from, without dev-dependencies.
    pub(crate) dependencies: Vec<String>,
}

impl Workspace {
    pub(crate) fn load() -> Result<Self> {
        let output = Command::new(cargo())
            .args(["metadata", "--no-deps", "--format-version", "1"])
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .output()
            .context(|| "cannot run cargo metadata")?;
        if !output.status.success() {
            return Err(Error::new(String::from_utf8_lossy(&output.stderr).trim_end()));
        }
        Self::parse(&output.stdout)
    }

    fn parse(json: &[u8]) -> Result<Self> {
        let value: Value = serde_json::from_slice(json).context(|| "cargo metadata is not JSON")?;
        let root = PathBuf::from(text(&value, "workspace_root")?);
        let target = PathBuf::from(text(&value, "target_directory")?);
        let packages = list(&value, "packages").map(|package| Package::parse(package, &root));
        Ok(Self { packages: packages.collect::<Result<_>>()?, root, target })
    }
}

impl Package {
    fn parse(value: &Value, root: &Path) -> Result<Self> {
        let manifest = PathBuf::from(text(value, "manifest_path")?);
        let dependencies =
            list(value, "dependencies").filter(|one| one["kind"].as_str() != Some("dev"));
        Ok(Self {
            name: text(value, "name")?.to_owned(),
            description: value["description"].as_str().map(str::to_owned),
            license: value["license"].as_str().map(str::to_owned),
            manifest: manifest.strip_prefix(root).unwrap_or(&manifest).to_owned(),
            dependencies: dependencies
                .filter_map(|one| one["name"].as_str())
                .map(str::to_owned)
                .collect(),
        })
    }
}

/// The cargo that runs us, so that a toolchain chosen by `cargo +NAME xtask` is used throughout.
pub(crate) fn cargo() -> String {
    std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned())
}

fn text<'a>(value: &'a Value, key: &str) -> Result<&'a str> {
    value[key].as_str().context(|| format!("cargo metadata has no {key}"))
}

fn list<'a>(value: &'a Value, key: &str) -> impl Iterator<Item = &'a Value> {
    value[key].as_array().into_iter().flatten()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::Workspace;

    #[test]
    fn reads_packages_and_leaves_dev_dependencies_out() {
        let json = br#"{"workspace_root":"/w","target_directory":"/w/target","packages":[
            {"name":"a","description":"d","license":null,"manifest_path":"/w/a/Cargo.toml",
             "dependencies":[{"name":"b","kind":null},{"name":"c","kind":"dev"},{"name":"d","kind":"build"}]}]}"#;
        let workspace = Workspace::parse(json).unwrap();
        let package = &workspace.packages[0];
        assert_eq!(package.dependencies, ["b", "d"]);
        assert_eq!(package.manifest, Path::new("a/Cargo.toml"));
        assert_eq!(package.license, None);
    }

    #[test]
    fn says_which_field_is_missing() {
        assert!(Workspace::parse(b"{}").unwrap_err().to_string().contains("workspace_root"));
    }
}
