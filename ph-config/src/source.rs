//! One section as a source for the `config` crate.

use std::path::{Path, PathBuf};

use config::{ConfigError, Map, Source, Value};

use crate::{error::Problem, file, ini::Ini};

/// A section of an INI file, for users of the [`config`] crate: inherited, interpolated, all values
/// strings. A key with dots, such as `app.colour`, becomes a table, as everywhere in that crate.
///
/// ```no_run
/// let settings = config::Config::builder()
///     .add_source(ph_config::IniSource::new("conf/app.ini", "web"))
///     .build()?;
/// let timeout: u64 = settings.get("timeout")?;
/// # Ok::<(), config::ConfigError>(())
/// ```
#[derive(Clone, Debug)]
pub struct IniSource {
    file: PathBuf,
    section: String,
}

impl IniSource {
    /// A file that must exist, and a section that it must have.
    pub fn new(file: impl AsRef<Path>, section: impl Into<String>) -> Self {
        Self { file: file.as_ref().to_owned(), section: section.into() }
    }
}

impl Source for IniSource {
    fn clone_into_box(&self) -> Box<dyn Source + Send + Sync> {
        Box::new(self.clone())
    }

    fn collect(&self) -> Result<Map<String, Value>, ConfigError> {
        let shown = &self.file.display();
        let fail = |problem: Problem| ConfigError::Message(problem.to_string());
        let document = file::read(&self.file).map_err(|error| fail(Problem::at(shown, error)))?;
        let ini = Ini::new(document).map_err(|errors| {
            let lines = errors.0.iter().map(|e| Problem::on_line(shown, e.line, e).to_string());
            ConfigError::Message(lines.collect::<Vec<_>>().join("\n"))
        })?;
        let missing = || fail(Problem::at(shown, format_args!("no section [{}]", self.section)));
        let (items, entries) =
            ini.items(&self.section).zip(ini.entries(&self.section)).ok_or_else(missing)?;
        let origin = self.file.display().to_string();
        let value = |(key, text): (String, Result<String, _>)| {
            let line = entries.get(key.as_str()).map_or(0, |entry| entry.line);
            match text {
                Ok(text) => Ok((key, Value::new(Some(&origin), text))),
                Err(error) => {
                    Err(fail(Problem::on_line(shown, line, format_args!("{key}: {error}"))))
                }
            }
        };
        items.into_iter().map(value).collect()
    }
}
