//! A connection for each request: connect, 64 bytes, 64 bytes, close.

use std::time::Duration;

use super::kept::{TURNS, cpu, rival_row, turns};
use super::load::Connections;
use super::{Bench, Findings};
use crate::bench::table::{Figures, Row, Unit};
use crate::error::Result;

const CLIENTS: usize = 16;
const WORKERS: [usize; 2] = [2, 8];
const TARGET: f64 = 0.95;
const SLICE: Duration = Duration::from_millis(400);

/// Ours, with `accept`; the first has the target.
const OURS: [(&str, &str); 4] =
    [("sync", "exclusive"), ("sync", "reuseport"), ("thread", "exclusive"), ("async", "exclusive")];
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
    let rates = turns(bench.rounds * TURNS, &servers, |server| {
        let clients = (bench.cores.count.min(CLIENTS), None);
        bench.load.rate(server, Connections::New, CLIENTS, SLICE, clients)
    })?;
    let (ours, others) = rates.split_at(OURS.len());
    let (bare, others) = others.split_at(STRATEGIES.len());
    let best = (0..bare.len()).max_by(|a, b| bare[*a].per_second.total_cmp(&bare[*b].per_second));
    let best = best.unwrap_or_default();

    let figures =
        |at: usize| Figures { ours: Some(ours[at].per_second), bare: bare[best].per_second };
    findings.rows.push(Row::at_least(
        format!("a connection each, {workers} sync workers, C {}", STRATEGIES[best]),
        Unit::PerSecond,
        figures(0),
        TARGET,
    ));
    findings.rows.push(cpu(ours[0], bare[best]));
    for (at, (class, accept)) in OURS.iter().enumerate().skip(1) {
        let what = format!("  {workers} {class} workers, accept = {accept}");
        findings.rows.push(Row::plain(what, Unit::PerSecond, figures(at)));
    }
    for (at, strategy) in STRATEGIES.iter().enumerate().filter(|(at, _)| *at != best) {
        let what = format!("  C {strategy}");
        findings.rows.push(Row::note(&what, Unit::PerSecond, None, bare[at].per_second));
    }
    findings.rows.extend(others.first().map(rival_row));
    Ok(())
}
