//! 64 connections, each with one call under way, or with many.

use std::time::Duration;

use super::Bench;
use crate::bench::table::{Row, Unit};
use crate::bench::turns::Turns;
use crate::error::Result;

const CLIENTS: usize = 64;
const SLICE: Duration = Duration::from_millis(400);

/// What is to be reached.
struct Targets {
    /// Of the rate in C, at least.
    bare: f64,
    /// Of redis's rate, at least, if that is a target.
    redis: Option<f64>,
    /// Of the longest wait of 99 in a hundred in C, at most.
    wait: Option<f64>,
}

/// The next call when the former is answered: what it costs to be woken, to read and to write.
pub(super) fn one_by_one(bench: &Bench) -> Result<Vec<Row>> {
    measure(bench, 1, &Targets { bare: 0.92, redis: None, wait: Some(1.2) })
}

/// 32 at a time: what a call itself costs.
pub(super) fn many_at_once(bench: &Bench) -> Result<Vec<Row>> {
    measure(bench, 32, &Targets { bare: 0.6, redis: Some(1.0), wait: None })
}

/// The server on one core, the clients on another.
fn measure(bench: &Bench, depth: usize, targets: &Targets) -> Result<Vec<Row>> {
    let core = bench.cores.server();
    let mut servers = vec![bench.servers.ours(core)?, bench.servers.bare(core)?];
    let (ours, bare) = (0, 1);
    let redis = bench.servers.redis(core)?;
    let rival = bench.servers.rival(core)?;
    let redis = redis.map(|redis| place(&mut servers, redis));
    let rival = rival.map(|rival| place(&mut servers, rival));
    let turns = Turns::take(bench.rounds, &servers, |server| {
        bench.load.rate(server, CLIENTS, depth, SLICE, bench.cores.clients())
    })?;

    let what = format!("calls, {CLIENTS} connections, depth {depth}, {}", bench.cores.say());
    let row = Row::at_least(what, Unit::PerSecond, turns.rates(ours, bare), targets.bare);
    let mut rows = vec![row.with_ratio(turns.ratio(ours, bare)), turns.cost(ours, bare)];
    // Where that is little, the clients are what was measured.
    rows.push(Row::plain(
        "  the server's core in use".to_owned(),
        Unit::Share,
        turns.figures(ours, bare, |rate| rate.per_second * rate.cpu),
    ));
    rows.push(Row::plain(
        "  half of all wait no longer than".to_owned(),
        Unit::Seconds,
        turns.figures(ours, bare, |rate| rate.p50),
    ));
    let what = "  99 of 100 wait no longer than".to_owned();
    let figures = turns.figures(ours, bare, |rate| rate.p99);
    let row = match targets.wait {
        Some(most) => Row::ratio(what, Unit::Seconds, figures, most),
        None => Row::plain(what, Unit::Seconds, figures),
    };
    rows.push(row.with_ratio(turns.ratio_of(ours, bare, |rate| rate.p99)));
    if let Some(redis) = redis {
        let (what, figures) = ("  beside redis, PING".to_owned(), turns.rates(ours, redis));
        let row = match targets.redis {
            Some(least) => Row::at_least(what, Unit::PerSecond, figures, least),
            None => Row::plain(what, Unit::PerSecond, figures),
        };
        rows.push(row.beside("redis").with_ratio(turns.ratio(ours, redis)));
    }
    if let Some(rival) = rival {
        let what = "  beside the crate msgpack-rpc".to_owned();
        let row = Row::plain(what, Unit::PerSecond, turns.rates(ours, rival));
        rows.push(row.with_ratio(turns.ratio(ours, rival)));
    }
    Ok(rows)
}

/// Where it has come to stand.
fn place<T>(all: &mut Vec<T>, one: T) -> usize {
    all.push(one);
    all.len() - 1
}
