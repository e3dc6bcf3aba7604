//! Marks of unfinished or excused work: none is left behind, and an excuse carries its reason.

use super::Finding;
use super::source::Source;

const MACROS: [&str; 3] = ["todo", "unimplemented", "dbg"];

/// In two halves each, so that a plain search for open work does not find the rule against it.
const NOTES: [&str; 2] = [concat!("FIX", "ME"), concat!("XX", "X")];

/// An attribute that silences something, and how it gives its reason. An `expect` says by itself
/// when it is no longer needed; an `allow` does not, and owes an argument to whoever reads it.
const EXCUSES: [(&str, &str); 3] =
    [("#[allow", "reason ="), ("#![allow", "reason ="), ("#[ignore", "ignore =")];

pub(super) fn check(source: &Source<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for name in MACROS {
        let calls = Source::words(&source.code, name)
            .filter(|at| source.code[at + name.len()..].starts_with('!'));
        findings
            .extend(calls.map(|at| source.finding(at, format!("`{name}!` is unfinished work"))));
    }
    for note in NOTES {
        let notes = Source::words(&source.comments, note);
        findings.extend(notes.map(|at| source.finding(at, format!("{note} belongs in an issue"))));
    }
    for (opening, reason) in EXCUSES {
        let places = Source::words(&source.code, opening)
            .filter(|at| !source.attribute(*at).contains(reason));
        findings.extend(places.map(|at| {
            source.finding(at, format!("`{opening}` needs its reason: `{reason} \"…\"`"))
        }));
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::{MACROS, NOTES, check};
    use crate::tidy::source::Source;

    fn found(text: &str) -> usize {
        check(&Source::new("a.rs", text)).len()
    }

    #[test]
    fn unfinished_work_is_found_in_code_alone() {
        for name in MACROS {
            assert_eq!(found(&format!("fn a() {{ {name}!(); }}")), 1, "{name}");
            assert_eq!(found(&format!("// {name}!()\nfn a() {{ {name}(); }}")), 0, "{name}");
        }
    }

    #[test]
    fn notes_to_oneself_are_found_in_comments_alone() {
        for note in NOTES {
            assert_eq!(found(&format!("// {note}: later")), 1, "{note}");
            assert_eq!(found(&format!("const A: &str = \"{note}\";")), 0, "{note}");
            assert_eq!(found(&format!("// {note}L")), 0, "{note}");
        }
    }

    #[test]
    fn an_excuse_needs_a_reason() {
        for (bare, reasoned) in [
            ("allow(dead_code", "allow(dead_code, reason = \"why\""),
            ("ignore", "ignore = \"why\""),
        ] {
            let close = if bare.contains('(') { ")]" } else { "]" };
            assert_eq!(found(&format!("#[{bare}{close}\nfn a() {{}}")), 1, "{bare}");
            assert_eq!(found(&format!("#[{reasoned}{close}\nfn a() {{}}")), 0, "{reasoned}");
        }
        assert_eq!(found(&format!("#!{}", "[allow(dead_code)]")), 1);
        assert_eq!(found("#[expect(dead_code)]\nfn a() {}"), 0);
    }
}
