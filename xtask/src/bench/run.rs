//! What all benchmarks have in common: what they can be asked for, and what comes before and after
//! the measuring.

use std::path::Path;

use super::options::Options;
use super::scratch::Scratch;
use super::{c, table, undisturbed};
use crate::args::Args;
use crate::error::{Context, Result};
use crate::interrupt;
use crate::workspace::Workspace;

/// One run of a benchmark whose parts are measured by `P`.
#[derive(Debug)]
pub(super) struct Run<P: 'static> {
    parts: &'static [(&'static str, P)],
    options: Options,
    pub(super) workspace: Workspace,
    pub(super) scratch: Scratch,
    /// How busy the machine was when it began.
    load: f64,
}

/// What the parts have to say, together.
pub(super) trait Report {
    fn print(&self);

    /// How many targets were missed.
    fn missed(&self) -> usize;
}

impl<P> Run<P> {
    /// Takes what is left of the command line; `parts` are what it can ask for.
    pub(super) fn begin(args: Args, parts: &'static [(&'static str, P)]) -> Result<Self> {
        let options = Options::take(args)?;
        let parts = options.chosen(parts)?;
        let workspace = Workspace::load()?;
        interrupt::watch()?;
        let load = table::load();
        Ok(Self { parts, options, workspace, scratch: Scratch::new()?, load })
    }

    /// How many rounds make a figure.
    pub(super) fn rounds(&self) -> usize {
        self.options.rounds
    }

    /// Measures the parts, and shows what they say. What runs from `directory` afterwards, and did not
    /// before, has no business there.
    pub(super) fn measure<R: Report>(
        self,
        directory: &Path,
        rival: &str,
        mut report: R,
        mut measure: impl FnMut(&P, &mut R) -> Result,
    ) -> Result {
        let (report, left) = undisturbed(directory, &self.scratch, || {
            for (name, part) in self.parts {
                eprintln!("measuring {name}…");
                measure(part, &mut report).context(|| name)?;
            }
            Ok(report)
        })?;
        table::head(&c::compiler()?, self.options.rounds, rival, self.load);
        report.print();
        left?;
        self.options.judge(report.missed())
    }
}
