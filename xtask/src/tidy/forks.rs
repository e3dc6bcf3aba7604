//! A test runs in a process with two threads under every runner, and a fork copies the locks but
//! not the thread that would release them. So no test forks: a program made for the purpose does it
//! for the test.

use super::Finding;
use super::source::Source;

const CALLS: [&str; 4] = ["fork(", "vfork(", "clone3(", "daemon("];

pub(super) fn check(source: &Source<'_>) -> Vec<Finding> {
    let whole = 0..source.code.len();
    let parts = if runs_in_a_test(source) { vec![whole] } else { source.test_parts() };
    let mut findings = Vec::new();
    for part in parts {
        for call in CALLS {
            let places = Source::words(&source.code[part.clone()], call);
            let says = format!("`{call}` in a test; let a fixture program fork");
            findings.extend(places.map(|at| source.finding(part.start + at, says.clone())));
        }
    }
    findings
}

/// Whether the whole file is compiled into a test: it lies under a `tests` directory (or is a unit
/// test's file) and is not a program of its own.
fn runs_in_a_test(source: &Source<'_>) -> bool {
    let under_tests = source.path.split('/').any(|part| part == "tests" || part == "tests.rs");
    let is_a_program = source.path.contains("/src/bin/")
        || Source::words(&source.code, "fn main(").next().is_some();
    under_tests && !is_a_program
}

#[cfg(test)]
mod tests {
    use super::check;
    use crate::tidy::source::Source;

    fn lines(path: &str, text: &str) -> Vec<usize> {
        check(&Source::new(path, text)).into_iter().map(|finding| finding.line).collect()
    }

    #[test]
    fn a_test_does_not_fork() {
        assert_eq!(lines("ph-core/tests/spawn.rs", "fn a() {\n    fork::fork();\n}"), [2]);
        assert_eq!(lines("tests/tests/boot.rs", "fn a() { unsafe { libc::vfork() } }"), [1]);
        assert_eq!(
            lines(
                "ph-core/src/sys/fork.rs",
                "fn a() { fork() }\n#[cfg(test)]\nmod tests { fn b() { fork() } }"
            ),
            [3]
        );
        assert_eq!(lines("ph-core/src/sys/tests.rs", "fn a() { fork() }"), [1]);
    }

    #[test]
    fn what_is_not_a_test_or_not_a_fork_may_stand() {
        assert!(lines("ph-core/src/sys/fork.rs", "fn a() { fork() }").is_empty());
        assert!(lines("ph-signal/tests/support/fixture.rs", "fn main() { fork() }").is_empty());
        assert!(lines("tests/src/bin/ph-fixture/daemon.rs", "fn a() { fork() }").is_empty());
        assert!(lines("tests/tests/boot.rs", "fn a() { hooks.pre_fork(1); } // fork()").is_empty());
    }
}
