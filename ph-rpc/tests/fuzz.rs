//! The fuzzer's targets on stable: its seeds, and what becomes of them by chance. The chances are the same each time.

use ph_rpc::fuzz;

#[test]
fn codec() {
    fuzz::by_chance(fuzz::codec, &fuzz::seeds(), 0x5eed);
}

#[test]
fn dispatch() {
    fuzz::by_chance(fuzz::dispatch, &fuzz::seeds(), 0xd15);
}

#[test]
fn the_seeds_in_the_tree_are_these() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/seeds");
    fuzz::check_seeds(&folder, &fuzz::seeds());
}
