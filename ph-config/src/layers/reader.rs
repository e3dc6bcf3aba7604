//! From the texts of a section to its settings.

use std::collections::BTreeSet;

use super::{Effective, Layers};
use crate::{
    error::{ConfigError, Problem},
    key::DefaultValue,
    kind::Kind,
    origin::Origin,
    settings::Settings,
};

/// Reads one key after the other, and notes what is wrong.
pub(crate) struct Reader<'a> {
    layers: &'a Layers,
    problems: Vec<Problem>,
    /// What follows from other keys, and is wrong because these are.
    consequences: Vec<Problem>,
    failed: BTreeSet<&'static str>,
}

impl Settings {
    pub(super) fn from_layers(layers: &Layers) -> Result<Self, ConfigError> {
        let mut reader = Reader {
            layers,
            problems: layers.problems.clone(),
            consequences: Vec::new(),
            failed: BTreeSet::new(),
        };
        let settings = Self::assemble(&mut reader);
        settings.check_rules(&mut reader);
        let Reader { problems, consequences, .. } = reader;
        match (problems.is_empty(), consequences.is_empty()) {
            (true, true) => Ok(settings),
            // A cause that went unreported must not make a wrong value right.
            (true, false) => Err(ConfigError::new(consequences)),
            (false, _) => Err(ConfigError::new(problems)),
        }
    }
}

impl<'a> Reader<'a> {
    pub(crate) fn layers(&self) -> &'a Layers {
        self.layers
    }

    /// The value of a key; a placeholder where it is wrong, so that the rest can be checked.
    pub(crate) fn read<K: Kind>(&mut self, name: &'static str, kind: &K) -> K::Value {
        let entry = self.entry(name);
        if !entry.faulty {
            match kind.parse(&entry.text, &self.layers.start_dir) {
                Ok(value) => return value,
                Err(error) => self.refuse(entry, &error.to_string()),
            }
        }
        self.failed.insert(name);
        let placeholder = entry.reference.map_or("none", |key| key.placeholder());
        kind.parse(placeholder, &self.layers.start_dir).expect("a test parses every placeholder")
    }

    fn refuse(&mut self, entry: &Effective, message: &str) {
        let Effective { key, text, origin, .. } = entry;
        let problem = Problem::of_value(key, text, origin, &self.layers.home, message);
        let derived =
            matches!(entry.reference.map(|key| key.default), Some(DefaultValue::Derived { .. }));
        if derived && *origin == Origin::Default {
            self.consequences.push(problem);
        } else {
            self.problems.push(problem);
        }
    }

    /// Notes that a rule over several keys is broken.
    pub(crate) fn report(&mut self, name: &str, message: &str) {
        let origin = self.layers.get(name).map_or(&Origin::Default, |entry| &entry.origin);
        self.problems.push(Problem::of_key(name, origin, &self.layers.home, message));
    }

    pub(crate) fn has_failed(&self, name: &str) -> bool {
        self.failed.contains(name)
    }

    fn entry(&self, name: &str) -> &'a Effective {
        self.layers.get(name).expect("layers have an entry for every key of the reference")
    }
}
