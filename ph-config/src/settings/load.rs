//! The short ways to settings.

use std::path::PathBuf;

use super::Settings;
use crate::{
    error::ConfigError,
    layers::{Layers, LoadRequest},
};

impl Settings {
    /// Reads and validates one section, the environment and the command line.
    pub fn load(request: &LoadRequest) -> Result<Self, ConfigError> {
        Layers::load(request)?.settings()
    }

    /// The settings of an application that has no file: all defaults, except what is set here.
    pub fn without_file<'a>(
        name: impl Into<String>,
        start_dir: impl Into<PathBuf>,
        set: impl IntoIterator<Item = (&'a str, &'a str)>,
    ) -> Result<Self, ConfigError> {
        let overrides = set.into_iter().map(|(key, value)| (key.to_owned(), value.to_owned()));
        Self::load(&LoadRequest {
            section: Some(name.into()),
            overrides: overrides.collect(),
            start_dir: start_dir.into(),
            ..LoadRequest::default()
        })
    }
}
