//! Connections that stay: 64 clients with a request of 64 bytes under way on each, one worker.

use std::time::Duration;

use super::load::{Connections, Rate};
use super::server::Server;
use super::{Bench, Findings, nginx};
use crate::bench::table::{Figures, Row, Unit, median};
use crate::error::Result;

const CLIENTS: usize = 64;
const TARGET: f64 = 0.9;
const SLICE: Duration = Duration::from_millis(500);

/// In a round each has so many turns: others may need the machine for a moment, too.
pub(super) const TURNS: usize = 3;

/// The worker on one core, the clients on another: these look at their connections in turn, without
/// waiting, so that the worker is never waited for and always has something to do.
pub(super) fn measure(bench: &Bench, findings: &mut Findings) -> Result {
    let core = bench.cores.server();
    let mut servers = vec![
        bench.servers.ours("async", "exclusive", 1, core)?,
        bench.servers.rival("epoll", 1, core)?,
    ];
    servers.extend(bench.servers.nginx(1, core)?);
    let rates = turns(bench.rounds * TURNS, &servers, |server| {
        let clients = (1, bench.cores.clients());
        bench.load.rate(server, Connections::Kept, CLIENTS, SLICE, clients)
    })?;
    let [ours, bare, others @ ..] = &rates[..] else { unreachable!("there are two at least") };
    let apart = bench.cores.say();
    findings.rows.push(Row::at_least(
        format!("{CLIENTS} kept connections, 1 async worker, {apart}"),
        Unit::PerSecond,
        Figures { ours: Some(ours.per_second), bare: bare.per_second },
        TARGET,
    ));
    findings.rows.push(cpu(*ours, *bare));
    findings.rows.extend(others.first().map(rival_row));
    Ok(())
}

/// What a request costs the workers.
pub(super) fn cpu(ours: Rate, bare: Rate) -> Row {
    let figures = Figures { ours: Some(ours.cpu), bare: bare.cpu };
    Row::plain("  processor time of a request".to_owned(), Unit::Seconds, figures)
}

pub(super) fn rival_row(nginx: &Rate) -> Row {
    Row::note(nginx::SAY, Unit::PerSecond, None, nginx.per_second)
}

/// The medians of some turns, taken one server after the other, each time in the other direction.
pub(super) fn turns(
    count: usize,
    servers: &[Server],
    mut measure: impl FnMut(&Server) -> Result<Rate>,
) -> Result<Vec<Rate>> {
    let mut all = vec![Vec::new(); servers.len()];
    for turn in 0..count {
        for place in 0..servers.len() {
            let at = if turn % 2 == 0 { place } else { servers.len() - 1 - place };
            all[at].push(measure(&servers[at])?);
        }
    }
    let middle =
        |rates: &Vec<Rate>, of: fn(&Rate) -> f64| median(&rates.iter().map(of).collect::<Vec<_>>());
    Ok(all
        .iter()
        .map(|rates| Rate {
            per_second: middle(rates, |rate| rate.per_second),
            cpu: middle(rates, |rate| rate.cpu),
        })
        .collect())
}
