//! What `%(name)s` stands for.

use std::collections::BTreeMap;

use super::stack::{Given, canonical};
use crate::{
    document::Entry,
    interpolate::{Found, InterpolationError},
    key::{self, DefaultValue, KEYS},
    text::excerpt,
};

/// The names that a value of the section may refer to.
///
/// What the environment or the command line says about a key counts in other values too, and is
/// taken as it is: a `%` in it is a `%`. A key that nothing sets stands for its default, if that is
/// a text.
pub(super) struct Scope<'a> {
    /// The file's entries, inherited ones included.
    pub(super) entries: &'a BTreeMap<&'a str, &'a Entry>,
    pub(super) given: &'a BTreeMap<String, Given>,
    pub(super) section: &'a str,
}

impl<'a> Scope<'a> {
    pub(super) fn find(&self, name: &str) -> Option<Found<'a>> {
        let given = self.given.get(canonical(name));
        if let Some(given) = given.filter(|given| given.literal) {
            return Some(Found::Literal(&given.text));
        }
        if let Some(entry) = self.entries.get(name) {
            return Some(Found::Template(&entry.value));
        }
        if let Some(given) = given {
            return Some(Found::Template(&given.text));
        }
        match key::find(name)?.default {
            DefaultValue::Text(text) => Some(Found::Literal(text)),
            DefaultValue::Section => Some(Found::Literal(self.section)),
            DefaultValue::Unset | DefaultValue::Derived { .. } => None,
        }
    }

    /// The error; if it helps, with the name that may have been meant.
    pub(super) fn explain(&self, error: &InterpolationError, helpful: bool) -> String {
        let InterpolationError::Missing(name) = error else { return error.to_string() };
        let with_text = KEYS.iter().map(|key| key.name).filter(|name| self.find(name).is_some());
        let candidates = self.entries.keys().copied().chain(with_text);
        let shown = InterpolationError::Missing(excerpt(name));
        match helpful.then(|| key::nearest(name, candidates)).flatten() {
            Some(near) => format!("{shown}; did you mean %({})s?", excerpt(near)),
            None => format!("{shown}; set it, or write %% for a percent sign"),
        }
    }
}
