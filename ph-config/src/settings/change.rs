//! What differs between two configurations, and when it takes effect.

use super::Settings;
use crate::key::{self, Effect};

/// One key whose value is not what it was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// The key; `app.x` for one of the application's own.
    pub key: String,
    /// What it said, canonically; `none` where it said nothing.
    pub old_text: String,
    /// What it says.
    pub new_text: String,
    /// When it takes effect.
    pub effect: Effect,
}

impl Settings {
    /// The changes since `old`, in the order of the reference, then the application's own keys.
    ///
    /// Values are compared, not texts: from `60` to `1m` nothing changes.
    pub fn changes_from(&self, old: &Self) -> Vec<Change> {
        let text = |settings: &Self, key: &str| settings.text(key).unwrap_or_else(|| "none".into());
        let change = |key: &str, effect: Effect| Change {
            key: key.to_owned(),
            old_text: text(old, key),
            new_text: text(self, key),
            effect,
        };
        let effect = |name: &str| key::find(name).map_or(Effect::Restart, |key| key.effect);
        let known = self.different_keys(old).into_iter().map(|name| change(name, effect(name)));
        let own = self
            .app
            .keys()
            .chain(old.app.keys().filter(|key| !self.app.contains_key(*key)))
            .filter(|key| self.app.get(*key) != old.app.get(*key))
            .map(|key| change(&format!("app.{key}"), Effect::NewWorkers));
        known.chain(own).collect()
    }
}
