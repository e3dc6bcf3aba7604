//! The time of a reload with nobody to serve: from the signal until all workers are others, against
//! the time that a start of as many takes.

use super::claim::{Claim, Figures};
use super::server::Server;
use super::{Bench, middle};
use crate::bench::table::Unit;
use crate::error::Result;

const WORKERS: usize = 16;
/// As the rivals do it: all at once.
const SETTINGS: &str = "max_surge = 16\n";
const TARGET: f64 = 3.0;

/// A reload is quick beside a start of Python.
const TURNS_OF_A_ROUND: usize = 2;

/// Seconds that a start took, and the reload after it.
type Times = (f64, f64);

/// A start and a reload are taken in turn, so that a busy second disturbs both.
pub(super) fn measure(bench: &Bench) -> Result<Vec<Claim>> {
    let servers = &bench.servers;
    let [mut ours, mut nginx, mut gunicorn]: [Vec<Times>; 3] = Default::default();
    for _ in 0..bench.rounds * TURNS_OF_A_ROUND {
        ours.push(times(servers.ours("async", WORKERS, SETTINGS)?)?);
        nginx.extend(servers.nginx(WORKERS)?.map(times).transpose()?);
        gunicorn.extend(servers.gunicorn(WORKERS)?.map(times).transpose()?);
    }
    let figures = |of: fn(&Times) -> f64| Figures {
        ours: middle(&ours, of),
        nginx: middle(&nginx, of),
        gunicorn: middle(&gunicorn, of),
    };
    let (launch, reload) = (figures(|times| times.0), figures(|times| times.1));
    let over = Figures {
        ours: reload.ours / launch.ours,
        nginx: reload.nginx / launch.nginx,
        gunicorn: reload.gunicorn / launch.gunicorn,
    };
    Ok(vec![
        Claim::plain(format!("launch to {WORKERS} workers ready"), Unit::Seconds, launch),
        Claim::plain(format!("HUP to all {WORKERS} replaced, at once"), Unit::Seconds, reload),
        Claim::at_most("  over the launch", Unit::Times, TARGET, over),
    ])
}

fn times(mut server: Server) -> Result<Times> {
    let reload = server.reload(|| Ok(()))?;
    Ok((server.launch.as_secs_f64(), reload.as_secs_f64()))
}
