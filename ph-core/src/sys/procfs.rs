//! Whose `/proc` this is.

use std::path::Path;
use std::sync::OnceLock;

/// Whether `/proc` is that of this process's own pid namespace.
///
/// After `unshare --pid --fork` without `--mount-proc` it is that of the former one: `self` is right there, but a number
/// that this process knows another by is somebody else's.
pub fn is_own() -> bool {
    static OWN: OnceLock<bool> = OnceLock::new();
    *OWN.get_or_init(|| {
        let link = std::fs::read_link("/proc/self");
        link.is_ok_and(|link| link == Path::new(&std::process::id().to_string()))
    })
}
