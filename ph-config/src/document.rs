//! A lossless INI document.
//!
//! A [`Document`] keeps the text it was parsed from and lays an index over it: blocks, keys, lines
//! and the byte span of every value. Printing it gives the text back, byte for byte, whatever it
//! held. Parsing is total: a text that `configparser` would refuse is still a document, with its
//! [`problems`](Document::problems) listed, so that an editor can show it and a user sees every
//! mistake at once. [`crate::Ini`] is the door that lets only faultless documents through.
//!
//! The grammar is that of `RawConfigParser._read` in Python 3 with its default arguments. Three of
//! its rules surprise: a line indented deeper than its key continues the value *even if it looks
//! like a key or a header*; a comment inside a value vanishes while a blank line stays; and a
//! header ends at the *last* `]` of its line.

use std::{
    collections::{HashMap, hash_map::Entry as Slot},
    fmt,
    ops::Range,
};

mod fault;

pub use fault::{EncodingError, SyntaxError, SyntaxErrorKind};

use crate::text::{self, Line, is_space};

/// The section whose keys every other one inherits.
pub const DEFAULT_SECTION: &str = "DEFAULT";

/// A text, and where its blocks, keys and values are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Document {
    text: String,
    blocks: Vec<Block>,
    problems: Vec<SyntaxError>,
}

/// A header and the keys below it. `[DEFAULT]` may head several blocks, any other name only one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Block {
    /// What stands between the brackets, blanks included.
    pub name: String,
    /// Line of the header, from 1.
    pub line: usize,
    /// The bytes from the header's line up to the next header's line, or the end of the text.
    pub span: Range<usize>,
    /// The keys, in the order of the file.
    pub entries: Vec<Entry>,
}

/// A key and its value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The key in lower case, as `optionxform` makes it.
    pub key: String,
    /// Line of the key, from 1.
    pub line: usize,
    /// The bytes of the key as it is written.
    pub key_span: Range<usize>,
    /// The bytes of the value, from its first character to its last, with the comments and the line
    /// ends between. Empty, and behind the blanks that follow the delimiter, where there is no
    /// value.
    pub value_span: Range<usize>,
    /// The bytes that make the value up, one span for each of its lines, outer blanks excluded. A
    /// blank line within the value has an empty span; comments have none.
    pub pieces: Vec<Range<usize>>,
    /// The value before interpolation: the pieces, joined by `\n`.
    pub value: String,
}

impl Document {
    /// Lays the index over `text`.
    pub fn parse(text: impl Into<String>) -> Self {
        let text = text.into();
        let mut scanner = Scanner::default();
        for (index, line) in text::lines(&text).enumerate() {
            scanner.line(index + 1, line);
        }
        let (blocks, problems) = scanner.finish(&text);
        Self { text, blocks, problems }
    }

    /// The same for bytes, which must be UTF-8.
    pub fn from_bytes(bytes: Vec<u8>) -> Result<Self, EncodingError> {
        String::from_utf8(bytes).map(Self::parse).map_err(|error| {
            let offset = error.utf8_error().valid_up_to();
            let bytes = error.as_bytes();
            // The part before the bad byte is text; one character more gives its line a beginning.
            let before = String::from_utf8_lossy(&bytes[..offset]).into_owned() + "x";
            EncodingError { line: text::lines(&before).count(), offset, byte: bytes[offset] }
        })
    }

    /// The text, unchanged.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The headers with their keys, in the order of the file.
    pub fn blocks(&self) -> &[Block] {
        &self.blocks
    }

    /// Every line that `configparser` refuses, in the order of the file; empty for a good document.
    pub fn problems(&self) -> &[SyntaxError] {
        &self.problems
    }

    /// The names of the sections, `[DEFAULT]` aside.
    pub fn sections(&self) -> impl Iterator<Item = &str> {
        self.blocks.iter().map(|block| block.name.as_str()).filter(|name| *name != DEFAULT_SECTION)
    }

    /// The entries below every header of this name.
    pub fn entries<'a, 's>(
        &'a self,
        section: &'s str,
    ) -> impl Iterator<Item = &'a Entry> + use<'a, 's> {
        self.blocks
            .iter()
            .filter(move |block| block.name == section)
            .flat_map(|block| &block.entries)
    }

    /// The entry of `key` (in lower case) that stands in the section itself, not in `[DEFAULT]`.
    pub fn entry(&self, section: &str, key: &str) -> Option<&Entry> {
        self.entries(section).find(|entry| entry.key == key)
    }
}

impl fmt::Display for Document {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// `_read`'s local variables.
#[derive(Default)]
struct Scanner {
    blocks: Vec<Block>,
    problems: Vec<SyntaxError>,
    /// Columns before the latest line that was no continuation: deeper ones continue the value.
    indent: usize,
    /// Whether the latest header is followed by a key, which a deeper line would continue.
    in_value: bool,
    missing_header: bool,
    /// Line of the first header of each name.
    sections: HashMap<String, usize>,
    /// That line for the current block, or 0 for `[DEFAULT]`: what tells sections apart.
    section: usize,
    /// Line of each key of each section.
    keys: HashMap<(usize, String), usize>,
}

impl Scanner {
    fn line(&mut self, number: usize, line: Line<'_>) {
        let stripped = text::strip(line.content);
        if stripped.starts_with(['#', ';']) {
            return;
        }
        if stripped.is_empty() {
            // Kept for now: whether it is inside the value shows only when the value goes on.
            self.extend_value(line.start..line.start);
            return;
        }
        let blanks = line.content.len() - line.content.trim_start_matches(is_space).len();
        let indent = line.content[..blanks].chars().count();
        let start = line.start + blanks;
        if self.in_value && indent > self.indent {
            self.extend_value(start..start + stripped.len());
            return;
        }
        self.indent = indent;
        match header(stripped) {
            Some(name) => self.header(number, line.start, name),
            None if self.blocks.is_empty() => self.orphan(number, stripped),
            None => self.key(number, start, stripped),
        }
    }

    fn extend_value(&mut self, piece: Range<usize>) {
        if self.in_value
            && let Some(entry) = self.blocks.last_mut().and_then(|block| block.entries.last_mut())
        {
            entry.pieces.push(piece);
        }
    }

    fn header(&mut self, number: usize, start: usize, name: &str) {
        self.section = 0;
        if name != DEFAULT_SECTION {
            match self.sections.entry(name.to_owned()) {
                Slot::Occupied(first) => {
                    let kind = SyntaxErrorKind::DuplicateSection {
                        name: text::excerpt(name),
                        first: *first.get(),
                    };
                    self.section = *first.get();
                    self.problems.push(SyntaxError { line: number, kind });
                }
                Slot::Vacant(slot) => self.section = *slot.insert(number),
            }
        }
        if let Some(previous) = self.blocks.last_mut() {
            previous.span.end = start;
        }
        self.in_value = false;
        self.blocks.push(Block {
            name: name.to_owned(),
            line: number,
            span: start..start,
            entries: Vec::new(),
        });
    }

    /// A key before the first header: Python stops at the first one, and one message is enough.
    fn orphan(&mut self, number: usize, stripped: &str) {
        if !std::mem::replace(&mut self.missing_header, true) {
            let kind = match stripped.strip_prefix('\u{feff}') {
                Some(_) if number == 1 => SyntaxErrorKind::ByteOrderMark,
                _ => SyntaxErrorKind::MissingHeader(text::excerpt(stripped)),
            };
            self.problems.push(SyntaxError { line: number, kind });
        }
    }

    fn key(&mut self, number: usize, start: usize, stripped: &str) {
        let Some(delimiter) = stripped.find(['=', ':']) else {
            let kind = SyntaxErrorKind::NeitherKeyNorHeader(text::excerpt(stripped));
            return self.problems.push(SyntaxError { line: number, kind });
        };
        let written = stripped[..delimiter].trim_end_matches(is_space);
        if written.is_empty() {
            self.in_value = false;
            let sign = if stripped.starts_with('=') { '=' } else { ':' };
            let kind = SyntaxErrorKind::EmptyKey(sign);
            return self.problems.push(SyntaxError { line: number, kind });
        }
        let key = written.to_lowercase();
        let Some(block) = self.blocks.last_mut() else { return };
        match self.keys.entry((self.section, key.clone())) {
            Slot::Occupied(first) => {
                let kind =
                    SyntaxErrorKind::DuplicateKey { key: text::excerpt(&key), first: *first.get() };
                self.problems.push(SyntaxError { line: number, kind });
            }
            Slot::Vacant(slot) => {
                slot.insert(number);
            }
        }
        let behind = &stripped[delimiter + 1..];
        let value = behind.trim_start_matches(is_space);
        let value_start = start + stripped.len() - value.len();
        let piece = value_start..value_start + value.len();
        self.in_value = true;
        block.entries.push(Entry {
            key,
            line: number,
            key_span: start..start + written.len(),
            value_span: piece.clone(),
            pieces: vec![piece],
            value: String::new(),
        });
    }

    /// Joins the pieces, as `_join_multiline_values` does: blank lines behind a value are not part
    /// of it.
    fn finish(mut self, text: &str) -> (Vec<Block>, Vec<SyntaxError>) {
        if let Some(last) = self.blocks.last_mut() {
            last.span.end = text.len();
        }
        for entry in self.blocks.iter_mut().flat_map(|block| &mut block.entries) {
            while entry.pieces.len() > 1 && entry.pieces.last().is_some_and(Range::is_empty) {
                entry.pieces.pop();
            }
            if let Some(last) = entry.pieces.last() {
                entry.value_span.end = last.end;
            }
            let lines: Vec<&str> = entry.pieces.iter().map(|piece| &text[piece.clone()]).collect();
            entry.value = lines.join("\n");
        }
        (self.blocks, self.problems)
    }
}

/// The name in a header: from the first `[` to the last `]`, at least one character.
fn header(stripped: &str) -> Option<&str> {
    let inside = stripped.strip_prefix('[')?;
    let name = &inside[..inside.rfind(']')?];
    (!name.is_empty()).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value<'a>(document: &'a Document, key: &str) -> &'a Entry {
        document.entry("s", key).expect("the key is there")
    }

    #[test]
    fn a_value_knows_its_lines_and_its_bytes() {
        let text = "[s]\r\nA.b :  one\r\n\t# a comment\r\n\r\n   two  \r\n\r\nc=\r\n";
        let document = Document::parse(text);
        assert_eq!(document.problems(), []);
        let entry = value(&document, "a.b");
        assert_eq!((entry.line, entry.value.as_str()), (2, "one\n\ntwo"));
        assert_eq!(&text[entry.key_span.clone()], "A.b");
        assert_eq!(&text[entry.value_span.clone()], "one\r\n\t# a comment\r\n\r\n   two");
        let next = value(&document, "c");
        assert_eq!((next.line, next.value.as_str()), (7, ""));
        assert_eq!(next.value_span, text.len() - 2..text.len() - 2);
        assert_eq!(document.to_string(), text);
    }

    #[test]
    fn a_deeper_line_continues_the_value_whatever_it_looks_like() {
        let document = Document::parse("[s]\nk = 1\n  [t]\n  j = 2\n[u]\n  x = 1\n  y = 2\n");
        assert_eq!(value(&document, "k").value, "1\n[t]\nj = 2");
        assert_eq!(document.sections().collect::<Vec<_>>(), ["s", "u"]);
        assert_eq!(document.entries("u").count(), 2);
    }

    #[test]
    fn a_header_ends_at_the_last_bracket() {
        let names =
            |text: &str| Document::parse(text).sections().map(str::to_owned).collect::<Vec<_>>();
        assert_eq!(names("[a]b] tail"), ["a]b"]);
        assert_eq!(names("[ a ]"), [" a "]);
        assert_eq!(names("[]]"), ["]"]);
        assert!(names("[]").is_empty());
    }

    #[test]
    fn every_problem_is_listed_with_its_line() {
        let text = "[s]\nnonsense\na = 1\nA = 2\n= 3\n[s]\n[DEFAULT]\nx=1\n[DEFAULT]\nx=2\n";
        let lines: Vec<usize> = Document::parse(text).problems().iter().map(|p| p.line).collect();
        assert_eq!(lines, [2, 4, 5, 6, 10]);
        let orphans = Document::parse("a = 1\nb = 2\n");
        assert_eq!(orphans.problems().len(), 1);
        let marked = Document::parse("\u{feff}[s]\na = 1\n");
        assert_eq!(marked.problems()[0].kind, SyntaxErrorKind::ByteOrderMark);
        assert_eq!(marked.to_string(), "\u{feff}[s]\na = 1\n");
    }

    #[test]
    fn bytes_that_are_no_text_are_located() {
        let error = Document::from_bytes(b"[s]\r\na = 1\rb = \xe9\n".to_vec()).unwrap_err();
        assert_eq!(error, EncodingError { line: 3, offset: 15, byte: 0xe9 });
        let error = Document::from_bytes(b"[s]\n\xff".to_vec()).unwrap_err();
        assert_eq!((error.line, error.offset), (2, 4));
    }
}
