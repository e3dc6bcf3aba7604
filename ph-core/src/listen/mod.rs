//! Listening sockets: opened by the master, inherited by its workers.
//!
//! Settings say where to listen; a [`Plan`] is that with names resolved. [`Plan::open`] gives a generation its
//! listeners, all of them or none: those that are at hand already, whichever generation opened them or whoever handed
//! them over, and new ones for the rest. A listener lives as long as somebody holds it, so one that no generation has
//! any more is closed by that.

mod address;
mod bundle;
mod diagnosis;
mod error;
mod inherited;
mod listener;
mod plan;
mod socket_file;
mod tcp;

pub use address::Address;
pub(crate) use bundle::{Bundle, CarriedBundle, Fate};
pub use error::ListenError;
pub use listener::Listener;
pub use plan::Plan;
pub(crate) use socket_file::{SocketFile, SocketFileError};
