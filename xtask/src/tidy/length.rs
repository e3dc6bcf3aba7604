//! A file is one noun or one journey; past this length a second one has moved in.

use std::collections::BTreeSet;

use super::Finding;
use super::source::Source;

const MOST: usize = 400;

/// Files that may be longer, each with the reason. A reason is an argument, not an excuse: "one
/// table" is one, "not split yet" is none.
const LONGER: [(&str, &str); 1] = [(
    "ph-config/src/kind.rs",
    "one table: every key of the configuration, what it takes and what it means",
)];

pub(super) fn check(source: &Source<'_>) -> Option<Finding> {
    if LONGER.iter().any(|(path, _)| *path == source.path) {
        return None;
    }
    let lines = source.text.lines().count();
    let says =
        || format!("{lines} lines, the most is {MOST}; give the second noun a file of its own");
    (lines > MOST).then(|| Finding::new(source.path, MOST + 1, says()))
}

/// An exception for a file that is gone would silently cover the next one of that name.
pub(super) fn check_list(files: &BTreeSet<String>) -> Vec<Finding> {
    let gone = LONGER.iter().filter(|(path, _)| !files.contains(*path));
    gone.map(|(path, _)| {
        Finding::new("xtask/src/tidy/length.rs", 1, format!("{path} is excepted and not there"))
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use super::{LONGER, MOST, check, check_list};
    use crate::tidy::source::Source;

    fn found(path: &str, lines: usize) -> bool {
        check(&Source::new(path, &"a\n".repeat(lines))).is_some()
    }

    #[test]
    fn the_limit_itself_is_allowed() {
        assert!(!found("a.rs", MOST));
        assert!(found("a.rs", MOST + 1));
    }

    #[test]
    fn an_exception_is_for_one_path() {
        assert!(!found(LONGER[0].0, MOST + 1));
        assert!(found("kind.rs", MOST + 1));
    }

    #[test]
    fn an_exception_needs_its_file() {
        let all = LONGER.map(|(path, _)| path.to_owned());
        assert!(check_list(&all.clone().into()).is_empty());
        assert_eq!(check_list(&all[1..].iter().cloned().collect()).len(), 1);
    }
}
