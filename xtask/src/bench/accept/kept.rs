//! Connections that stay: 64 clients with a request of 64 bytes under way on each, one worker.

use std::time::Duration;

use super::load::Connections;
use super::{Bench, Findings};
use crate::bench::nginx;
use crate::bench::table::{Row, Unit};
use crate::bench::turns::Turns;
use crate::error::Result;

const CLIENTS: usize = 64;
const TARGET: f64 = 0.9;
const SLICE: Duration = Duration::from_millis(500);

/// The worker on one core, the clients on another: these look at their connections in turn, without
/// waiting, so that the worker is never waited for and always has something to do.
pub(super) fn measure(bench: &Bench, findings: &mut Findings) -> Result {
    let core = bench.cores.server();
    let mut servers = vec![
        bench.servers.ours("async", "exclusive", 1, core)?,
        bench.servers.rival("epoll", 1, core)?,
    ];
    servers.extend(bench.servers.nginx(1, core)?);
    let turns = Turns::take(bench.rounds, &servers, |server| {
        let clients = (1, bench.cores.clients());
        bench.load.rate(server, Connections::Kept, CLIENTS, SLICE, clients)
    })?;
    let (ours, bare, nginx) = (0, 1, 2);
    let what = format!("{CLIENTS} kept connections, 1 async worker, {}", bench.cores.say());
    let row = Row::at_least(what, Unit::PerSecond, turns.rates(ours, bare), TARGET);
    findings.rows.push(row.with_ratio(turns.ratio(ours, bare)));
    findings.rows.push(turns.cost(ours, bare));
    if servers.len() > nginx {
        findings.rows.push(turns.alone(nginx, nginx::SAY));
    }
    Ok(())
}
