//! The fuzzer's targets on stable: its seeds, and what becomes of them by chance. The chances are the same each time.

use std::time::{Duration, Instant};

use ph_rpc::fuzz;

/// Inputs that are tried, unless time is over before.
const ROUNDS: u32 = 300_000;
const LONG_ENOUGH: Duration = Duration::from_secs(20);

/// Marsaglia's xorshift.
struct Chance(u64);

impl Chance {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, end: usize) -> usize {
        (self.next() % end.max(1) as u64) as usize
    }

    /// Bytes that begin something in msgpack, or any.
    fn byte(&mut self) -> u8 {
        const MARKERS: &[u8] =
            b"\x00\x01\x02\x7f\x80\x81\x90\x91\x93\x94\xa0\xa1\xc0\xc1\xc4\xc6\xc7\xc9\xca\xcb\xcf\xd3\xd4\xd9\xdb\xdc\xdd\xdf\xff";
        match self.below(2) {
            0 => MARKERS[self.below(MARKERS.len())],
            _ => self.next() as u8,
        }
    }

    fn mutate(&mut self, input: &mut Vec<u8>, others: &[(&str, Vec<u8>)]) {
        for _ in 0..=self.below(4) {
            let at = self.below(input.len());
            match self.below(6) {
                0 => input.truncate(at),
                1 => input.insert(at, self.byte()),
                2 if at < input.len() => drop(input.remove(at)),
                3 if at < input.len() => input[at] = self.byte(),
                4 if at < input.len() => input[at] ^= 1 << self.below(8),
                _ => {
                    let other = &others[self.below(others.len())].1;
                    let from = self.below(other.len());
                    input.splice(at..at, other[from..].iter().copied());
                }
            }
        }
    }
}

fn fuzz(target: fn(&[u8]), seed: u64) {
    let seeds = fuzz::seeds();
    for (_, input) in &seeds {
        target(input);
    }
    let mut chance = Chance(seed);
    let began = Instant::now();
    for round in 0..ROUNDS {
        let mut input = seeds[chance.below(seeds.len())].1.clone();
        chance.mutate(&mut input, &seeds);
        if let Err(panicked) = std::panic::catch_unwind(|| target(&input)) {
            eprintln!("round {round}: {}", input.escape_ascii());
            std::panic::resume_unwind(panicked);
        }
        if began.elapsed() > LONG_ENOUGH {
            break;
        }
    }
}

#[test]
fn codec() {
    fuzz(fuzz::codec, 0x5eed);
}

#[test]
fn dispatch() {
    fuzz(fuzz::dispatch, 0xd15);
}

#[test]
fn the_seeds_in_the_tree_are_these() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/seeds");
    for (name, bytes) in fuzz::seeds() {
        let stored = std::fs::read(folder.join(name)).unwrap_or_default();
        assert!(stored == bytes, "fuzz/seeds/{name} should be {}", bytes.escape_ascii());
    }
}
