//! `cargo xtask bench accept`: taking connections and answering on them, by the echo example.

mod calls;
mod fairness;
mod held;
mod kept;
mod load;
mod new;
mod request;
mod servers;

use std::path::PathBuf;

use super::application::Application;
use super::cores::Cores;
use super::run::{Report, Run};
use super::table::{self, Row};
use super::{c, nginx};
use crate::args::Args;
use crate::error::Result;
use crate::workspace::Workspace;
use fairness::Spread;
use load::Load;
use servers::Servers;

/// Both sides, and what both are measured with.
#[derive(Debug)]
struct Bench {
    servers: Servers,
    load: Load,
    cores: Cores,
    workspace: Workspace,
    scratch: PathBuf,
    rounds: usize,
}

/// What a part has to say.
#[derive(Debug, Default)]
struct Findings {
    rows: Vec<Row>,
    spreads: Vec<Spread>,
    notes: Vec<String>,
}

const PARTS: [(&str, Part); 6] = [
    ("kept", kept::measure),
    ("new", new::measure),
    ("fairness", fairness::measure),
    ("held", held::measure),
    ("calls", calls::measure),
    ("request", request::measure),
];

/// What measures a part.
type Part = fn(&Bench, &mut Findings) -> Result;

/// What to build, and what comes of it.
const ECHO: (&str, &str) = ("--package processhandler --example echo", "examples/echo");

pub(super) fn command(mut args: Args) -> Result {
    let program: Option<PathBuf> = args.option("--echo")?;
    let run = Run::begin(args, &PARTS)?;
    let (workspace, scratch) = (&run.workspace, &run.scratch);
    // Above the examples: the fixture's workers are looked for, too.
    let built = program.is_none().then(|| workspace.target.join("release"));
    let echo = Application::new(workspace, program, ECHO, scratch.path())?;
    let directory = built.unwrap_or_else(|| echo.directory().to_owned());
    let bench = Bench {
        servers: Servers {
            echo,
            rival: c::compile(workspace, scratch, "echo_server")?,
            scratch: scratch.path().to_owned(),
        },
        load: Load::new(c::compile(workspace, scratch, "echo_load")?),
        cores: Cores::look()?,
        workspace: workspace.clone(),
        scratch: scratch.path().to_owned(),
        rounds: run.rounds(),
    };
    let mut findings = Findings::default();
    if !nginx::is_installed() {
        findings.notes.push("nginx is not installed: no rows of it".to_owned());
    }
    run.measure(&directory, "an echo server in C", findings, |part, findings| {
        part(&bench, findings)
    })
}

impl Report for Findings {
    fn print(&self) {
        if !self.rows.is_empty() {
            println!("{}", table::layout(&self.rows));
        }
        if !self.spreads.is_empty() {
            println!("{}", fairness::layout(&self.spreads));
        }
        for note in &self.notes {
            println!("{note}");
        }
    }

    fn missed(&self) -> usize {
        let rows = self.rows.iter().filter(|row| row.is_missed()).count();
        rows + self.spreads.iter().filter(|spread| spread.is_missed()).count()
    }
}
