//! The processes that the master made, by serial number and by pid.

use std::collections::{BTreeMap, HashMap};

use nix::unistd::Pid;
use serde::{Deserialize, Serialize};

use super::autopsy::Examination;
use super::cells::Cells;
use super::curve::Curve;
use super::foreign::Foreign;
use super::last_lines::LastLines;
use crate::arbiter::WorkerKey;
use crate::sys::cgroup::Scope;
use crate::sys::pidfd::{PidFd, Used};

/// One worker's process, from its fork until it is reaped.
pub(super) struct Child {
    pub(super) key: WorkerKey,
    pub(super) process: PidFd,
    /// Its place in the shared table and on the guard's board.
    pub(super) cell: usize,
    /// Whether it was bound to CPUs of its own: the kernel knows to which.
    pub(super) bound: bool,
    /// How often the log had been reopened when it was forked.
    pub(super) reopened: u64,
    /// When it was forked, in the kernel's ticks since boot.
    pub(super) born: u64,
    /// Whether it was asked to leave.
    pub(super) asked: bool,
    /// Whether it works on several requests at once, by its class or by its word.
    pub(super) shared: bool,
    /// What there is of a program; none for a copy of the master.
    pub(super) foreign: Option<Box<Foreign>>,
    /// What is known for its death certificate, if there is anything yet. Apart, so that children are small: the less is moved
    /// about, the fewer pages a fork has to copy.
    pub(super) history: Option<Box<History>>,
}

/// What is taken down of a worker in its life, to be told at its end.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct History {
    /// How its memory has grown.
    pub(super) curve: Curve,
    /// What it was doing when it had to be killed.
    pub(super) examined: Option<Box<Examination>>,
    /// The last lines that it said.
    pub(super) output: LastLines,
    /// What it said of its own end.
    pub(super) said: Option<String>,
    /// What it had used when it ended.
    pub(super) used: Used,
    /// By whose count the kernel has killed it for want of memory.
    pub(super) oom: Option<Scope>,
}

impl Child {
    /// Whether it was copied from the master.
    pub(super) fn is_copy(&self) -> bool {
        self.foreign.is_none()
    }

    /// Whether it is a program that has fed its watchdog.
    pub(super) fn is_watched(&self) -> bool {
        self.foreign.as_ref().is_some_and(|foreign| foreign.fed.is_some())
    }

    /// The last line of a program that has said nothing else of its end.
    pub(super) fn printed_last(&self) -> Option<&str> {
        self.foreign.as_ref()?;
        let history = self.history.as_ref().filter(|history| history.said.is_none())?;
        history.output.lines().last()
    }

    /// Where what is known of it is taken down.
    pub(super) fn history(&mut self) -> &mut History {
        self.history.get_or_insert_default()
    }
}

#[derive(Default)]
pub(super) struct Children {
    /// By place, the lowest that was free: most often a page of memory that was written to already.
    by_cell: Vec<Option<Child>>,
    cell_of: BTreeMap<u64, usize>,
    serial_of: HashMap<Pid, u64>,
    pub(super) cells: Cells,
    /// Those that were there before this process was a master: no worker left them behind, whatever the clock's ticks say.
    pub(super) found: Vec<Pid>,
    /// Birth of the oldest child that ended since orphans were last looked for.
    pub(super) departed: Option<u64>,
}

impl Children {
    /// No workers yet, beside these.
    pub(super) fn beside(found: Vec<Pid>) -> Self {
        Self { found, ..Self::default() }
    }

    pub(super) fn insert(&mut self, child: Child) {
        let (serial, cell) = (child.key.serial, child.cell);
        self.serial_of.insert(child.process.pid(), serial);
        self.cell_of.insert(serial, cell);
        if self.by_cell.len() <= cell {
            self.by_cell.resize_with(cell + 1, || None);
        }
        self.by_cell[cell] = Some(child);
    }

    pub(super) fn get(&self, serial: u64) -> Option<&Child> {
        self.by_cell[*self.cell_of.get(&serial)?].as_ref()
    }

    pub(super) fn get_mut(&mut self, serial: u64) -> Option<&mut Child> {
        self.by_cell[*self.cell_of.get(&serial)?].as_mut()
    }

    /// Takes down that it is asked to leave; whether this is the first time.
    pub(super) fn note_asked(&mut self, serial: u64) -> bool {
        let child = self.get_mut(serial);
        child.is_some_and(|child| !std::mem::replace(&mut child.asked, true))
    }

    pub(super) fn remove(&mut self, serial: u64) -> Option<Child> {
        let child = self.by_cell[self.cell_of.remove(&serial)?].take()?;
        self.serial_of.remove(&child.process.pid());
        self.cells.give_back(child.cell);
        self.departed = Some(self.departed.map_or(child.born, |oldest| oldest.min(child.born)));
        Some(child)
    }

    /// The worker with this pid; an adopted orphan has none.
    pub(super) fn serial_of(&self, pid: Pid) -> Option<u64> {
        self.serial_of.get(&pid).copied()
    }

    /// The first with this number or a higher one, in the order in which they were made.
    pub(super) fn at_or_after(&mut self, serial: u64) -> Option<&mut Child> {
        let (_, &cell) = self.cell_of.range(serial..).next()?;
        self.by_cell[cell].as_mut()
    }

    /// In the order in which they were made.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Child> {
        self.cell_of.values().filter_map(|&cell| self.by_cell[cell].as_ref())
    }
}
