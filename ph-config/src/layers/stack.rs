//! The layers, put on top of each other: for each key the text that counts.

use std::{
    collections::{BTreeMap, BTreeSet},
    ffi::OsString,
};

use super::{Layers, LoadRequest};
use crate::{
    document::{DEFAULT_SECTION, Entry},
    error::{Home, Problem},
    ini::Ini,
    interpolate::references,
    key::{self, KEYS, Key, MAX_HINTS},
    origin::Origin,
    text::excerpt,
};

/// What a layer says about a key.
pub(super) struct Given {
    /// The name by which it says it: the key's or an alias.
    pub(super) name: String,
    pub(super) text: String,
    pub(super) origin: Origin,
    /// Whether the text is taken as it is, uninterpolated.
    pub(super) literal: bool,
}

/// The layers, lowest first.
pub(super) struct Stack {
    /// By the key's own name.
    pub(super) given: BTreeMap<String, Given>,
    pub(super) problems: Vec<Problem>,
    home: Home,
}

impl Stack {
    pub(super) fn build(ini: &Ini, request: &LoadRequest, layers: &Layers) -> Self {
        let mut stack =
            Self { given: BTreeMap::new(), problems: Vec::new(), home: layers.home.clone() };
        let helpers = Helpers::of(ini, &layers.section);
        stack.file(ini, layers, DEFAULT_SECTION, &helpers);
        stack.file(ini, layers, &layers.section, &helpers);
        stack.environment(request);
        stack.command_line(request, &helpers);
        stack
    }

    fn file(&mut self, ini: &Ini, layers: &Layers, section: &str, helpers: &Helpers) {
        let in_default = section == DEFAULT_SECTION;
        let path = layers.file.clone().unwrap_or_default();
        let said = ini.document().entries(section).filter_map(|entry| {
            let origin = Origin::File { path: path.clone(), line: entry.line, in_default };
            let given = Given {
                name: entry.key.clone(),
                text: entry.value.clone(),
                origin,
                literal: false,
            };
            self.accept(given, helpers.has(&entry.key, in_default))
        });
        let said = said.collect();
        self.lay(said);
    }

    fn environment(&mut self, request: &LoadRequest) {
        // Mostly there is none of ours, and a reload need not compare each with every key.
        let prefix = key::VARIABLES.as_bytes();
        let ours = |(name, _): &&(OsString, _)| name.as_encoded_bytes().starts_with(prefix);
        let environment: Vec<_> = request.environment.iter().filter(ours).collect();
        if environment.is_empty() {
            return;
        }
        let mut said = Vec::new();
        for name in KEYS.iter().flat_map(Key::names) {
            let variable = key::variable(name);
            let Some((_, value)) = environment.iter().rev().find(|(n, _)| *n == *variable) else {
                continue;
            };
            let origin = Origin::Environment { variable };
            match value.to_str() {
                Some(text) => {
                    said.push(Given {
                        name: name.to_owned(),
                        text: text.to_owned(),
                        origin,
                        literal: true,
                    });
                }
                None => {
                    let value = value.to_string_lossy();
                    let message = "expected UTF-8";
                    self.problems
                        .push(Problem::of_value(name, &value, &origin, &self.home, message));
                }
            }
        }
        self.lay(said);
    }

    fn command_line(&mut self, request: &LoadRequest, helpers: &Helpers) {
        let mut said: Vec<Given> = Vec::new();
        for (name, text) in &request.overrides {
            let name = name.trim().to_lowercase();
            let helper = helpers.has(&name, false);
            // Of several for one key the last one counts, as on any command line.
            said.retain(|earlier| canonical(&earlier.name) != canonical(&name));
            let given =
                Given { name, text: text.clone(), origin: Origin::CommandLine, literal: true };
            said.extend(self.accept(given, helper));
        }
        self.lay(said);
    }

    /// Lets through what is a key, the application's own, or interpolated by others.
    fn accept(&mut self, given: Given, helper: bool) -> Option<Given> {
        let name = &given.name;
        if key::find(name).is_some() || key::is_app(name) || helper {
            return Some(given);
        }
        let helpful = self.problems.len() < MAX_HINTS;
        let hint = match helpful.then(|| key::nearest_key(name)).flatten() {
            Some(near) => format!("did you mean {near}?"),
            None => format!("a key of the application itself is written app.{}", excerpt(name)),
        };
        let message = format!("unknown key {}; {hint}", excerpt(name));
        self.problems.push(Problem::of_key(name, &given.origin, &self.home, message));
        None
    }

    /// Puts one layer on top; within it, a key may have only one of its names.
    fn lay(&mut self, layer: Vec<Given>) {
        let mut here: BTreeMap<String, String> = BTreeMap::new();
        for given in layer {
            let name = canonical(&given.name).to_owned();
            if let Some(other) = here.insert(name.clone(), given.name.clone()) {
                let message = format!(
                    "{} and {other} are two names for one key; keep {name} alone",
                    given.name
                );
                self.problems.push(Problem::of_key(
                    &given.name,
                    &given.origin,
                    &self.home,
                    message,
                ));
            }
            self.given.insert(name, given);
        }
    }
}

/// The key's own name for an alias; any other name as it is.
pub(super) fn canonical(name: &str) -> &str {
    key::find(name).map_or(name, |key| key.name)
}

/// The names that values interpolate: these may be keys that nothing else knows.
struct Helpers {
    /// By values of the section and of `[DEFAULT]`.
    here: BTreeSet<String>,
    /// By values anywhere: what `[DEFAULT]` defines may be meant for another section.
    anywhere: BTreeSet<String>,
}

impl Helpers {
    fn of(ini: &Ini, section: &str) -> Self {
        let others = |entry: &Entry| -> Vec<String> {
            references(&entry.value).filter(|name| *name != entry.key).collect()
        };
        let mut helpers = Self { here: BTreeSet::new(), anywhere: BTreeSet::new() };
        for block in ini.document().blocks() {
            let names = block.entries.iter().flat_map(others);
            if block.name == section || block.name == DEFAULT_SECTION {
                helpers.here.extend(names);
            } else {
                helpers.anywhere.extend(names);
            }
        }
        helpers
    }

    fn has(&self, name: &str, in_default: bool) -> bool {
        self.here.contains(name) || (in_default && self.anywhere.contains(name))
    }
}
