//! A server on the crate `msgpack-rpc`, in a workspace of its own: what it is built from is none of
//! ours.

use std::path::PathBuf;

use crate::error::{Context, Result};
use crate::step::Step;
use crate::workspace::Workspace;

/// Below the target directory, so that the next run finds it and `cargo clean` removes it.
const DIRECTORY: &str = "bench-msgpack-rpc";

const MANIFEST: &str = "\
[package]
name = \"bench-msgpack-rpc\"
version = \"0.0.0\"
edition = \"2024\"
publish = false

[workspace]

[profile.release]
lto = \"fat\"
codegen-units = 1

[dependencies]
msgpack-rpc = \"0.4\"
tokio = { version = \"1\", features = [\"macros\", \"net\", \"rt\"] }
tokio-util = { version = \"0.7\", features = [\"compat\"] }
";

const PROGRAM: &str = include_str!("../../../bench/msgpack_rpc.rs");

#[derive(Debug)]
pub(super) struct Rival(pub(super) PathBuf);

impl Rival {
    pub(super) fn build(workspace: &Workspace) -> Result<Self> {
        let directory = workspace.target.join(DIRECTORY);
        let source = directory.join("src");
        std::fs::create_dir_all(&source).context(|| source.display())?;
        for (path, text) in
            [(directory.join("Cargo.toml"), MANIFEST), (source.join("main.rs"), PROGRAM)]
        {
            // Left alone where it is the same, or it would be built anew.
            if std::fs::read_to_string(&path).is_ok_and(|there| there == text) {
                continue;
            }
            std::fs::write(&path, text).context(|| path.display())?;
        }
        Step::cargo("build --release --target-dir target").run(&directory)?;
        Ok(Self(directory.join("target/release").join(DIRECTORY)))
    }
}
