//! `cargo xtask bench rpc`: calls on connections that stay, by a service whose methods give their
//! bytes back. Nobody but the clients knows beforehand what will be called, and with what.

mod load;
mod measure;
mod rival;
mod servers;

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher as _, Hasher as _};
use std::path::PathBuf;

use super::application::Application;
use super::c;
use super::cores::Cores;
use super::run::{Report, Run};
use super::table::{self, Row};
use crate::args::Args;
use crate::error::Result;
use load::Load;
use rival::Rival;
use servers::Servers;

/// All sides, and what they are measured with.
#[derive(Debug)]
struct Bench {
    servers: Servers,
    load: Load,
    cores: Cores,
    rounds: usize,
}

/// What a part has to say, and who was compared.
#[derive(Debug, Default)]
struct Findings {
    rows: Vec<Row>,
    rivals: Vec<String>,
}

/// What measures a part.
type Part = fn(&Bench) -> Result<Vec<Row>>;

const PARTS: [(&str, Part); 2] =
    [("single", measure::one_by_one), ("pipelined", measure::many_at_once)];

/// What to build, and what comes of it.
const CALLS: (&str, &str) = ("--package ph-tests --bin ph-calls", "ph-calls");

pub(super) fn command(mut args: Args) -> Result {
    let program: Option<PathBuf> = args.option("--calls")?;
    let run = Run::begin(args, &PARTS)?;
    let (workspace, scratch) = (&run.workspace, &run.scratch);
    let calls = Application::new(workspace, program, CALLS, scratch.path())?;
    let directory = calls.directory().to_owned();
    let mut findings = Findings::default();
    let rival = match Rival::build(workspace) {
        Ok(rival) => Some(rival),
        Err(why) => {
            findings.rivals.push(format!("the crate msgpack-rpc could not be built: {why}"));
            None
        }
    };
    findings.rivals.push(servers::redis_version().unwrap_or_else(|| {
        "redis is not installed; as root: apt-get install -y --no-install-recommends redis-server"
            .to_owned()
    }));
    let methods = methods();
    let bench = Bench {
        servers: Servers {
            calls,
            bare: c::compile(workspace, scratch, "rpc_server")?,
            rival,
            scratch: scratch.path().to_owned(),
            methods: methods.clone(),
        },
        load: Load::new(c::compile(workspace, scratch, "rpc_load")?, methods),
        cores: Cores::look()?,
        rounds: run.rounds(),
    };
    run.measure(&directory, "a server in C that knows the calls' form", findings, |part, all| {
        all.rows.extend(part(&bench)?);
        Ok(())
    })
}

impl Report for Findings {
    fn print(&self) {
        for rival in &self.rivals {
            println!("{rival}");
        }
        print!("\n{}", table::layout(&self.rows));
    }

    fn missed(&self) -> usize {
        self.rows.missed()
    }
}

/// Eight names that no other run has.
fn methods() -> Vec<String> {
    let chance = || RandomState::new().build_hasher().finish();
    let letter = |_| char::from(b'a' + (chance() % 26) as u8);
    (0..8).map(|_| (0..4 + chance() % 16).map(letter).collect()).collect()
}

#[cfg(test)]
mod tests {
    use super::methods;

    #[test]
    fn no_two_runs_call_the_same() {
        let (one, two) = (methods(), methods());
        assert!(one.iter().all(|name| !two.contains(name) && (4..20).contains(&name.len())));
    }
}
