//! What this version reads and validates, but does not act on yet: said at the start instead of passed over.

use ph_config::{ConfigError, Settings};

/// Keys that must not be passed over: the program would be less safe, less exclusive, or another one.
const REFUSED: [&str; 12] = [
    "worker_class",
    "command",
    "python_class",
    "scaling",
    "user",
    "group",
    "chroot",
    "keep_capabilities",
    "leader",
    "umask",
    "no_new_privs",
    "rlimit_core",
];

/// Keys without which the program does the same, only less bounded.
const PASSED_OVER: [&str; 6] =
    ["rlimit_nofile", "nice", "cpu_affinity", "log_rotate", "max_memory", "stop_signal"];

/// The keys of `list` that these settings change from their defaults.
fn changed(settings: &Settings, list: &[&'static str]) -> Result<Vec<&'static str>, ConfigError> {
    let defaults = Settings::without_file(
        &settings.section,
        &settings.start_dir,
        std::iter::empty::<(&str, &str)>(),
    )?;
    let changed = |key: &&&str| settings.text(key) != defaults.text(key);
    Ok(list.iter().filter(changed).copied().collect())
}

/// The sentence for settings that ask for what can't be left out.
pub(crate) fn refusal(settings: &Settings) -> Result<Option<String>, ConfigError> {
    let keys = changed(settings, &REFUSED)?;
    let what = keys.join(", ");
    Ok((!keys.is_empty())
        .then(|| format!("this version does not know how to do {what} yet; unset it")))
}

/// The keys that are passed over, to warn of.
pub(crate) fn passed_over(settings: &Settings) -> Vec<&'static str> {
    changed(settings, &PASSED_OVER).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(pairs: &[(&'static str, &'static str)]) -> Settings {
        Settings::without_file("app", "/srv", pairs.iter().copied()).unwrap()
    }

    #[test]
    fn every_key_named_here_exists() {
        for key in REFUSED.iter().chain(&PASSED_OVER) {
            assert!(ph_config::key::find(key).is_some(), "{key}");
        }
    }

    #[test]
    fn what_cannot_be_left_out_is_refused_and_the_rest_told() {
        assert_eq!(refusal(&settings(&[("number_workers", "4")])).unwrap(), None);
        let refused = refusal(&settings(&[("user", "nobody"), ("chroot", "/srv")])).unwrap();
        assert!(refused.unwrap().contains("user, chroot"));
        assert_eq!(passed_over(&settings(&[("nice", "5")])), ["nice"]);
    }
}
