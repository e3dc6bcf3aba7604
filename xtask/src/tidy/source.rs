//! A Rust file, split into what is code and what is comment, so that a rule about a word does not
//! stumble over that word in a sentence or in a string.

use super::Finding;

/// The text three times over, byte for byte in the same places: as it stands, its code alone, its
/// comments alone. What is left out is blank.
#[derive(Debug)]
pub(super) struct Source<'a> {
    pub(super) path: &'a str,
    pub(super) text: &'a str,
    pub(super) code: String,
    pub(super) comments: String,
}

impl<'a> Source<'a> {
    pub(super) fn new(path: &'a str, text: &'a str) -> Self {
        let mut code = blank(text);
        let mut comments = code.clone();
        let mut at = 0;
        while at < text.len() {
            let (class, length) = piece(&text[at..], text[..at].chars().next_back());
            let room = match class {
                Class::Code => Some(&mut code),
                Class::Comment => Some(&mut comments),
                Class::Literal => None,
            };
            if let Some(room) = room {
                room[at..at + length].copy_from_slice(&text.as_bytes()[at..at + length]);
            }
            at += length;
        }
        let string =
            |bytes| String::from_utf8(bytes).expect("whole characters were copied over blanks");
        Self { path, text, code: string(code), comments: string(comments) }
    }

    /// The number of the line that holds this offset.
    pub(super) fn line(&self, at: usize) -> usize {
        self.text.as_bytes()[..at].iter().filter(|byte| **byte == b'\n').count() + 1
    }

    pub(super) fn finding(&self, at: usize, says: impl Into<String>) -> Finding {
        Finding::new(self.path, self.line(at), says)
    }

    /// Where `word` stands in `text`, whole: no letter, digit or underscore touches an end that is
    /// one itself.
    pub(super) fn words<'t>(text: &'t str, word: &'t str) -> impl Iterator<Item = usize> + 't {
        let is_name = |c: char| c.is_alphanumeric() || c == '_';
        let starts_a_name = word.starts_with(is_name);
        let ends_a_name = word.ends_with(is_name);
        text.match_indices(word).map(|(at, _)| at).filter(move |&at| {
            let touches_before = starts_a_name && text[..at].ends_with(is_name);
            let touches_after = ends_a_name && text[at + word.len()..].starts_with(is_name);
            !touches_before && !touches_after
        })
    }

    /// The code of the attribute that opens with `#` at this offset, up to its closing bracket.
    pub(super) fn attribute(&self, at: usize) -> &str {
        let open = self.code[at..].find('[').map_or(at, |found| at + found);
        &self.code[at..self.closing(open, b'[', b']')]
    }

    /// The parts under `#[cfg(test)]`, as ranges of offsets.
    pub(super) fn test_parts(&self) -> Vec<std::ops::Range<usize>> {
        const MARK: &str = "#[cfg(test)]";
        let mut parts: Vec<std::ops::Range<usize>> = Vec::new();
        for (start, _) in self.code.match_indices(MARK) {
            if parts.last().is_some_and(|last| last.contains(&start)) {
                continue;
            }
            let rest = &self.code[start..];
            // `mod tests;` ends before any brace: what it holds is a file of its own.
            let end = match rest.find(['{', ';']) {
                Some(found) if rest[found..].starts_with('{') => {
                    self.closing(start + found, b'{', b'}')
                }
                Some(found) => start + found,
                None => self.code.len(),
            };
            parts.push(start..end);
        }
        parts
    }

    /// Just after the bracket that closes the one at `open`.
    fn closing(&self, open: usize, opening: u8, closing: u8) -> usize {
        let mut depth = 0_usize;
        for (at, byte) in self.code.bytes().enumerate().skip(open) {
            if byte == opening {
                depth += 1;
            } else if byte == closing {
                depth = depth.saturating_sub(1);
                if depth == 0 {
                    return at + 1;
                }
            }
        }
        self.code.len()
    }
}

fn blank(text: &str) -> Vec<u8> {
    text.bytes().map(|byte| if byte == b'\n' { b'\n' } else { b' ' }).collect()
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Class {
    Code,
    Comment,
    Literal,
}

/// The piece that `rest` opens with. `before` tells `r"…"` from a name that ends in `r`.
fn piece(rest: &str, before: Option<char>) -> (Class, usize) {
    let in_a_name = before.is_some_and(|c| c.is_alphanumeric() || c == '_');
    if rest.starts_with("//") {
        return (Class::Comment, rest.find('\n').unwrap_or(rest.len()));
    }
    if rest.starts_with("/*") {
        return (Class::Comment, block_comment(rest));
    }
    if rest.starts_with('"') {
        return (Class::Literal, quoted(rest, '"'));
    }
    if rest.starts_with('\'') {
        return character(rest);
    }
    if !in_a_name && let Some(length) = raw_string(rest) {
        return (Class::Literal, length);
    }
    (Class::Code, rest.chars().next().map_or(0, char::len_utf8))
}

fn block_comment(rest: &str) -> usize {
    let mut depth = 0_usize;
    let mut at = 0;
    while at < rest.len() {
        let step = match &rest.as_bytes()[at..] {
            [b'/', b'*', ..] => {
                depth += 1;
                2
            }
            [b'*', b'/', ..] => {
                depth -= 1;
                2
            }
            _ => 1,
        };
        at += step;
        if depth == 0 {
            return at;
        }
    }
    rest.len()
}

fn quoted(rest: &str, quote: char) -> usize {
    let mut escaped = false;
    for (at, c) in rest.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            _ if c == quote => return at + 1,
            _ => {}
        }
    }
    rest.len()
}

/// `'a'` and `'\n'` are characters; the quote of `'a` is a lifetime's, and code.
fn character(rest: &str) -> (Class, usize) {
    let mut inside = rest[1..].chars();
    match (inside.next(), inside.next()) {
        (Some('\\'), _) => (Class::Literal, quoted(rest, '\'')),
        (Some(c), Some('\'')) => (Class::Literal, 1 + c.len_utf8() + 1),
        _ => (Class::Code, 1),
    }
}

/// `r"…"`, `r#"…"#`, `br"…"`, `cr"…"`; none for a raw name such as `r#type`.
fn raw_string(rest: &str) -> Option<usize> {
    let after = ["r", "br", "cr"].iter().find_map(|prefix| rest.strip_prefix(prefix))?;
    let hashes = after.len() - after.trim_start_matches('#').len();
    let body = after[hashes..].strip_prefix('"')?;
    let close = format!("\"{}", "#".repeat(hashes));
    let opening = rest.len() - body.len();
    Some(body.find(&close).map_or(rest.len(), |found| opening + found + close.len()))
}

#[cfg(test)]
mod tests {
    use super::Source;

    fn code(text: &str) -> String {
        let source = Source::new("a.rs", text);
        assert_eq!(source.code.len(), text.len());
        assert_eq!(source.comments.len(), text.len());
        source.code.split_whitespace().collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn strings_and_comments_are_not_code() {
        assert_eq!(code("a(\"x \\\" y\"); // z\nb /* c /* d */ e */ f"), "a( ); b f");
        assert_eq!(code("a(r#\"x \" y\"#, br\"z\\\", c\"w\")"), "a( , , c )");
        assert_eq!(code("a('x', '\\'', 'é', b'\"') b"), "a( , , , b ) b");
    }

    #[test]
    fn lifetimes_and_raw_names_are_code() {
        assert_eq!(code("fn f<'a>(x: &'a str, r#type: r)"), "fn f<'a>(x: &'a str, r#type: r)");
    }

    #[test]
    fn an_unfinished_literal_ends_with_the_text() {
        assert_eq!(code("a \"b"), "a");
        assert_eq!(code("a /* b"), "a");
        assert_eq!(code("a r#\"b"), "a");
    }

    #[test]
    fn comments_alone() {
        let source = Source::new("a.rs", "let a = \"// no\"; // yes");
        assert_eq!(source.comments.trim(), "// yes");
    }

    #[test]
    fn a_word_is_whole() {
        let found: Vec<usize> = Source::words("fork( vfork( my_fork( a::fork(", "fork(").collect();
        assert_eq!(found, [0, 25]);
        assert_eq!(Source::words("unsafe_code unsafe", "unsafe").collect::<Vec<_>>(), [12]);
    }

    #[test]
    fn test_parts_end_with_their_braces() {
        let text = "fn a() {}\n#[cfg(test)]\nmod tests { fn b() { \"}\" } }\nfn c() {}\n#[cfg(test)]\nmod more;\nfn d() {}";
        let source = Source::new("a.rs", text);
        let parts: Vec<&str> = source.test_parts().into_iter().map(|part| &text[part]).collect();
        assert_eq!(
            parts,
            ["#[cfg(test)]\nmod tests { fn b() { \"}\" } }", "#[cfg(test)]\nmod more"]
        );
    }

    #[test]
    fn an_attribute_ends_with_its_own_bracket() {
        let source = Source::new("a.rs", "#[a(b[0], \"]\")] fn c() {}");
        assert_eq!(source.attribute(0), "#[a(b[0],    )]");
        assert_eq!(source.line(0), 1);
    }
}
