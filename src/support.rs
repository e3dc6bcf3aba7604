//! What this version reads and validates, but does not act on yet: said at the start instead of passed over.

use ph_config::{Accept, Leader, Settings, WorkerClass};

/// Keys that must not be passed over: the program would be less safe, less exclusive, or another one.
const REFUSED: [&str; 1] = ["preload"];

/// Keys that mean something for a program alone (`worker_class = exec`): a worker of an application takes its own signals.
const PROGRAMS_ALONE: [&str; 1] = ["stop_signal"];

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
    if settings.leader != Leader::None && settings.standby_warm {
        if settings.worker_class == WorkerClass::Exec {
            return Err("standby_warm = true: a program cannot be held before its first job; unset it, and it is \
                        started when its master leads"
                .to_owned());
        }
        if settings.accept == Accept::Reuseport {
            return Err(
                "standby_warm = true does not go with accept = reuseport; unset one of them"
                    .to_owned(),
            );
        }
    }
    match settings.worker_class {
        WorkerClass::Exec => Ok(Vec::new()),
        _ => Ok(changed(&PROGRAMS_ALONE)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(pairs: &[(&'static str, &'static str)]) -> Settings {
        Settings::without_file("app", "/srv", pairs.iter().copied()).unwrap()
    }

    #[test]
    fn every_key_named_here_exists() {
        for key in REFUSED.iter().chain(&PROGRAMS_ALONE) {
            assert!(ph_config::key::find(key).is_some(), "{key}");
        }
    }

    #[test]
    fn what_cannot_be_left_out_is_refused_and_the_rest_told() {
        assert_eq!(examine(&settings(&[("number_workers", "4")])), Ok(Vec::new()));
        let refused = examine(&settings(&[("preload", "true")]));
        assert!(refused.unwrap_err().contains("preload"));
        assert_eq!(examine(&settings(&[("stop_signal", "INT")])), Ok(vec!["stop_signal"]));
        for other in [("command", "sleep 1"), ("accept", "reuseport")] {
            let warm =
                [("leader", "file"), ("standby_warm", "true"), ("bind", "127.0.0.1:0"), other];
            assert!(examine(&settings(&warm)).unwrap_err().contains("standby_warm"), "{other:?}");
        }
        let program = [("stop_signal", "INT"), ("command", "sleep 1")];
        assert_eq!(examine(&settings(&program)), Ok(Vec::new()));
    }
}
