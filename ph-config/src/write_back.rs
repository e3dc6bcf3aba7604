//! Changing one section of a file: edited, validated as a whole, and only then written.
//!
//! ```no_run
//! use ph_config::{LoadRequest, Target, WriteBack};
//!
//! let request = LoadRequest::new("conf/app.ini", std::env::current_dir()?).section("web");
//! let mut edit = WriteBack::begin(&request)?;
//! edit.set("number_workers", "8", Target::Section)?;
//! edit.unset("timeout", Target::Section)?;
//! edit.commit()?; // both, or an error and neither
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    document::{DEFAULT_SECTION, Document, Entry},
    edit::{self, EditError},
    error::{ConfigError, Problem},
    key,
    layers::{Layers, LoadRequest},
    text::excerpt,
    transaction::{LockedFile, TransactionError},
};

/// Where a key is to stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Target {
    /// In the section, also if it is inherited so far.
    Section,
    /// In `[DEFAULT]`, for all sections.
    Default,
}

/// Why nothing was changed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WriteBackError {
    /// The configuration is invalid, or would be.
    #[error(transparent)]
    Invalid(#[from] ConfigError),
    /// The file can't be written.
    #[error("{file}: {error}")]
    File {
        /// The file, as its path was given.
        file: String,
        /// Why not.
        error: TransactionError,
    },
    /// What is to be unset is not set in that place.
    #[error("{0}")]
    NotSet(String),
}

/// Edits of one section that are not written yet. The file is locked meanwhile.
#[derive(Debug)]
pub struct WriteBack {
    request: LoadRequest,
    file: LockedFile,
    section: String,
    before: Document,
    after: Document,
}

/// What was written.
#[derive(Debug)]
pub struct Written {
    /// The document before.
    pub before: Document,
    /// The document now; the same where there was nothing to change.
    pub after: Document,
    /// The layers now, this request's environment and overrides among them.
    pub layers: Layers,
}

/// What an undo did.
#[derive(Debug)]
pub struct Undone {
    /// The document before.
    pub before: Document,
    /// The document now, which is one from before.
    pub after: Document,
    /// How many more steps there are.
    pub left: usize,
}

impl WriteBack {
    /// Takes the lock and reads the file. Its syntax must be right, and the section there.
    pub fn begin(request: &LoadRequest) -> Result<Self, WriteBackError> {
        let (file, document) = open(request)?;
        let layers = Layers::of(document.clone(), request)?;
        let section = layers.section().to_owned();
        let after = document.clone();
        Ok(Self { request: request.clone(), file, section, before: document, after })
    }

    /// Has a key say this text, as it is: a `%` is a `%`.
    pub fn set(&mut self, key: &str, text: &str, target: Target) -> Result<(), WriteBackError> {
        self.set_template(key, &edit::escape(text), target)
    }

    /// The same for a text that refers to other keys by `%(name)s`, and has `%%` for a `%`.
    pub fn set_template(
        &mut self,
        key: &str,
        text: &str,
        target: Target,
    ) -> Result<(), WriteBackError> {
        let section = self.block(target);
        // A key stays under the name by which the file has it.
        let name = match self.find(section, key) {
            Some(entry) => entry.key.clone(),
            None if key::find(key).is_some() => key.to_lowercase(),
            None => key.to_owned(),
        };
        self.after = self.after.set(section, &name, text).map_err(|error| {
            let place = self.find(section, key).or_else(|| self.find(DEFAULT_SECTION, key));
            let message = match &error {
                EditError::Key(_) => error.to_string(),
                error => format!("{} = {}: {error}", excerpt(&name), excerpt(text)),
            };
            self.problem(place, message)
        })?;
        Ok(())
    }

    /// Removes a key from where it stands.
    pub fn unset(&mut self, key: &str, target: Target) -> Result<(), WriteBackError> {
        let section = self.block(target);
        let Some(name) = self.find(section, key).map(|entry| entry.key.clone()) else {
            return Err(WriteBackError::NotSet(self.explain_not_set(key, target)));
        };
        let unset = self.after.unset(section, &name);
        self.after = unset.map_err(|error| self.problem(None, error.to_string()))?;
        Ok(())
    }

    /// Validates the section as the edits leave it, with this request's environment and overrides; then every section
    /// of the file without them, so that nothing new that is wrong hides below them.
    pub fn validate(&self) -> Result<Layers, WriteBackError> {
        let layers = Layers::of(self.after.clone(), &self.request)?;
        layers.settings()?;
        for section in self.after.sections() {
            let before = self.problems(&self.before, section);
            let is_old = |problem: &Problem| {
                before
                    .iter()
                    .any(|old| (&old.key, &old.message) == (&problem.key, &problem.message))
            };
            let mut problems = self.problems(&self.after, section);
            problems.retain(|problem| !is_old(problem));
            if !problems.is_empty() {
                return Err(ConfigError::new(problems).into());
            }
        }
        Ok(layers)
    }

    /// What is wrong with a section of a document, by itself.
    fn problems(&self, document: &Document, section: &str) -> Vec<Problem> {
        let LoadRequest { file, start_dir, .. } = self.request.clone();
        let section = Some(section.to_owned());
        let alone = LoadRequest { file, section, start_dir, ..LoadRequest::default() };
        let settings = Layers::of(document.clone(), &alone).and_then(|layers| layers.settings());
        settings.err().map_or(Vec::new(), |error| error.problems().to_vec())
    }

    /// Validates the section and writes the file; where nothing is different, it is not touched.
    ///
    /// After an error the file is as it was.
    pub fn commit(self) -> Result<Written, WriteBackError> {
        let layers = self.validate()?;
        let Self { request, file, before, after, .. } = self;
        let written = file.write(after.as_str().as_bytes());
        written.map_err(|error| about(&request, error))?;
        Ok(Written { before, after, layers })
    }

    fn block(&self, target: Target) -> &str {
        block(&self.section, target)
    }

    /// The key where it stands, by any of its names.
    fn find(&self, section: &str, key: &str) -> Option<&Entry> {
        find(&self.after, section, key)
    }

    fn problem(&self, entry: Option<&Entry>, message: String) -> ConfigError {
        let file = shown(&self.request);
        match entry {
            Some(entry) => Problem::on_line(file, entry.line, message).into(),
            None => Problem::at(file, message).into(),
        }
    }

    fn explain_not_set(&self, key: &str, target: Target) -> String {
        let (file, section) = (shown(&self.request), excerpt(&self.section));
        let other = match target {
            Target::Section => self.find(DEFAULT_SECTION, key),
            Target::Default => self.find(&self.section, key),
        };
        let key = excerpt(key);
        match (target, other) {
            (Target::Section, Some(entry)) => format!(
                "{file}:{}: {key} is inherited from [DEFAULT]; unset it there by --default, \
                 or set it in [{section}]",
                entry.line
            ),
            (Target::Default, Some(entry)) => format!(
                "{file}:{}: {key} is set in [{section}] and not in [DEFAULT]; \
                 unset it without --default",
                entry.line
            ),
            (_, None) => {
                let here = self.after.entries(&self.section);
                let names = here.chain(self.after.entries(DEFAULT_SECTION));
                let near = key::nearest(&key, names.map(|entry| entry.key.as_str()));
                let hint = near.map_or(String::new(), |near| format!("; did you mean {near}?"));
                format!("{file}: {key} is not set in [{section}]{hint}")
            }
        }
    }
}

impl Written {
    /// Whether the file is another one now.
    pub fn changed(&self) -> bool {
        self.before != self.after
    }

    /// A key where it stood before, and where it stands now.
    pub fn entry(&self, key: &str, target: Target) -> (Option<&Entry>, Option<&Entry>) {
        let section = block(self.layers.section(), target);
        (find(&self.before, section, key), find(&self.after, section, key))
    }
}

/// Puts back the text that was there before the last edit; again, the one before that.
///
/// It is not validated: it is what somebody had, and may want back to look at.
pub fn undo(request: &LoadRequest) -> Result<Undone, WriteBackError> {
    let (file, before) = open(request)?;
    let (text, left) = file.undo().map_err(|error| about(request, error))?;
    let after = document(text, request)?;
    Ok(Undone { before, after, left })
}

/// A key of which two documents say different things, uninterpolated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// The section in which it stands, `DEFAULT` among them.
    pub section: String,
    /// Its name there.
    pub key: String,
    /// What it said before; `None` where it did not stand there.
    pub old: Option<String>,
    /// What it says now.
    pub new: Option<String>,
}

impl Undone {
    /// The keys that say something else now, sorted by section and name.
    pub fn differences(&self) -> Vec<Difference> {
        let said = |document: &Document| -> BTreeMap<(String, String), String> {
            let blocks = document.blocks().iter();
            let pairs = blocks.flat_map(|block| {
                let key = |entry: &Entry| (block.name.clone(), entry.key.clone());
                block.entries.iter().map(move |entry| (key(entry), entry.value.clone()))
            });
            pairs.collect()
        };
        let (before, after) = (said(&self.before), said(&self.after));
        let names: BTreeSet<_> = before.keys().chain(after.keys()).collect();
        let difference = |name: &(String, String)| Difference {
            section: name.0.clone(),
            key: name.1.clone(),
            old: before.get(name).cloned(),
            new: after.get(name).cloned(),
        };
        names.into_iter().map(difference).filter(|it| it.old != it.new).collect()
    }
}

fn open(request: &LoadRequest) -> Result<(LockedFile, Document), WriteBackError> {
    let Some(path) = &request.file else {
        let problem = Problem::at("configuration", "there is no file to edit; name one");
        return Err(ConfigError::from(problem).into());
    };
    let file = LockedFile::open(&request.start_dir.join(path));
    let file = file.map_err(|error| about(request, error))?;
    let document = document(file.bytes().to_vec(), request)?;
    Ok((file, document))
}

fn document(text: Vec<u8>, request: &LoadRequest) -> Result<Document, WriteBackError> {
    let document = Document::from_bytes(text);
    document.map_err(|error| about(request, TransactionError::Read(error.into())))
}

/// A file that can't be read is an invalid configuration, as everywhere.
fn about(request: &LoadRequest, error: TransactionError) -> WriteBackError {
    match (error, &request.file) {
        (TransactionError::Read(error), Some(path)) => ConfigError::from(error.about(path)).into(),
        (error, _) => WriteBackError::File { file: shown(request), error },
    }
}

fn shown(request: &LoadRequest) -> String {
    request.file.as_deref().map_or_else(String::new, |path| path.display().to_string())
}

fn block(section: &str, target: Target) -> &str {
    match target {
        Target::Section => section,
        Target::Default => DEFAULT_SECTION,
    }
}

fn find<'a>(document: &'a Document, section: &str, key: &str) -> Option<&'a Entry> {
    match key::find(key) {
        Some(known) => known.names().find_map(|name| document.entry(section, name)),
        None => document.entry(section, &key.to_lowercase()),
    }
}
