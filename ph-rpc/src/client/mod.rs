//! Clients: [`Connection`] for one thread on any stream, [`Client`] for many threads on one connection, and with
//! the feature `async` `AsyncClient` for tokio's tasks.
//!
//! | | waits on | shared by | results |
//! | --- | --- | --- | --- |
//! | [`Connection`] | the stream | nobody | values |
//! | [`Client`] | the thread | threads | typed |
//! | `AsyncClient` | the task | tasks | typed |

#[cfg(feature = "async")]
mod asynchronous;
mod blocking;
mod connection;
mod desk;
mod error;
mod options;
mod stream;
#[cfg(feature = "async")]
mod task;

#[cfg(feature = "async")]
pub use asynchronous::AsyncClient;
pub use blocking::{Call, Client};
pub use connection::{ClientError, Connection, Incoming};
pub use error::CallError;
pub use options::{Notice, Options};
