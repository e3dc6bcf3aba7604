//! How the keys of a section are written.

use crate::{
    document::{Block, Entry},
    text::is_space,
};

/// What further lines of a value have before them, beyond what their key has.
pub(super) const DEEPER: &str = "    ";

/// How a new key is written so that it looks like its neighbours.
#[derive(Clone, Debug)]
pub(super) struct Style {
    /// Before the key.
    indent: String,
    /// Between key and delimiter.
    before: String,
    delimiter: char,
    /// Between delimiter and value.
    after: String,
    column: Column,
}

/// What stands below each other in neighbouring lines: at so many characters behind the indentation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Column {
    Delimiter(usize),
    Value(usize),
    Nothing,
}

/// One key as it is written.
struct Written<'a> {
    indent: &'a str,
    /// Characters of the key.
    key: usize,
    before: &'a str,
    delimiter: char,
    after: &'a str,
    has_value: bool,
}

impl Style {
    /// The style of a block; where that has no keys, of the nearest one before it that has, or after it.
    pub(super) fn of(text: &str, block: &Block, blocks: &[Block]) -> Self {
        let here = blocks.iter().position(|other| other.line == block.line).unwrap_or(0);
        let nearest = blocks[..=here].iter().rev().chain(&blocks[here..]);
        let mut model = nearest.filter(|block| !block.entries.is_empty());
        let Some(model) = model.next() else { return Self::plain() };
        let written: Vec<Written<'_>> =
            model.entries.iter().map(|entry| Written::of(text, entry)).collect();
        Self::of_neighbours(&written)
    }

    fn plain() -> Self {
        let (indent, before, after) = (String::new(), " ".to_owned(), " ".to_owned());
        Self { indent, before, delimiter: '=', after, column: Column::Nothing }
    }

    fn of_neighbours(written: &[Written<'_>]) -> Self {
        // The last one with a value: how far an empty one would be from its delimiter, it doesn't tell.
        let last = &written[written.len() - 1];
        let model = written.iter().rev().find(|one| one.has_value).unwrap_or(last);
        let after = match model.has_value {
            true => model.after,
            false if model.before.is_empty() => "",
            false => " ",
        };
        Self {
            indent: last.indent.to_owned(),
            before: model.before.to_owned(),
            delimiter: model.delimiter,
            after: after.to_owned(),
            column: Column::of(model, written),
        }
    }

    /// The same with other blanks before the key: those of a header that follows, which would go on with the value
    /// if it were deeper.
    pub(super) fn indented(mut self, indent: &str) -> Self {
        indent.clone_into(&mut self.indent);
        self
    }

    /// A key with the first line of its value.
    pub(super) fn line(&self, key: &str, value: &str) -> String {
        let Self { indent, before, delimiter, after, column } = self;
        let length = key.chars().count();
        let (before, after) = match column {
            // A key that reaches beyond the column keeps a blank, if the others have any.
            Column::Delimiter(at) => {
                let least = usize::from(!before.is_empty());
                (" ".repeat(at.saturating_sub(length).max(least)), after.clone())
            }
            Column::Value(at) => {
                let taken = length + before.chars().count() + 1;
                (before.clone(), " ".repeat(at.saturating_sub(taken).max(1)))
            }
            Column::Nothing => (before.clone(), after.clone()),
        };
        let line = format!("{indent}{key}{before}{delimiter}{after}{value}");
        if value.is_empty() { line.trim_end_matches(is_space).to_owned() } else { line }
    }

    /// What further lines of its value have before them.
    pub(super) fn continuation(&self) -> String {
        format!("{}{DEEPER}", self.indent)
    }
}

impl Column {
    fn of(model: &Written<'_>, written: &[Written<'_>]) -> Self {
        let only_spaces = |blanks: &str| blanks.chars().all(|blank| blank == ' ');
        let others = || written.iter().filter(|other| other.key != model.key);
        let delimiter = model.delimiter_at();
        if only_spaces(model.before)
            && (model.before.len() > 1 || others().any(|other| other.delimiter_at() == delimiter))
        {
            return Self::Delimiter(delimiter);
        }
        let value = model.value_at();
        let value_aligned = || others().any(|other| other.has_value && other.value_at() == value);
        if model.has_value && only_spaces(model.after) && (model.after.len() > 1 || value_aligned())
        {
            return Self::Value(value);
        }
        Self::Nothing
    }
}

impl<'a> Written<'a> {
    fn of(text: &'a str, entry: &Entry) -> Self {
        let line = text[..entry.key_span.start].rfind(['\n', '\r']).map_or(0, |end| end + 1);
        let between = &text[entry.key_span.end..entry.value_span.start];
        let at = between.find(['=', ':']).unwrap_or(0);
        Self {
            indent: &text[line..entry.key_span.start],
            key: text[entry.key_span.clone()].chars().count(),
            before: &between[..at],
            delimiter: if between[at..].starts_with(':') { ':' } else { '=' },
            after: &between[at + 1..],
            has_value: !entry.pieces[0].is_empty(),
        }
    }

    fn delimiter_at(&self) -> usize {
        self.key + self.before.chars().count()
    }

    fn value_at(&self) -> usize {
        self.delimiter_at() + 1 + self.after.chars().count()
    }
}
