//! `cargo xtask bench accept`: taking connections and answering on them, by the echo example.

mod calls;
mod cores;
mod fairness;
mod held;
mod kept;
mod load;
mod new;
mod request;
mod server;
mod turns;

use std::path::PathBuf;

use super::application::Application;
use super::options::Options;
use super::scratch::Scratch;
use super::table::{self, Row};
use super::{c, nginx, undisturbed};
use crate::args::Args;
use crate::error::{Context, Result};
use crate::interrupt;
use crate::workspace::Workspace;
use cores::Cores;
use fairness::Spread;
use load::Load;
use server::Servers;

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
    let options = Options::take(args)?;
    let parts = options.chosen(&PARTS)?;
    let workspace = Workspace::load()?;
    interrupt::watch()?;
    let load = table::load();

    let scratch = Scratch::new()?;
    // Above the examples: the fixture's workers are looked for, too.
    let built = program.is_none().then(|| workspace.target.join("release"));
    let echo = Application::new(&workspace, program, ECHO, scratch.path())?;
    let directory = built.unwrap_or_else(|| echo.directory().to_owned());
    let bench = Bench {
        servers: Servers {
            echo,
            rival: c::compile(&workspace, &scratch, "echo_server")?,
            scratch: scratch.path().to_owned(),
        },
        load: Load::new(c::compile(&workspace, &scratch, "echo_load")?),
        cores: Cores::look()?,
        workspace,
        scratch: scratch.path().to_owned(),
        rounds: options.rounds,
    };
    let (findings, left) = undisturbed(&directory, &scratch, || bench.measure(parts))?;

    table::head(&c::compiler()?, options.rounds, "an echo server in C", load);
    findings.print();
    left?;
    options.judge(findings.missed())
}

impl Bench {
    fn measure(&self, parts: &[(&str, Part)]) -> Result<Findings> {
        let mut findings = Findings::default();
        if !nginx::is_installed() {
            findings.notes.push("nginx is not installed: no rows of it".to_owned());
        }
        for (name, part) in parts {
            eprintln!("measuring {name}…");
            part(self, &mut findings).context(|| name)?;
        }
        Ok(findings)
    }
}

impl Findings {
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
