//! The atomics that the claim is made of: the standard library's here, loom's in `tests/loom.rs`.

pub(super) use std::sync::atomic::{AtomicU64, Ordering};
