//! A connection for each request: connect, 64 bytes, 64 bytes, close.

use std::time::Duration;

use super::load::Connections;
use super::{Bench, Findings};
use crate::bench::nginx;
use crate::bench::table::{Row, Unit};
use crate::bench::turns::Turns;
use crate::error::{Context, Result};

const CLIENTS: usize = 16;
const WORKERS: [usize; 2] = [2, 8];
const TARGET: f64 = 0.95;
const SLICE: Duration = Duration::from_millis(400);

/// Ours, with `accept`. The last has the target, and its turn next to the rival's.
const OURS: [(&str, &str); 4] =
    [("async", "exclusive"), ("thread", "exclusive"), ("sync", "reuseport"), ("sync", "exclusive")];
/// The rival's; what counts is the best of them.
const STRATEGIES: [&str; 3] = ["blocking", "rearm", "reuseport"];

/// All cores for all: opening a connection costs the client more than the server, so that clients
/// on a core of their own would be all that is measured. There is a process of clients for each
/// core, and none is left idle.
pub(super) fn measure(bench: &Bench, findings: &mut Findings) -> Result {
    for workers in WORKERS {
        of_so_many(bench, workers, findings)?;
    }
    Ok(())
}

fn of_so_many(bench: &Bench, workers: usize, findings: &mut Findings) -> Result {
    let mut servers = Vec::new();
    for (class, accept) in OURS {
        servers.push(bench.servers.ours(class, accept, workers, None)?);
    }
    for strategy in STRATEGIES {
        servers.push(bench.servers.rival(strategy, workers, None)?);
    }
    servers.extend(bench.servers.nginx(workers, None)?);
    let turns = Turns::take(bench.rounds, &servers, |server| {
        let clients = (bench.cores.count.min(CLIENTS), None);
        bench.load.rate(server, Connections::New, CLIENTS, SLICE, clients)
    })?;
    let sync = OURS.len() - 1;
    let nginx = OURS.len() + STRATEGIES.len();
    let best = (OURS.len()..nginx)
        .min_by(|a, b| turns.ratio(sync, *a).total_cmp(&turns.ratio(sync, *b)))
        .context(|| "no strategies")?;
    let strategy = |at: usize| STRATEGIES[at - OURS.len()];

    let what = format!("a connection each, {workers} sync workers, C {}", strategy(best));
    let row = Row::at_least(what, Unit::PerSecond, turns.rates(sync, best), TARGET);
    findings.rows.push(row.with_ratio(turns.ratio(sync, best)));
    findings.rows.push(turns.cost(sync, best));
    for (at, (class, accept)) in OURS.iter().enumerate().take(sync) {
        let what = format!("  {workers} {class} workers, accept = {accept}");
        let row = Row::plain(what, Unit::PerSecond, turns.rates(at, best));
        findings.rows.push(row.with_ratio(turns.ratio(at, best)));
    }
    for at in (OURS.len()..nginx).filter(|at| *at != best) {
        findings.rows.push(turns.alone(at, &format!("  C {}", strategy(at))));
    }
    if servers.len() > nginx {
        findings.rows.push(turns.alone(nginx, nginx::SAY));
    }
    Ok(())
}
