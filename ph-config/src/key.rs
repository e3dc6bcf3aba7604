//! The reference of keys: what each is called, means, and may say.
//!
//! The rows themselves are in [`crate::settings`]; everything that knows about keys (validation,
//! defaults, suggestions, `config show`, generated documentation) reads them from [`KEYS`].

use std::{borrow::Cow, fmt, path::Path};

pub use crate::settings::KEYS;
use crate::{kind::Check, value::ValueError};

/// One key of a section.
pub struct Key {
    /// Its name.
    pub name: &'static str,
    /// Other names for it.
    pub aliases: &'static [&'static str],
    /// Its value where nothing sets it.
    pub default: DefaultValue,
    /// When a change of it takes effect.
    pub effect: Effect,
    pub(crate) doc: &'static str,
    pub(crate) kind: &'static dyn Check,
}

/// The value of a key that nothing sets.
#[derive(Clone, Copy)]
pub enum DefaultValue {
    /// None; shown as `none`.
    Unset,
    /// Always the same.
    Text(&'static str),
    /// The name of the section.
    Section,
    /// Follows from other keys.
    Derived {
        /// How, for a reader.
        meaning: &'static str,
        /// A valid text that stands in while the other keys are wrong; no user ever gets it.
        placeholder: &'static str,
        /// How, from the texts of other keys.
        from: fn(Texts<'_>) -> String,
    },
}

/// The text of a key, by its name.
pub type Texts<'a> = &'a dyn Fn(&str) -> String;

/// When a change of a key takes effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Effect {
    /// At once, in the master.
    Live,
    /// In workers that start from now on: a reload replaces them all.
    NewWorkers,
    /// When the listeners are opened anew: a reload does it, then replaces the workers.
    NewListeners,
    /// When the master starts again.
    Restart,
}

impl Key {
    /// What the key is for, in a sentence or two.
    pub fn doc(&self) -> &'static str {
        self.doc.trim()
    }

    /// What its value looks like: `a whole number from 1 to 65536, or auto`.
    pub fn expected(&self) -> String {
        self.kind.describe()
    }

    /// The default, for a reader: a text that the key may say, or in words where it follows from
    /// others.
    pub fn default_text(&self) -> Cow<'static, str> {
        match self.default {
            DefaultValue::Unset => "none".into(),
            DefaultValue::Text(text) => text.into(),
            DefaultValue::Section => "the section's name".into(),
            DefaultValue::Derived { meaning, .. } => meaning.into(),
        }
    }

    /// A valid text for a key that is wrong, so that the others can be checked all the same.
    pub(crate) fn placeholder(&self) -> &'static str {
        match self.default {
            DefaultValue::Unset => "none",
            DefaultValue::Text(text) => text,
            DefaultValue::Section => "app",
            DefaultValue::Derived { placeholder, .. } => placeholder,
        }
    }

    /// Whether the key may say `text`, by itself; the canonical text if so. Relative paths are
    /// resolved against `start_dir`.
    pub fn check(&self, text: &str, start_dir: &Path) -> Result<String, ValueError> {
        self.kind.canonical(text, start_dir)
    }

    /// The variable that sets it: `PH_NUMBER_WORKERS`.
    pub fn variable(&self) -> String {
        variable(self.name)
    }

    /// Every name of the key.
    pub fn names(&self) -> impl Iterator<Item = &'static str> {
        std::iter::once(self.name).chain(self.aliases.iter().copied())
    }
}

/// What the variables of keys begin with.
pub(crate) const VARIABLES: &str = "PH_";

pub(crate) fn variable(name: &str) -> String {
    format!("{VARIABLES}{}", name.to_uppercase())
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Key").field("name", &self.name).field("effect", &self.effect).finish()
    }
}

impl Effect {
    /// The effect in a word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Live => "live",
            Self::NewWorkers => "new workers",
            Self::NewListeners => "new listeners",
            Self::Restart => "restart",
        }
    }
}

impl fmt::Display for Effect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// The key of this name or alias, in any case.
pub fn find(name: &str) -> Option<&'static Key> {
    let name = name.to_lowercase();
    KEYS.iter().find(|key| key.names().any(|known| known == name))
}

/// What belongs to the application itself: `app.` and a name.
pub fn is_app(name: &str) -> bool {
    name.strip_prefix("app.").is_some_and(|rest| !rest.is_empty())
}

/// How many mistakes of one file get a suggestion. In a file that is wrong from end to end, comparing
/// every name with every other would keep a master busy for minutes.
pub(crate) const MAX_HINTS: usize = 20;

/// The name or alias nearest to a mistyped one, if any is near.
pub fn nearest_key(name: &str) -> Option<&'static str> {
    nearest(name, KEYS.iter().flat_map(Key::names))
}

/// The candidate that takes the fewest edits, unless that would rewrite a third of the name or
/// more; else the shortest one that the name abbreviates.
pub(crate) fn nearest<'a>(
    name: &str,
    candidates: impl Iterator<Item = &'a str>,
) -> Option<&'a str> {
    const SHORTEST_ABBREVIATION: usize = 3;
    let name = name.to_lowercase();
    let bound = (name.chars().count() / 3).max(2);
    let abbreviates = name.chars().count() >= SHORTEST_ABBREVIATION;
    let rank = |known: &'a str| {
        let folded = known.to_lowercase();
        // A name so much longer or shorter is not worth the comparison.
        if folded.len().abs_diff(name.len()) <= bound * 4 {
            let edits = distance(&name, &folded);
            // Replacing every letter of a short name is no typing mistake.
            if edits <= bound && edits < folded.chars().count().max(2) {
                return Some((false, edits, known));
            }
        }
        (abbreviates && folded.starts_with(&name)).then_some((true, folded.len(), known))
    };
    candidates
        .filter_map(rank)
        .min_by_key(|(abbreviated, edits, _)| (*abbreviated, *edits))
        .map(|best| best.2)
}

/// Edits between two words: a letter more, less or other, or two neighbours swapped.
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) =
        (a.chars().take(64).collect(), b.chars().take(64).collect());
    let mut before_last = vec![0; b.len() + 1];
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for i in 0..a.len() {
        let mut row = vec![i + 1];
        for j in 0..b.len() {
            let mut edits =
                (last[j] + usize::from(a[i] != b[j])).min(last[j + 1] + 1).min(row[j] + 1);
            if i > 0 && j > 0 && a[i] == b[j - 1] && a[i - 1] == b[j] {
                edits = edits.min(before_last[j - 1] + 1);
            }
            row.push(edits);
        }
        before_last = std::mem::replace(&mut last, row);
    }
    last[b.len()]
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn names_are_unique_and_need_no_folding() {
        let mut seen = HashSet::new();
        for name in KEYS.iter().flat_map(Key::names) {
            assert!(seen.insert(name), "{name} is there twice");
            assert_eq!(name, name.to_lowercase());
        }
        let identity =
            ["config", "section", "app", "worker_id", "generation", "master_pid", "slot_fd"];
        for name in identity {
            assert!(!seen.contains(name), "PH_{} tells a worker who it is", name.to_uppercase());
        }
    }

    #[test]
    fn every_row_is_complete_and_every_default_valid() {
        for key in KEYS {
            assert!(key.doc().ends_with('.'), "{}: the doc is a sentence", key.name);
            assert!(!key.expected().is_empty());
            let canonical = key.check(key.placeholder(), Path::new("/start")).expect(key.name);
            assert_eq!(key.check(&canonical, Path::new("/start")).as_ref(), Ok(&canonical));
        }
    }

    #[test]
    fn the_nearest_key_is_near() {
        assert_eq!(nearest_key("number_worker"), Some("number_workers"));
        assert_eq!(nearest_key("NUMBER-WORKERS"), Some("number_workers"));
        assert_eq!(nearest_key("killinterval"), Some("kill_interval"));
        assert_eq!(nearest_key("bnid"), Some("bind"));
        assert_eq!(nearest_key("grace"), Some("graceful_timeout"));
        assert_eq!(nearest_key("colour"), None);
        assert_eq!(nearest_key("x"), None);
        assert_eq!(distance("kitten", "sitting"), 3);
        assert_eq!(distance("", "abc"), 3);
    }
}
