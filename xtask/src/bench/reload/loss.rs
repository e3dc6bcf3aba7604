//! Requests that a reload costs, and the longest wait for an answer while it goes on.

use std::time::Duration;

use super::claim::{Claim, Figures};
use super::load::Manner;
use super::server::Server;
use super::tally::Tally;
use super::{Bench, middle, reloads};
use crate::bench::table::Unit;
use crate::error::Result;

/// One for each processor but one, which the clients take: with more, the longest wait is that for a processor, with and
/// without a reload, and is the shorter the more unevenly a server shares out its connections.
fn workers() -> usize {
    std::thread::available_parallelism().map_or(1, |count| count.get() - 1).max(1)
}

/// Room for every connection that stays, under `worker_class = thread`.
const SETTINGS: &str = "threads = 16\n";

pub(super) const FOOTNOTE: &str = "\
Lost is a request that was refused, reset, closed before its whole answer, answered late (5 s), or answered by
anything but its own path. Clients heed `Connection: close` and open another connection, which loses
nothing but the requests sent behind that answer. What was sent on a connection that ends without a word is lost: these
clients do not send it again, as nobody may who does not know whether it was done. A wait is the time between two
answers to a client. Of each reload the longest within 150 ms from HUP counts, which hold all of it, and of those the
median; so for the reload alone, from HUP until the last of the old workers has gone, and for 150 ms without one.";

pub(super) fn with_new_connections(bench: &Bench) -> Result<Vec<Claim>> {
    measure(bench, Manner::New, "8 clients, a connection each")
}

pub(super) fn with_kept_connections(bench: &Bench) -> Result<Vec<Claim>> {
    measure(bench, Manner::Kept { at_a_time: 1 }, "16 connections that stay")
}

pub(super) fn with_requests_in_a_row(bench: &Bench) -> Result<Vec<Claim>> {
    measure(bench, Manner::Kept { at_a_time: 4 }, "16 connections, 4 requests under way on each")
}

fn measure(bench: &Bench, manner: Manner, what: &str) -> Result<Vec<Claim>> {
    let mut servers: Vec<Option<Server>> = Vec::new();
    for class in manner.classes() {
        servers.push(Some(bench.servers.ours(class, workers(), SETTINGS)?));
    }
    servers.push(bench.servers.nginx(workers())?);
    servers.push(bench.servers.gunicorn(workers())?);
    // `None` where there is no such server.
    let mut tallies: Vec<Option<Tally>> = vec![None; servers.len()];
    for turn in 0..bench.rounds * reloads::TURNS {
        for place in 0..servers.len() {
            // Each time in the other direction.
            let at = if turn % 2 == 0 { place } else { servers.len() - 1 - place };
            let Some(server) = &mut servers[at] else { continue };
            let tally = bench.load.during(server, manner, reloads::some)?;
            *tallies[at].get_or_insert_default() += tally;
        }
    }
    let names = manner.classes().iter().chain(&["nginx", "gunicorn"]);
    for (name, tally) in names.zip(&tallies) {
        let lost = tally.as_ref().map(|tally| tally.lost.say()).unwrap_or_default();
        if !lost.is_empty() {
            eprintln!("  lost by {name}: {lost}");
        }
    }
    let count = bench.rounds * reloads::COUNT;
    Ok(claims(&tallies, manner, &format!("{what}: lost in {count} reloads")))
}

fn claims(tallies: &[Option<Tally>], manner: Manner, what: &str) -> Vec<Claim> {
    let [ours @ .., nginx, gunicorn] = tallies else { return Vec::new() };
    let of = |tally: &Option<Tally>, figure: Figure| tally.as_ref().map_or(f64::NAN, figure);
    let mut claims = Vec::new();
    for (at, (class, ours)) in manner.classes().iter().zip(ours).enumerate() {
        // Theirs stand beside the first of ours.
        let figures = |figure: Figure| match at {
            0 => Figures {
                ours: of(ours, figure),
                nginx: of(nginx, figure),
                gunicorn: of(gunicorn, figure),
            },
            _ => Figures::alone(of(ours, figure)),
        };
        let plain = |what: &str, unit, figure| Claim::plain(what, unit, figures(figure));
        let name = if at == 0 { what } else { "  lost" };
        claims.push(Claim::at_most(format!("{name}, {class}"), Unit::Count, 0.0, figures(lost)));
        if at == 0 {
            claims.push(plain("  of answers", Unit::Count, answers));
            claims.push(plain("  asked to reconnect", Unit::Count, polite));
        }
        let wait = format!("  longest wait in a reload, {class}");
        let wait = if at == 0 && manner.is_patient() {
            Claim::at_most_nginx(wait, Unit::Seconds, figures(longest_about))
        } else {
            Claim::plain(wait, Unit::Seconds, figures(longest_about))
        };
        claims.push(wait);
        claims.push(plain("    until the old have gone", Unit::Seconds, longest));
        claims.push(plain("    in as long without one", Unit::Seconds, longest_anyway));
        claims.push(plain("    in the worst reload", Unit::Seconds, worst));
        claims.push(plain("    in the worst time without", Unit::Seconds, worst_anyway));
        claims.push(plain("    a reload takes", Unit::Seconds, length));
    }
    claims
}

/// What is told of a server.
type Figure = fn(&Tally) -> f64;

fn lost(tally: &Tally) -> f64 {
    tally.lost.sum() as f64
}

fn answers(tally: &Tally) -> f64 {
    tally.answers as f64
}

fn polite(tally: &Tally) -> f64 {
    tally.polite as f64
}

fn longest(tally: &Tally) -> f64 {
    middle(&tally.reloaded, Duration::as_secs_f64)
}

fn longest_anyway(tally: &Tally) -> f64 {
    middle(&tally.undisturbed, Duration::as_secs_f64)
}

fn longest_about(tally: &Tally) -> f64 {
    middle(&tally.about, Duration::as_secs_f64)
}

fn length(tally: &Tally) -> f64 {
    middle(&tally.took, Duration::as_secs_f64)
}

fn worst(tally: &Tally) -> f64 {
    tally.reloaded.iter().max().map_or(f64::NAN, Duration::as_secs_f64)
}

fn worst_anyway(tally: &Tally) -> f64 {
    tally.undisturbed.iter().max().map_or(f64::NAN, Duration::as_secs_f64)
}
