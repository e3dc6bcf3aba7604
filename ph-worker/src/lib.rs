//! What runs inside a worker: a lifecycle around the application's code.
//!
//! # Theory of operation
//!
//! The master forks; the child sheds what it inherited and calls [`run_job`] (or one of its siblings, as more kinds of
//! worker come) with its [`Seat`] and the application's constructor. From there on one function, top to bottom, is a
//! worker's life: construct, `setup`, `init_process`, say *ready*, then requests until it is asked to stop or
//! has done its share, then `stop`.
//!
//! A worker is asked to stop by `TERM` or `QUIT`. Until it is ready those end it at once, by their default; from
//! then on they are noted, and seen between two requests and inside [`Context::sleep`]. `INT` ends it at once,
//! always.
//!
//! A panic ends the worker, and nothing else: it is caught, logged with its place, and told to the master when
//! the worker was still booting. Abort, stack overflow and faults end the process; the master sees how.

#![forbid(unsafe_code)]

mod acceptor;
mod connection;
mod context;
#[cfg(feature = "async")]
mod coroutine;
mod desk;
mod front;
mod gate;
mod hold;
mod job;
mod ledger;
mod lifecycle;
pub mod panics;
mod pool;
mod post;
mod queue;
mod share;
mod stop;
mod stream;
mod sync;
mod visit;

pub use connection::ConnectionWorker;
pub use context::{Context, SettingError};
#[cfg(feature = "async")]
pub use coroutine::{AsyncConnectionWorker, AsyncJobWorker, AsyncStream, run_async, run_job_async};
pub use job::{JobWorker, run_job};
pub use ph_core::master::Seat;
pub use pool::{run_job_threads, run_threads};
pub use stream::{Socket, Stream};
pub use sync::run_sync;
pub use visit::Request;

/// What application code may fail with: anything that `?` takes.
pub type Error = Box<dyn std::error::Error + Send + Sync>;
