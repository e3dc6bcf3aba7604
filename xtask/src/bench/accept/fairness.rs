//! Connections that come and go: how evenly they are spread over the workers.

use super::{Bench, Findings};
use crate::bench::columns;
use crate::bench::server::Server;
use crate::bench::table::median;
use crate::error::Result;

const CLIENTS: [usize; 3] = [1, 8, 256];
const MOST: f64 = 1.3;

/// So many for each worker: by chance alone, the busiest of eight would have 1.1 times as many as
/// the idlest.
const CONNECTIONS: usize = 1000;

/// One server's busiest worker over its idlest, for each number of clients.
#[derive(Debug)]
pub(super) struct Spread {
    who: String,
    spreads: [f64; CLIENTS.len()],
    /// A rival has no target.
    is_ours: bool,
}

/// Each connection asks who answers.
pub(super) fn measure(bench: &Bench, findings: &mut Findings) -> Result {
    let spreads = &mut findings.spreads;
    for (accept, class, workers) in ours() {
        let server = bench.servers.ours(class, accept, workers, None)?;
        let who = format!("{workers} {class}, accept = {accept}");
        spreads.push(spread(bench, &server, workers, who, true)?);
    }
    for workers in [2, 4, 8] {
        let server = bench.servers.rival("rearm", workers, None)?;
        let who = format!("{workers} in C, EPOLLEXCLUSIVE and DEL, ADD");
        spreads.push(spread(bench, &server, workers, who, false)?);
    }
    Ok(())
}

/// All kinds of workers with four, one kind with fewer and with more.
fn ours() -> impl Iterator<Item = (&'static str, &'static str, usize)> {
    let kinds = [("sync", 2), ("sync", 4), ("thread", 4), ("async", 4), ("sync", 8)];
    let all = ["exclusive", "lock"].map(|accept| kinds.map(|(class, of)| (accept, class, of)));
    all.into_iter().flatten()
}

fn spread(
    bench: &Bench,
    server: &Server,
    workers: usize,
    who: String,
    is_ours: bool,
) -> Result<Spread> {
    let mut spreads = [f64::NAN; CLIENTS.len()];
    for (spread, clients) in spreads.iter_mut().zip(CLIENTS) {
        let each: Vec<f64> = (0..bench.rounds)
            .map(|_| Ok(bench.load.pids(server, clients, workers * CONNECTIONS)?.spread()))
            .collect::<Result<_>>()?;
        *spread = median(&each);
    }
    Ok(Spread { who, spreads, is_ours })
}

impl Spread {
    pub(super) fn is_missed(&self) -> bool {
        self.is_ours && self.spreads.iter().any(|spread| *spread > MOST)
    }

    fn cells(&self) -> [String; CLIENTS.len() + 2] {
        let verdict = match (self.is_ours, self.is_missed()) {
            (false, _) => "",
            (true, true) => "MISSED",
            (true, false) => "ok",
        };
        let [a, b, c] = self.spreads.map(|spread| format!("{spread:.2}"));
        [self.who.clone(), a, b, c, verdict.to_owned()]
    }
}

/// The table of all.
pub(super) fn layout(spreads: &[Spread]) -> String {
    let [a, b, c] = CLIENTS.map(|clients| clients.to_string());
    let head = ["workers".to_owned(), a, b, c, format!("<= {MOST}")];
    let lines: Vec<_> = std::iter::once(head).chain(spreads.iter().map(Spread::cells)).collect();
    let rows = columns::layout(&lines, 1..1 + CLIENTS.len());
    format!("connections of the busiest worker over the idlest's, by clients at a time\n{rows}")
}

#[cfg(test)]
mod tests {
    use super::{Spread, layout};

    #[test]
    fn the_worst_counts_and_only_ours() {
        let spread =
            |worst, is_ours| Spread { who: "a".into(), spreads: [1.0, 1.0, worst], is_ours };
        assert!(!spread(1.3, true).is_missed());
        assert!(spread(1.31, true).is_missed());
        assert!(spread(f64::INFINITY, true).is_missed());
        assert!(!spread(2.0, false).is_missed());
        assert!(layout(&[spread(1.31, true)]).contains("1.31  MISSED"));
    }
}
