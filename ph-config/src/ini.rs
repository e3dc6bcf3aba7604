//! The resolver: what `configparser.ConfigParser()` would answer.

use std::collections::BTreeMap;

use crate::{
    document::{DEFAULT_SECTION, Document, Entry, SyntaxError},
    interpolate::{Found, InterpolationError, Interpolator},
};

/// A document without a fault, read as Python's `ConfigParser()` reads it: sections inherit
/// `[DEFAULT]`, keys are case-insensitive, values are interpolated when they are asked for.
#[derive(Clone, Debug)]
pub struct Ini {
    document: Document,
}

/// All that is wrong with a text, one line each.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", .0.iter().map(|e| format!("line {}: {e}", e.line)).collect::<Vec<_>>().join("\n"))]
pub struct SyntaxErrors(pub Vec<SyntaxError>);

impl Ini {
    /// Reads `text`.
    pub fn parse(text: impl Into<String>) -> Result<Self, SyntaxErrors> {
        Self::new(Document::parse(text))
    }

    /// Takes a document, if `configparser` would.
    pub fn new(document: Document) -> Result<Self, SyntaxErrors> {
        if document.problems().is_empty() {
            Ok(Self { document })
        } else {
            Err(SyntaxErrors(document.problems().to_vec()))
        }
    }

    /// The document behind it.
    pub fn document(&self) -> &Document {
        &self.document
    }

    /// The names of the sections, `[DEFAULT]` aside, in the order of the file.
    pub fn sections(&self) -> impl Iterator<Item = &str> {
        self.document.sections()
    }

    /// Whether the section exists; `DEFAULT` always does.
    pub fn has_section(&self, section: &str) -> bool {
        section == DEFAULT_SECTION || self.sections().any(|name| name == section)
    }

    /// The section's keys with the inherited ones, and where each stands; `None` without such a
    /// section.
    pub fn entries(&self, section: &str) -> Option<BTreeMap<&str, &Entry>> {
        let named = |name| self.document.entries(name).map(|entry| (entry.key.as_str(), entry));
        if !self.has_section(section) {
            return None;
        }
        let mut entries: BTreeMap<&str, &Entry> = named(DEFAULT_SECTION).collect();
        if section != DEFAULT_SECTION {
            for entry in self.document.entries(section) {
                entries.insert(&entry.key, entry);
            }
        }
        Some(entries)
    }

    /// `parser.get(section, key, fallback=None)`.
    pub fn get(&self, section: &str, key: &str) -> Result<Option<String>, InterpolationError> {
        let entries = self.entries(section).unwrap_or_default();
        let Some(entry) = entries.get(key.to_lowercase().as_str()) else { return Ok(None) };
        interpolator(&entries).resolve(&entry.value).map(Some)
    }

    /// `parser.items(section)`, key by key; `None` without such a section.
    pub fn items(
        &self,
        section: &str,
    ) -> Option<BTreeMap<String, Result<String, InterpolationError>>> {
        let entries = self.entries(section)?;
        let mut interpolator = interpolator(&entries);
        let resolved = |(key, entry): (&&str, &&Entry)| {
            ((*key).to_owned(), interpolator.resolve(&entry.value))
        };
        Some(entries.iter().map(resolved).collect())
    }
}

fn interpolator<'a>(
    entries: &'a BTreeMap<&'a str, &'a Entry>,
) -> Interpolator<impl Fn(&str) -> Option<Found<'a>>> {
    Interpolator::new(|name: &str| entries.get(name).map(|entry| Found::Template(&entry.value)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_section_inherits_and_overrides() {
        let ini = Ini::parse(
            "[DEFAULT]\nhome = /srv\nname = none\n[app]\nName = web\nlog = %(HOME)s/%(name)s.log\n",
        )
        .unwrap();
        assert_eq!(ini.get("app", "LOG").unwrap().as_deref(), Some("/srv/web.log"));
        assert_eq!(ini.get("DEFAULT", "name").unwrap().as_deref(), Some("none"));
        assert_eq!(ini.get("app", "absent").unwrap(), None);
        assert!(ini.items("elsewhere").is_none());
        assert_eq!(ini.items("app").unwrap().len(), 3);
    }

    #[test]
    fn a_fault_shuts_the_door() {
        let errors = Ini::parse("[a]\nx\n[a]\n").unwrap_err();
        assert_eq!(errors.0.len(), 2);
        assert!(errors.to_string().starts_with("line 2: expected \"key = value\""));
    }
}
