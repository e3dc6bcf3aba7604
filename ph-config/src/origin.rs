//! Where a value comes from.

use std::{fmt, path::PathBuf};

/// The layer that a value comes from; the later ones win.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Origin {
    /// The reference of keys.
    Default,
    /// The file.
    File {
        /// Its path, as it was given.
        path: PathBuf,
        /// The line of the key, from 1.
        line: usize,
        /// Whether it stands in `[DEFAULT]` and is inherited.
        in_default: bool,
    },
    /// A variable of the environment.
    Environment {
        /// Its name: `PH_NUMBER_WORKERS`.
        variable: String,
    },
    /// `--set`.
    CommandLine,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.pad("default"),
            Self::File { path, line, .. } => f.pad(&format!("{}:{line}", path.display())),
            Self::Environment { variable } => f.pad(&format!("environment {variable}")),
            Self::CommandLine => f.pad("command line"),
        }
    }
}
