//! The fuzzer's target on stable: its seeds, and what becomes of them by chance.

use ph_core::master::fuzz;

#[test]
fn control() {
    ph_rpc::fuzz::by_chance(fuzz::control, &fuzz::seeds(), 0xc011);
}

#[test]
fn the_seeds_in_the_tree_are_these() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/seeds");
    ph_rpc::fuzz::check_seeds(&folder, &fuzz::seeds());
}
