//! ph
fn main() {}
