//! A directory for one run of a benchmark.

use std::path::{Path, PathBuf};

use crate::error::{Context, Result};

/// Gone with everything in it when this is dropped.
#[derive(Debug)]
pub(super) struct Scratch(PathBuf);

impl Scratch {
    pub(super) fn new() -> Result<Self> {
        let path = std::env::temp_dir().join(format!("ph-bench-{}", std::process::id()));
        std::fs::create_dir(&path).context(|| path.display())?;
        Ok(Self(path))
    }

    pub(super) fn path(&self) -> &Path {
        &self.0
    }

    /// Unlike any other on this machine now.
    pub(super) fn name(&self) -> String {
        self.0.file_name().unwrap_or_default().to_string_lossy().into_owned()
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // Nothing to do about it, and nothing hangs on it.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
