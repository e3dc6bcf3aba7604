//! Random histories: candidates and a store between which everything is lost, late, doubled or out of order, with pauses, masters that
//! do not answer, clocks that go wrong or a store that ends leases too early; and the invariants that must hold in it.
//!
//! No process is made and no clock is read, so that a million steps take seconds. A failure prints its seed; the same
//! seed gives the same history.

mod dice;
mod server;
mod world;

use world::{TTL, World};

/// Steps of the default run, over all seeds.
const STEPS: u64 = 1_200_000;

fn history(seed: u64) -> World {
    let mut world = World::new(seed);
    world.pass(60 * TTL);
    world.heal();
    // A lease that nobody remembers runs out, and its term is waited for; a resigned one waits for as long as one, late requests
    // take three.
    world.pass(10 * TTL);
    let leader = world.leader().expect("somebody leads when all is well");
    world.pass(5 * TTL);
    assert_eq!(world.leader(), Some(leader), "there is no reason to change");
    world.stop_all();
    world.pass(TTL);
    assert!(world.all_over(), "who was told to stop has stopped");
    world
}

#[test]
fn histories_hold_the_invariants() {
    let (mut steps, mut seeds, mut terms, mut lapses, mut early) = (0, 0, 0, 0, 0);
    while steps < STEPS {
        let result = std::panic::catch_unwind(|| history(seeds));
        let world = result.unwrap_or_else(|panic| {
            eprintln!("the history of seed {seeds} failed");
            std::panic::resume_unwind(panic)
        });
        seeds += 1;
        steps += world.steps;
        terms += world.terms;
        lapses += world.lapses;
        early += world.early;
    }
    // What never happens proves nothing.
    assert!(terms > seeds * 4, "only {terms} terms in {seeds} histories");
    assert!(lapses > seeds, "only {lapses} leases lapsed in {seeds} histories");
    assert!(early > seeds, "only {early} leases were ended too early in {seeds} histories");
}
