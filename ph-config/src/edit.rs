//! Editing a document: one value changes, every other byte stays.
//!
//! An edit is a function from a [`Document`] to another one. Comments stay where they are, those
//! between the lines of a value too; so do order, blanks, line ends, and a final newline that is
//! missing. A new key comes last in its section and looks like its neighbours. What was made is
//! parsed, and given out only if it says what it should and nothing else has changed.

mod lines;
mod style;

use std::ops::Range;

use lines::Lines;
use style::Style;

use crate::{
    document::{Block, DEFAULT_SECTION, Document, Entry},
    text::{excerpt, is_space, strip},
};

/// An edit that cannot be made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EditError {
    /// There is no such section.
    #[error("no section [{0}]")]
    NoSection(String),
    /// The key does not stand in the section itself.
    #[error("{0} is not set there")]
    NotSet(String),
    /// A text that cannot be the name of a key.
    #[error(
        "a key can't be called \"{0}\": expected a name without =, :, line ends or blanks around it, \
         and not as a comment begins"
    )]
    Key(String),
    /// Blanks around a value are no part of it, nor are those around one of its lines.
    #[error("begins or ends with a blank, or has a line that does; the format drops such blanks")]
    Blanks,
    /// A carriage return ends a line wherever it stands.
    #[error("has a carriage return in it, which the format turns into a line feed")]
    CarriageReturn,
    /// A line of a value, beyond the first, that starts with `#` or `;` is none.
    #[error("has a line that starts with {0}, which the format takes for a comment")]
    Comment(char),
    /// The text is none that `configparser` reads, so no edit of it is sure.
    #[error("line {0} is no configuration; correct it first")]
    Faulty(usize),
    /// The result would not read as intended.
    #[error("can't be written so that it is read back as it is")]
    Unreadable,
}

/// Writes a text so that it is read back as it is: each `%` doubled.
pub fn escape(text: &str) -> String {
    text.replace('%', "%%")
}

/// Whether a value is one that the format can hold; of several lines, if it has line feeds in it.
pub fn check_value(value: &str) -> Result<(), EditError> {
    if value.contains('\r') {
        return Err(EditError::CarriageReturn);
    }
    if value.ends_with('\n') || value.split('\n').any(|line| strip(line) != line) {
        return Err(EditError::Blanks);
    }
    let comment = |line: &str| line.chars().next().filter(|sign| matches!(sign, '#' | ';'));
    match value.split('\n').skip(1).find_map(comment) {
        Some(sign) => Err(EditError::Comment(sign)),
        None => Ok(()),
    }
}

fn check_key(key: &str) -> Result<(), EditError> {
    let bad = key.is_empty()
        || strip(key) != key
        || key.contains(['=', ':', '\n', '\r'])
        || key.starts_with(['#', ';']);
    if bad { Err(EditError::Key(excerpt(key))) } else { Ok(()) }
}

impl Document {
    /// The document in which `key` of this section says `value`, uninterpolated: see [`escape`].
    ///
    /// Where the key stands in the section already, the bytes of its value change, and nothing
    /// else. A new one is added at the end of the section; [`DEFAULT_SECTION`] is made if need be.
    pub fn set(&self, section: &str, key: &str, value: &str) -> Result<Self, EditError> {
        self.check_faultless()?;
        check_key(key)?;
        check_value(value)?;
        let value: Vec<&str> = value.split('\n').collect();
        let folded = key.to_lowercase();
        let mut meant = Meaning::of(self);
        let text = match self.entry(section, &folded) {
            Some(entry) => {
                meant.set(section, &folded, &value);
                self.rewrite(entry, &value)
            }
            None => match self.blocks().iter().rposition(|block| block.name == section) {
                Some(index) => {
                    meant.add(index, &folded, &value);
                    self.append(&self.blocks()[index], key, &value)
                }
                None if section == DEFAULT_SECTION && !self.blocks().is_empty() => {
                    meant.add_default(&folded, &value);
                    self.prepend_default(key, &value)
                }
                None => return Err(EditError::NoSection(excerpt(section))),
            },
        };
        meant.confirm(text)
    }

    /// The document without `key` in this section: the lines of its value are gone, the comments
    /// above and between them are not.
    pub fn unset(&self, section: &str, key: &str) -> Result<Self, EditError> {
        self.check_faultless()?;
        let key = key.to_lowercase();
        let entry = self.entry(section, &key).ok_or_else(|| EditError::NotSet(excerpt(&key)))?;
        let lines = Lines::of(self.as_str());
        let gone = entry.pieces.iter().map(|piece| (lines.whole(piece.start), String::new()));
        let mut meant = Meaning::of(self);
        meant.unset(section, &key);
        meant.confirm(self.replaced(gone.collect()))
    }

    fn check_faultless(&self) -> Result<(), EditError> {
        self.problems().first().map_or(Ok(()), |problem| Err(EditError::Faulty(problem.line)))
    }

    /// The text with other lines as an entry's value. Each takes the place of a former one, so that
    /// comments between them keep theirs.
    fn rewrite(&self, entry: &Entry, value: &[&str]) -> String {
        let text = self.as_str();
        let lines = Lines::of(text);
        let indent = self.continuation(entry, &lines);
        let mut edits = Vec::new();
        for (index, piece) in entry.pieces.iter().enumerate() {
            match value.get(index) {
                Some(new) if text[piece.clone()] == **new => {}
                Some(new) if index == 0 && piece.is_empty() => {
                    // Behind the blanks that the line may end with.
                    let end = lines.content(piece.start).end;
                    let gap = gap(&text[entry.key_span.end..end]);
                    edits.push((end..end, format!("{gap}{new}")));
                }
                Some(new) if index == 0 => edits.push((piece.clone(), (*new).to_owned())),
                Some(new) if new.is_empty() || piece.is_empty() => {
                    let blanks = if new.is_empty() { "" } else { &*indent };
                    edits.push((lines.content(piece.start), format!("{blanks}{new}")));
                }
                Some(new) => edits.push((piece.clone(), (*new).to_owned())),
                None => edits.push((lines.whole(piece.start), String::new())),
            }
        }
        let more = value.get(entry.pieces.len()..).unwrap_or_default();
        if !more.is_empty() {
            let end = lines.content(entry.value_span.end).end;
            edits.push((end..end, continued(more, &indent, lines.ending(end))));
        }
        self.replaced(edits)
    }

    /// What a line that goes on with this value has before its text.
    fn continuation(&self, entry: &Entry, lines: &Lines<'_>) -> String {
        let text = self.as_str();
        let before = |at: usize| &text[lines.content(at).start..at];
        let own = entry.pieces[1..].iter().find(|piece| !piece.is_empty());
        match own {
            Some(piece) => before(piece.start).to_owned(),
            None => format!("{}{}", before(entry.key_span.start), style::DEEPER),
        }
    }

    /// The text with a new key at the end of a block: below its last key and what is said about
    /// that, above what is said about the next header.
    fn append(&self, block: &Block, key: &str, value: &[&str]) -> String {
        let text = self.as_str();
        let lines = Lines::of(text);
        let used = block.entries.last().map_or(block.span.start, |entry| entry.value_span.end);
        let mut end = block.span.end;
        if end < text.len() {
            end = lines.comments_above(end);
        }
        let last = lines.last_written(lines.index(used), end);
        let mut style = Style::of(text, block, self.blocks());
        if block.entries.is_empty() {
            style = style.indented(lines.indent(block.span.end));
        }
        let at = lines.content(last).end;
        let ending = lines.ending(at);
        let line = style.line(key, value[0]);
        let more = continued(&value[1..], &style.continuation(), ending);
        self.replaced(vec![(at..at, format!("{ending}{line}{more}"))])
    }

    /// The text with a `[DEFAULT]` before the first header and what is said about that.
    fn prepend_default(&self, key: &str, value: &[&str]) -> String {
        let lines = Lines::of(self.as_str());
        let first = &self.blocks()[0];
        let at = lines.comments_above(first.span.start);
        let ending = lines.ending(at);
        let style = Style::of(self.as_str(), first, self.blocks());
        let style = style.indented(lines.indent(first.span.start));
        let line = style.line(key, value[0]);
        let more = continued(&value[1..], &style.continuation(), ending);
        let block = format!("[{DEFAULT_SECTION}]{ending}{line}{more}{ending}{ending}");
        self.replaced(vec![(at..at, block)])
    }

    /// The text with these ranges, in order, replaced.
    fn replaced(&self, edits: Vec<(Range<usize>, String)>) -> String {
        let text = self.as_str();
        let mut made = String::with_capacity(text.len() + 64);
        let mut at = 0;
        for (range, new) in edits {
            made.push_str(&text[at..range.start]);
            made.push_str(&new);
            at = range.end;
        }
        made.push_str(&text[at..]);
        // Where the last line went that had no end, the one before it has none.
        if !text.ends_with(['\n', '\r']) {
            let end = ["\r\n", "\n", "\r"].into_iter().find_map(|end| made.strip_suffix(end));
            if let Some(length) = end.map(str::len) {
                made.truncate(length);
            }
        }
        made
    }
}

/// A blank for a value that was empty, where its delimiter has one on the other side only.
fn gap(delimiter: &str) -> &'static str {
    let loose = delimiter.starts_with(is_space);
    if loose && delimiter.ends_with(['=', ':']) { " " } else { "" }
}

/// Further lines of a value, each after a line end.
fn continued(value: &[&str], indent: &str, ending: &str) -> String {
    let line = |line: &&str| match line.is_empty() {
        true => ending.to_owned(),
        false => format!("{ending}{indent}{line}"),
    };
    value.iter().map(line).collect()
}

/// What a document says, in its order: what an edit must change, and must not.
#[derive(PartialEq, Eq)]
struct Meaning(Vec<(String, Vec<(String, String)>)>);

impl Meaning {
    fn of(document: &Document) -> Self {
        let pair = |entry: &Entry| (entry.key.clone(), entry.value.clone());
        let block = |block: &Block| (block.name.clone(), block.entries.iter().map(pair).collect());
        Self(document.blocks().iter().map(block).collect())
    }

    fn entries(&mut self, section: &str) -> impl Iterator<Item = &mut Vec<(String, String)>> {
        self.0.iter_mut().filter(move |(name, _)| name == section).map(|(_, entries)| entries)
    }

    fn set(&mut self, section: &str, key: &str, value: &[&str]) {
        let entry = self.entries(section).flatten().find(|(name, _)| name == key);
        if let Some((_, old)) = entry {
            *old = value.join("\n");
        }
    }

    fn unset(&mut self, section: &str, key: &str) {
        self.entries(section).for_each(|entries| entries.retain(|(name, _)| name != key));
    }

    fn add(&mut self, block: usize, key: &str, value: &[&str]) {
        self.0[block].1.push((key.to_owned(), value.join("\n")));
    }

    fn add_default(&mut self, key: &str, value: &[&str]) {
        let entry = (key.to_owned(), value.join("\n"));
        self.0.insert(0, (DEFAULT_SECTION.to_owned(), vec![entry]));
    }

    /// The document of this text, if that is what it says.
    fn confirm(&self, text: String) -> Result<Document, EditError> {
        let document = Document::parse(text);
        let is_meant = document.problems().is_empty() && Self::of(&document) == *self;
        if is_meant { Ok(document) } else { Err(EditError::Unreadable) }
    }
}
