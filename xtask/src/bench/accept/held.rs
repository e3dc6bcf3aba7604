//! Connections that come all at once and stay.

use super::{Bench, Findings};
use crate::bench::server::Server;
use crate::bench::table::{Figures, Row, Unit, median};
use crate::error::Result;

const CONNECTIONS: usize = 800;
const WORKERS: usize = 8;
const TARGET: f64 = 1.2;

pub(super) fn measure(bench: &Bench, findings: &mut Findings) -> Result {
    let (ours, ours_took) =
        held(bench, || bench.servers.ours("async", "exclusive", WORKERS, None))?;
    let (bare, bare_took) = held(bench, || bench.servers.rival("epoll", WORKERS, None))?;
    findings.rows.push(Row::at_most(
        format!("{CONNECTIONS} connections at once on {WORKERS} async, busiest over idlest"),
        Unit::Times,
        Figures { ours: Some(median(&ours)), bare: median(&bare) },
        TARGET,
    ));
    let worst = |spreads: &[f64]| spreads.iter().copied().fold(0.0, f64::max);
    findings.rows.push(Row::plain(
        "  the worst round".to_owned(),
        Unit::Times,
        Figures { ours: Some(worst(&ours)), bare: worst(&bare) },
    ));
    findings.rows.push(Row::plain(
        "  until all have their first answer".to_owned(),
        Unit::Seconds,
        Figures { ours: Some(median(&ours_took)), bare: median(&bare_took) },
    ));
    Ok(())
}

/// The spread of each round, and its seconds. A server for each: what the last one left must not
/// count.
fn held(bench: &Bench, start: impl Fn() -> Result<Server>) -> Result<(Vec<f64>, Vec<f64>)> {
    let mut spreads = Vec::new();
    let mut took = Vec::new();
    for _ in 0..bench.rounds {
        let server = start()?;
        let pids = bench.load.hold(&server, CONNECTIONS)?;
        spreads.push(pids.spread());
        took.extend(pids.slowest.map(|slowest| slowest.as_secs_f64()));
    }
    Ok((spreads, took))
}
