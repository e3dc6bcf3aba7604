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
use super::run::{Report, Run};
use super::table::median;
use super::{c, nginx};
use crate::args::Args;
use crate::error::Result;
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

/// What measures a part.
type Part = fn(&Bench) -> Result<Vec<Claim>>;

const PARTS: [(&str, Part); 4] = [
    ("new", loss::with_new_connections),
    ("kept", loss::with_kept_connections),
    ("pipelined", loss::with_requests_in_a_row),
    ("replacement", replacement::measure),
];

/// What to build, and what comes of it.
const HTTP: (&str, &str) = ("--package processhandler --example http", "examples/http");

/// Who was compared, and what came of it.
#[derive(Debug)]
struct Claims {
    rivals: Vec<String>,
    all: Vec<Claim>,
}

pub(super) fn command(mut args: Args) -> Result {
    let program: Option<PathBuf> = args.option("--http")?;
    let run = Run::begin(args, &PARTS)?;
    let (workspace, scratch) = (&run.workspace, &run.scratch);
    let http = Application::new(workspace, program, HTTP, scratch.path())?;
    let directory = http.directory().to_owned();
    let (gunicorn, missing) = match Gunicorn::install(workspace) {
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
        load: Load::new(c::compile(workspace, scratch, "http_load")?),
        rounds: run.rounds(),
    };
    let claims = Claims { rivals, all: Vec::new() };
    run.measure(&directory, "nginx and gunicorn", claims, |part, claims| {
        claims.all.extend(part(&bench)?);
        Ok(())
    })
}

impl Report for Claims {
    fn print(&self) {
        for rival in &self.rivals {
            println!("{rival}");
        }
        println!("\n{}\n{}", claim::layout(&self.all), loss::FOOTNOTE);
    }

    fn missed(&self) -> usize {
        self.all.iter().filter(|claim| claim.is_missed()).count()
    }
}

/// The median, or not a number where a side is missing.
fn middle<T>(all: &[T], of: impl Fn(&T) -> f64) -> f64 {
    median(&all.iter().map(of).collect::<Vec<_>>())
}
