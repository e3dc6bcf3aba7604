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

/// So long, from HUP on, a wait is one in a reload: for every side the same time, since a machine
/// has waits of its own, and in a longer time longer ones. It holds the whole reload of any side
/// that is judged by it (nginx's old workers leave after 103 ms, ours after 4); of one that takes
/// longer, all of it counts.
const WINDOW: Duration = Duration::from_millis(150);

/// After each window.
const PACE: Duration = Duration::from_millis(500);

/// The stretches that the clients are told of, from one reload to the next: it, what is left of its
/// window, a pause, as long a time in which nothing happens, a pause. So what else goes on on the
/// machine goes on in both, and as likely.
pub(super) const STRETCHES: usize = 5;

/// Returns how long each of them took.
pub(super) fn some(server: &mut Server, clients: &mut Clients) -> Result<Vec<Duration>> {
    let pause = || wait::pass(Instant::now() + PACE);
    let mut took = Vec::new();
    pause()?;
    for _ in 0..COUNT / TURNS {
        let mut began = None;
        let length = server.reload(|| {
            began.get_or_insert_with(Instant::now);
            clients.mark()
        })?;
        took.push(length);
        let window = WINDOW.max(length);
        wait::pass(began.unwrap_or_else(Instant::now) + window)?;
        clients.mark()?;
        pause()?;
        clients.mark()?;
        wait::pass(Instant::now() + window)?;
        clients.mark()?;
        pause()?;
    }
    Ok(took)
}
