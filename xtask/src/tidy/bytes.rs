//! Bytes that nobody sees until a diff is full of them.

use super::Finding;

/// Files whose odd bytes are their point.
const INPUTS: [&str; 2] = ["/tests/data/", "/tests/inputs/"];

pub(super) fn check(path: &str, text: &str) -> Vec<Finding> {
    // A NUL in a text means that it is none.
    if is_input(path) || text.contains('\0') {
        return Vec::new();
    }
    let mut findings = Vec::new();
    for (at, line) in text.split('\n').enumerate() {
        let mut say = |says: &str| findings.push(Finding::new(path, at + 1, says));
        if line.ends_with('\r') {
            say("ends in CR LF; lines end in LF");
        } else if line.ends_with([' ', '\t']) {
            say("white space at the end of the line");
        }
        if path.ends_with(".rs") && line.contains('\t') {
            say("a tab; indent with blanks, and write \\t in a string");
        }
    }
    let lines = text.lines().count();
    if !text.is_empty() && !text.ends_with('\n') {
        findings.push(Finding::new(path, lines, "no newline at the end of the file"));
    } else if text.ends_with("\n\n") {
        findings.push(Finding::new(path, lines, "an empty line at the end of the file"));
    }
    findings
}

/// Source that is not UTF-8 cannot be read by anyone else; other bytes may be a picture.
pub(super) fn check_encoding(path: &str) -> Option<Finding> {
    let is_text = [".rs", ".md", ".toml", ".ini", ".c", ".py", ".sh", ".vim"]
        .iter()
        .any(|ending| path.ends_with(ending));
    (is_text && !is_input(path)).then(|| Finding::new(path, 1, "is not UTF-8"))
}

fn is_input(path: &str) -> bool {
    INPUTS.iter().any(|input| path.contains(input))
}

#[cfg(test)]
mod tests {
    use super::{check, check_encoding};

    fn lines(path: &str, text: &str) -> Vec<usize> {
        check(path, text).into_iter().map(|finding| finding.line).collect()
    }

    #[test]
    fn a_clean_file() {
        assert!(lines("a.rs", "fn a() {}\n\nfn b() {}\n").is_empty());
        assert!(lines("a.rs", "").is_empty());
        assert!(lines("Makefile", "a:\n\tb\n").is_empty());
    }

    #[test]
    fn what_nobody_sees() {
        assert_eq!(lines("a.md", "a \nb\t\nc\n"), [1, 2]);
        assert_eq!(lines("a.md", "a\r\nb\n"), [1]);
        assert_eq!(lines("a.rs", "fn a() {\n\tb();\n}\n"), [2]);
        assert_eq!(lines("a.md", "a\nb"), [2]);
        assert_eq!(lines("a.md", "a\n\n"), [2]);
    }

    #[test]
    fn inputs_and_binaries_are_as_they_are() {
        assert!(lines("ph-config/tests/data/crlf.ini", "a \r\n").is_empty());
        assert!(lines("a.bin", "a \0").is_empty());
        assert!(check_encoding("a.rs").is_some() && check_encoding("a.png").is_none());
    }
}
