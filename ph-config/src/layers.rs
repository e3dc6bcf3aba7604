//! The layers of a section: which text of a key counts, and where it comes from.
//!
//! Defaults < `[DEFAULT]` < the section < environment < command line. [`Layers`] answers for every
//! key even where values are wrong, so that `config show` can show what it complains about.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

mod reader;
mod request;
mod scope;
mod stack;

pub(crate) use reader::Reader;
pub use request::LoadRequest;
use scope::Scope;
use stack::{Given, Stack};

use crate::{
    document::Document,
    error::{ConfigError, Home, Problem},
    file,
    ini::Ini,
    interpolate::Interpolator,
    key::{self, DefaultValue, KEYS, Key, MAX_HINTS},
    origin::Origin,
    settings::Settings,
    value::is_none,
};

/// What a key says, and where that comes from.
#[derive(Clone, Debug)]
pub struct Effective {
    /// The key.
    pub key: String,
    /// Its text, interpolated; uninterpolated where that fails.
    pub text: String,
    /// Where the text comes from.
    pub origin: Origin,
    /// Its row in the reference; `None` for keys `app.*` and for those that only others
    /// interpolate.
    pub reference: Option<&'static Key>,
    faulty: bool,
}

/// All keys of a section, before their values are looked at.
#[derive(Clone, Debug)]
pub struct Layers {
    file: Option<PathBuf>,
    section: String,
    start_dir: PathBuf,
    home: Home,
    entries: Vec<Effective>,
    problems: Vec<Problem>,
}

impl Layers {
    /// Reads the file. Fails where there is no section to speak of: without a readable, well-formed
    /// file, or without the section in it.
    pub fn load(request: &LoadRequest) -> Result<Self, ConfigError> {
        let document = match &request.file {
            None => Document::parse(""),
            Some(path) => {
                file::read(&request.start_dir.join(path)).map_err(|error| error.about(path))?
            }
        };
        Self::of(document, request)
    }

    /// The same for a document that stands for the file: to validate an edit before it is written.
    pub fn of(document: Document, request: &LoadRequest) -> Result<Self, ConfigError> {
        let file = request.file.as_deref();
        let shown = file.map_or_else(|| "configuration".to_owned(), |f| f.display().to_string());
        let ini = Ini::new(document).map_err(|errors| {
            let problem = |error: &crate::SyntaxError| Problem::on_line(&shown, error.line, error);
            ConfigError::new(errors.0.iter().map(problem).collect())
        })?;
        let (section, line) = request::choose(file.map(|_| &ini), request)
            .map_err(|message| Problem::at(&shown, message))?;
        let mut layers = Self {
            file: request.file.clone(),
            section,
            start_dir: request.start_dir.clone(),
            home: Home { file: shown, line },
            entries: Vec::new(),
            problems: Vec::new(),
        };
        let stack = Stack::build(&ini, request, &layers);
        layers.problems = stack.problems;
        layers.resolve(&ini, &stack.given);
        Ok(layers)
    }

    /// Validates every value, and all of them together.
    pub fn settings(&self) -> Result<Settings, ConfigError> {
        Settings::from_layers(self)
    }

    /// The keys in the order of the reference, then `app.*` and those that only others interpolate.
    pub fn entries(&self) -> &[Effective] {
        &self.entries
    }

    /// One key, by any of its names.
    pub fn get(&self, name: &str) -> Option<&Effective> {
        self.named(name).or_else(|| {
            let name = name.to_lowercase();
            self.named(key::find(&name).map_or(name.as_str(), |key| key.name))
        })
    }

    /// One key, by the name that it has in the reference.
    fn named(&self, name: &str) -> Option<&Effective> {
        self.entries.iter().find(|entry| entry.key == name)
    }

    /// Whether anything but the default sets the key.
    pub fn is_set(&self, name: &str) -> bool {
        self.get(name).is_some_and(|entry| entry.origin != Origin::Default)
    }

    /// What is wrong already: unknown keys, values that do not resolve.
    pub fn problems(&self) -> &[Problem] {
        &self.problems
    }

    /// The error for a key whose text is as it should be, and that can't be followed all the same.
    pub fn object(&self, name: &str, reason: &str) -> ConfigError {
        match self.get(name) {
            Some(Effective { key, text, origin, .. }) => {
                Problem::of_value(key, text, origin, &self.home, reason).into()
            }
            None => Problem::of_key(name, &Origin::Default, &self.home, reason).into(),
        }
    }

    /// The file, as its path was given.
    pub fn file(&self) -> Option<&Path> {
        self.file.as_deref()
    }

    /// The section.
    pub fn section(&self) -> &str {
        &self.section
    }

    /// The directory that relative paths are resolved against.
    pub fn start_dir(&self) -> &Path {
        &self.start_dir
    }

    /// The application's own keys, without `app.`.
    pub(crate) fn app(&self) -> BTreeMap<String, String> {
        let own = |entry: &Effective| {
            let name = entry.key.strip_prefix("app.").filter(|_| key::is_app(&entry.key))?;
            Some((name.to_owned(), entry.text.clone()))
        };
        self.entries.iter().filter_map(own).collect()
    }

    /// Interpolates what is given, and fills in what is not.
    fn resolve(&mut self, ini: &Ini, given: &BTreeMap<String, Given>) {
        let entries = ini.entries(&self.section).unwrap_or_default();
        let scope = Scope { entries: &entries, given, section: &self.section };
        let mut interpolator = Interpolator::new(|name: &str| scope.find(name));
        let mut effective = BTreeMap::new();
        for (name, value) in given {
            let text = match value.literal {
                true => Ok(value.text.clone()),
                false => interpolator.resolve(&value.text),
            };
            if let Err(error) = &text {
                let message = scope.explain(error, self.problems.len() < MAX_HINTS);
                self.problems.push(Problem::of_value(
                    &value.name,
                    &value.text,
                    &value.origin,
                    &self.home,
                    message,
                ));
            }
            effective.insert(
                name.as_str(),
                Effective {
                    key: name.clone(),
                    faulty: text.is_err(),
                    text: text.unwrap_or_else(|_| value.text.clone()),
                    origin: value.origin.clone(),
                    reference: key::find(name),
                },
            );
        }
        let unset = |key: &'static Key| Effective {
            key: key.name.to_owned(),
            text: match key.default {
                DefaultValue::Text(text) => text.to_owned(),
                DefaultValue::Section => self.section.clone(),
                DefaultValue::Unset | DefaultValue::Derived { .. } => "none".to_owned(),
            },
            origin: Origin::Default,
            reference: Some(key),
            faulty: false,
        };
        let known = KEYS.iter().map(|key| effective.remove(key.name).unwrap_or_else(|| unset(key)));
        self.entries = known.collect();
        self.derive();
        self.entries.extend(effective.into_values());
    }

    /// Fills in the keys that follow from others; they may say so themselves, by `none` or nothing.
    fn derive(&mut self) {
        let text =
            |name: &str| self.named(name).map(|entry| entry.text.clone()).unwrap_or_default();
        let derived = |entry: &Effective| match entry.reference?.default {
            DefaultValue::Derived { from, .. } if is_none(&entry.text) && !entry.faulty => {
                Some(from(&text))
            }
            _ => None,
        };
        let derived: Vec<Option<String>> = self.entries.iter().map(derived).collect();
        for (entry, text) in self.entries.iter_mut().zip(derived) {
            if let Some(text) = text {
                entry.text = text;
                entry.origin = Origin::Default;
            }
        }
    }
}
