//! What to load.

use std::{ffi::OsString, path::PathBuf};

use crate::{document::DEFAULT_SECTION, ini::Ini, key::nearest, text::excerpt};

/// What to load.
#[derive(Clone, Debug, Default)]
pub struct LoadRequest {
    /// The file; without one, only the other layers count. A relative path is one from `start_dir`.
    pub file: Option<PathBuf>,
    /// The section; without it, the only one of the file.
    pub section: Option<String>,
    /// `--set KEY=VALUE`; of two for the same key the later one counts.
    pub overrides: Vec<(String, String)>,
    /// The environment: names and values, of which only `PH_KEY` for a known key counts.
    pub environment: Vec<(OsString, OsString)>,
    /// The directory that relative paths are resolved against: where the master was started.
    /// Absolute.
    pub start_dir: PathBuf,
}

impl LoadRequest {
    /// The only section of `file`, without overrides.
    pub fn new(file: impl Into<PathBuf>, start_dir: impl Into<PathBuf>) -> Self {
        Self { file: Some(file.into()), start_dir: start_dir.into(), ..Self::default() }
    }

    /// Chooses a section.
    pub fn section(mut self, section: impl Into<String>) -> Self {
        self.section = Some(section.into());
        self
    }

    /// Adds a `--set KEY=VALUE`.
    pub fn set(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.overrides.push((key.into(), value.into()));
        self
    }

    /// Takes the environment, as `std::env::vars_os()` gives it.
    pub fn environment(
        mut self,
        variables: impl IntoIterator<Item = (OsString, OsString)>,
    ) -> Self {
        self.environment = variables.into_iter().collect();
        self
    }
}

/// The section that is asked for, and the line of its header; an error says which there are.
pub(super) fn choose(
    ini: Option<&Ini>,
    request: &LoadRequest,
) -> Result<(String, Option<usize>), String> {
    let asked = request.section.as_deref();
    let Some(ini) = ini else {
        let section = asked.ok_or("there is no file; name one, or a section")?;
        return Ok((section.to_owned(), None));
    };
    let blocks: Vec<_> =
        ini.document().blocks().iter().filter(|block| block.name != DEFAULT_SECTION).collect();
    let names: Vec<&str> = blocks.iter().map(|block| block.name.as_str()).collect();
    let list =
        names.iter().map(|name| format!("[{}]", excerpt(name))).collect::<Vec<_>>().join(", ");
    let asked = match (asked, &*names) {
        (_, []) => return Err("has no section beside [DEFAULT]; add one, such as [app]".into()),
        (None, [only]) => *only,
        (None, _) => return Err(format!("has several sections, {list}; choose one")),
        (Some(DEFAULT_SECTION), _) => {
            return Err(format!("[DEFAULT] is no application; choose one of {list}"));
        }
        (Some(asked), _) => asked,
    };
    match blocks.iter().find(|block| block.name == asked) {
        Some(block) => Ok((block.name.clone(), Some(block.line))),
        None => {
            let near = nearest(asked, names.iter().copied());
            let hint = near.map(|name| format!("did you mean [{}]? ", excerpt(name)));
            let asked = excerpt(asked);
            Err(format!("no section [{asked}]; {}there is {list}", hint.unwrap_or_default()))
        }
    }
}
