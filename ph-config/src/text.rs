//! Lines and white space as Python sees them.
//!
//! `configparser` reads a text file in universal-newline mode and strips with `str.strip()`.
//! Neither is what Rust's `str` does, and the differences decide whether a file is accepted.

/// Whether Python's `str.isspace()` holds for `c`: Unicode's `White_Space`, and the four
/// information separators, which Unicode counts as controls and Python as separators of lines.
pub(crate) fn is_space(c: char) -> bool {
    c.is_whitespace() || matches!(c, '\u{1c}'..='\u{1f}')
}

/// `str.strip()`.
pub(crate) fn strip(text: &str) -> &str {
    text.trim_matches(is_space)
}

/// The lines of a text opened with `newline=None`: ended by `\n`, `\r\n` or a lone `\r`, never by
/// the other characters at which `str.splitlines()` splits.
pub(crate) struct Lines<'a> {
    text: &'a str,
    at: usize,
}

/// One line, without what ends it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Line<'a> {
    /// Byte offset of the first character in the whole text.
    pub(crate) start: usize,
    pub(crate) content: &'a str,
    /// Byte offset of the next line.
    pub(crate) next: usize,
}

pub(crate) fn lines(text: &str) -> Lines<'_> {
    Lines { text, at: 0 }
}

impl<'a> Iterator for Lines<'a> {
    type Item = Line<'a>;

    fn next(&mut self) -> Option<Line<'a>> {
        let rest = &self.text[self.at..];
        if rest.is_empty() {
            return None;
        }
        let start = self.at;
        let length = rest.find(['\n', '\r']).unwrap_or(rest.len());
        let ending = match &rest.as_bytes()[length..] {
            [b'\r', b'\n', ..] => 2,
            [] => 0,
            _ => 1,
        };
        self.at = start + length + ending;
        Some(Line { start, content: &rest[..length], next: self.at })
    }
}

/// `text` as it may stand in a one-line message: control characters escaped, cut after 80
/// characters.
pub(crate) fn excerpt(text: &str) -> String {
    const LIMIT: usize = 80;
    let mut shown = String::new();
    for (count, c) in text.chars().enumerate() {
        if count == LIMIT {
            shown.push('…');
            break;
        }
        if c.is_control() { shown.extend(c.escape_default()) } else { shown.push(c) }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_end_as_in_a_python_text_file() {
        let found: Vec<&str> =
            lines("a\nb\r\nc\rd\n\re\u{2028}f\u{b}g").map(|l| l.content).collect();
        assert_eq!(found, ["a", "b", "c", "d", "", "e\u{2028}f\u{b}g"]);
        assert_eq!(lines("").count(), 0);
        assert_eq!(lines("\n").count(), 1, "a final newline starts no line of its own");
    }

    #[test]
    fn lines_cover_every_byte() {
        let text = "\u{feff}a\r\n\r\rb\n\n";
        let mut at = 0;
        for line in lines(text) {
            assert_eq!(line.start, at);
            at = line.next;
        }
        assert_eq!(at, text.len());
    }

    #[test]
    fn space_includes_the_information_separators() {
        assert_eq!(strip("\u{1c} \u{3000}x\u{a0}\u{85}\u{1f}"), "x");
        assert_eq!(strip("\u{200b}x"), "\u{200b}x", "a zero-width space is no space");
    }

    #[test]
    fn an_excerpt_stays_on_one_line() {
        assert_eq!(excerpt("a\nb\u{1b}"), "a\\nb\\u{1b}");
        assert_eq!(excerpt(&"é".repeat(200)).chars().count(), 81);
    }
}
