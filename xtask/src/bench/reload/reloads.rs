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

/// After each, and after the time without one.
const PACE: Duration = Duration::from_millis(500);

/// The stretches that the clients are told of, from one reload to the next: it, a pause, as much time as it took in which
/// nothing happens, a pause. So what else goes on on the machine goes on in both, and as likely.
pub(super) const STRETCHES: usize = 4;

/// Returns how long each of them took.
pub(super) fn some(server: &mut Server, clients: &mut Clients) -> Result<Vec<Duration>> {
    let pause = || wait::pass(Instant::now() + PACE);
    let mut took = Vec::new();
    pause()?;
    for _ in 0..COUNT / TURNS {
        let length = server.reload(|| clients.mark())?;
        took.push(length);
        pause()?;
        clients.mark()?;
        wait::pass(Instant::now() + length)?;
        clients.mark()?;
        pause()?;
    }
    Ok(took)
}
