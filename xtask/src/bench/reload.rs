//! `cargo xtask bench reload`: what a reload costs those who are served meanwhile, and how long it
//! takes, by the http example and by two servers that others use.

mod claim;
mod gunicorn;
mod load;
mod loss;
mod reloads;
mod replacement;
mod server;
mod tally;

use std::path::PathBuf;

use super::application::Application;
use super::options::Options;
use super::scratch::Scratch;
use super::table::{self, median};
use super::{c, nginx, undisturbed};
use crate::args::Args;
use crate::error::{Context, Result};
use crate::interrupt;
use crate::workspace::Workspace;
use claim::Claim;
use gunicorn::Gunicorn;
use load::Load;
use server::Servers;

/// All sides, and what they are measured with.
#[derive(Debug)]
struct Bench {
    servers: Servers,
    load: Load,
    rounds: usize,
}

/// A part's name, and what measures it.
type Part = (&'static str, fn(&Bench) -> Result<Vec<Claim>>);

const PARTS: [Part; 4] = [
    ("new", loss::with_new_connections),
    ("kept", loss::with_kept_connections),
    ("pipelined", loss::with_requests_in_a_row),
    ("replacement", replacement::measure),
];

/// What to build, and what comes of it.
const HTTP: (&str, &str) = ("--package processhandler --example http", "examples/http");

pub(super) fn command(mut args: Args) -> Result {
    let program: Option<PathBuf> = args.option("--http")?;
    let options = Options::take(args)?;
    let parts = options.chosen(&PARTS)?;
    let workspace = Workspace::load()?;
    interrupt::watch()?;
    let load = table::load();

    let scratch = Scratch::new()?;
    let http = Application::new(&workspace, program, HTTP, scratch.path())?;
    let directory = http.directory().to_owned();
    let (gunicorn, missing) = match Gunicorn::install(&workspace) {
        Ok(gunicorn) => (Some(gunicorn), None),
        Err(why) => (None, Some(why)),
    };
    let mut rivals = vec![nginx::version().unwrap_or_else(|| {
        "nginx is not installed; as root: apt-get install -y --no-install-recommends nginx"
            .to_owned()
    })];
    rivals.extend(gunicorn.as_ref().map(|it| it.version.clone()));
    rivals.extend(missing.map(|why| why.to_string()));
    let bench = Bench {
        servers: Servers { http, gunicorn, scratch: scratch.path().to_owned() },
        load: Load::new(c::compile(&workspace, &scratch, "http_load")?),
        rounds: options.rounds,
    };
    let (claims, left) = undisturbed(&directory, &scratch, || measure(&bench, parts))?;

    table::head(&c::compiler()?, options.rounds, "nginx and gunicorn", load);
    for rival in rivals {
        println!("{rival}");
    }
    println!("\n{}\n{}", claim::layout(&claims), loss::FOOTNOTE);
    left?;
    options.judge(claims.iter().filter(|claim| claim.is_missed()).count())
}

fn measure(bench: &Bench, parts: &[Part]) -> Result<Vec<Claim>> {
    let mut claims = Vec::new();
    for (name, part) in parts {
        eprintln!("measuring {name}…");
        claims.extend(part(bench).context(|| name)?);
    }
    Ok(claims)
}

/// The median, or not a number where a side is missing.
fn middle<T>(all: &[T], of: impl Fn(&T) -> f64) -> f64 {
    median(&all.iter().map(of).collect::<Vec<_>>())
}
