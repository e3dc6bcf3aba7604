//! Which place of the shared table a process has: lowest free one first, so that the table stays dense.

use std::cmp::Reverse;
use std::collections::{BTreeSet, BinaryHeap};

#[derive(Debug, Default)]
pub(super) struct Cells {
    freed: BinaryHeap<Reverse<usize>>,
    used: usize,
}

impl Cells {
    /// A place for a new process, if the table has one.
    pub(super) fn take(&mut self) -> Option<usize> {
        if let Some(Reverse(cell)) = self.freed.pop() {
            return Some(cell);
        }
        let cell = self.used;
        (cell < crate::slots::COUNT).then(|| {
            self.used += 1;
            cell
        })
    }

    /// As it was when these were taken.
    pub(super) fn taken(cells: &BTreeSet<usize>) -> Self {
        let used = cells.last().map_or(0, |last| last + 1);
        let free = (0..used).filter(|cell| !cells.contains(cell));
        Self { freed: free.map(Reverse).collect(), used }
    }

    /// The process that had it is reaped.
    pub(super) fn give_back(&mut self, cell: usize) {
        self.freed.push(Reverse(cell));
    }
}
