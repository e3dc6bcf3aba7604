//! Reloads, one after the other, while somebody is being served.

use std::time::{Duration, Instant};

use super::server::Server;
use crate::bench::clients::Clients;
use crate::error::Result;
use crate::wait;

/// In a round.
pub(super) const COUNT: usize = 10;

/// The turns of a round, each with its part of the reloads.
pub(super) const TURNS: usize = 5;

/// From one to the next, unless the former takes longer.
const PACE: Duration = Duration::from_millis(500);

/// For each of them first a stretch in which nothing happens, and then one that it begins; complete
/// before the next. So what else goes on on the machine goes on in both.
pub(super) fn some(server: &mut Server, clients: &mut Clients) -> Result {
    let mut due = Instant::now();
    let mut next = || {
        due = Instant::now().max(due + PACE);
        wait::pass(due)
    };
    for _ in 0..COUNT / TURNS {
        next()?;
        clients.mark()?;
        next()?;
        clients.mark()?;
        server.reload()?;
    }
    next()
}
