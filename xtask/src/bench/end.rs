//! What ends a server when it is dropped.

use super::application::Daemon;
use super::group::Group;

/// A master with its workers, of whichever side.
#[derive(Debug)]
#[expect(dead_code, reason = "kept to be dropped")]
pub(super) enum End {
    Daemon(Daemon),
    Group(Group),
}
