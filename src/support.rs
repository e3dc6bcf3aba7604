//! What this version reads and validates, but does not act on yet: said at the start instead of passed over.

use ph_config::Settings;

/// Keys that must not be passed over: the program would be less safe, less exclusive, or another one.
const REFUSED: [&str; 3] = ["command", "python_class", "leader"];

/// Keys without which the program does the same, only less bounded.
const PASSED_OVER: [&str; 1] = ["stop_signal"];

/// The keys that are passed over, to warn of; or the sentence for what can't be left out.
pub(crate) fn examine(settings: &Settings) -> Result<Vec<&'static str>, String> {
    let nothing_set = std::iter::empty::<(&str, &str)>();
    let defaults = Settings::without_file(&settings.section, &settings.start_dir, nothing_set)
        .map_err(|error| error.to_string())?;
    let changed = |list: &[&'static str]| {
        let mut keys = list.to_vec();
        keys.retain(|key| settings.text(key) != defaults.text(key));
        keys
    };
    let refused = changed(&REFUSED);
    if !refused.is_empty() {
        let what = refused.join(", ");
        return Err(format!("this version does not know how to do {what} yet; unset it"));
    }
    Ok(changed(&PASSED_OVER))
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
        assert_eq!(examine(&settings(&[("number_workers", "4")])), Ok(Vec::new()));
        let refused = examine(&settings(&[("leader", "file"), ("command", "sleep 1")]));
        assert!(refused.unwrap_err().contains("command, leader"));
        assert_eq!(examine(&settings(&[("stop_signal", "INT")])), Ok(vec!["stop_signal"]));
    }
}
