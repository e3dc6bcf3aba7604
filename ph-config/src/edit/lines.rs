//! A text by its lines.

use std::ops::Range;

use crate::text::{self, Line, is_space, strip};

/// The lines of a text, to be found by an offset.
pub(super) struct Lines<'a> {
    text: &'a str,
    lines: Vec<Line<'a>>,
}

impl<'a> Lines<'a> {
    pub(super) fn of(text: &'a str) -> Self {
        Self { text, lines: text::lines(text).collect() }
    }

    /// The number, from 0, of the line that this offset is in. At the end of the text it is the last one.
    pub(super) fn index(&self, offset: usize) -> usize {
        self.lines.partition_point(|line| line.start <= offset).saturating_sub(1)
    }

    /// The line around an offset, without what ends it.
    pub(super) fn content(&self, offset: usize) -> Range<usize> {
        let line = self.lines[self.index(offset)];
        line.start..line.start + line.content.len()
    }

    /// The same with what ends it.
    pub(super) fn whole(&self, offset: usize) -> Range<usize> {
        let line = self.lines[self.index(offset)];
        line.start..line.next
    }

    /// The blanks before the line that starts here; none at the end of the text.
    pub(super) fn indent(&self, start: usize) -> &'a str {
        let line = &self.text[start..];
        &line[..line.len() - line.trim_start_matches(is_space).len()]
    }

    /// How lines end around here: as this one does, or the one before it, or anyone.
    pub(super) fn ending(&self, offset: usize) -> &'a str {
        let end = |line: &Line<'_>| &self.text[line.start + line.content.len()..line.next];
        let (above, below) = self.lines.split_at(self.index(offset) + 1);
        let ends = above.iter().rev().chain(below).map(end);
        ends.into_iter().find(|end| !end.is_empty()).unwrap_or("\n")
    }

    /// The start of the comments that stand right above this line's start, or of the line.
    pub(super) fn comments_above(&self, start: usize) -> usize {
        let is_comment = |line: &&Line<'_>| strip(line.content).starts_with(['#', ';']);
        let above = &self.lines[..self.index(start)];
        above.iter().rev().take_while(is_comment).last().map_or(start, |line| line.start)
    }

    /// The start of the last line with something in it that starts before `end`; line number `least` at least.
    pub(super) fn last_written(&self, least: usize, end: usize) -> usize {
        let below = self.lines[least + 1..].iter().take_while(|line| line.start < end);
        let last = below.filter(|line| !strip(line.content).is_empty()).last();
        last.map_or(self.lines[least].start, |line| line.start)
    }
}
