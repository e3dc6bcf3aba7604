//! Random histories: a world that does anything a world may do, and the invariants that must hold in it.
//!
//! No process is made and no clock is read, so that a million steps take seconds. A failure prints its seed;
//! the same seed gives the same history.

mod chance;
mod dice;
mod election;
mod load;
mod passage;
mod world;

use ph_core::arbiter::{Event, Outcome};

use world::{Life, World};

/// Steps of the default run, over all seeds.
const STEPS: u64 = 1_200_000;
const STEPS_PER_HISTORY: u64 = 400;

/// What one history had.
struct Tally {
    steps: u64,
    /// Whether it got beyond its start.
    outlived: bool,
    given_up: u64,
    /// How often another program went on, and how often the former one again.
    passages: (u64, u64),
    /// How often a lease was won, and ended.
    terms: (u64, u64),
}

fn history(seed: u64) -> Tally {
    let mut world = World::new(seed);
    world.step(Event::Start);
    if !world.dice.one_in(4) {
        world.win();
    }
    // Most starts go well, or there would be little to see beyond them.
    while !world.dice.one_in(16)
        && let Some(worker) = world.any(Life::Booting)
    {
        world.live.insert(worker, Life::Ready);
        world.step(Event::Ready { worker });
    }
    for _ in 0..STEPS_PER_HISTORY {
        if world.exit.is_some() {
            break;
        }
        world.random_event();
    }
    let outlived = !matches!(world.exit, Some(Outcome::BootFailed(_)));
    world.end();
    Tally {
        steps: world.steps,
        outlived,
        given_up: world.load.given_up,
        passages: world.passages,
        terms: world.election.terms,
    }
}

#[test]
fn histories_hold_the_invariants() {
    let (mut steps, mut seeds, mut outlived, mut given_up) = (0, 0, 0, 0);
    let (mut passages, mut terms) = ((0, 0), (0, 0));
    while steps < STEPS {
        let result = std::panic::catch_unwind(|| history(seeds));
        let tally = result.unwrap_or_else(|panic| {
            eprintln!("the history of seed {seeds} failed");
            std::panic::resume_unwind(panic)
        });
        steps += tally.steps;
        seeds += 1;
        outlived += u64::from(tally.outlived);
        given_up += tally.given_up;
        terms = (terms.0 + tally.terms.0, terms.1 + tally.terms.1);
        passages = (passages.0 + tally.passages.0, passages.1 + tally.passages.1);
    }
    assert!(outlived > seeds * 3 / 5, "only {outlived} of {seeds} got beyond their start");
    assert!(given_up > seeds / 20, "only {given_up} workers given up in {seeds}");
    let (won, ended) = terms;
    assert!(won > seeds && ended > seeds / 2, "{won} leases won, {ended} ended in {seeds}");
    let (forth, back) = passages;
    assert!(forth > seeds / 20 && back > seeds / 60, "{forth} programs, {back} of them undone");
}
