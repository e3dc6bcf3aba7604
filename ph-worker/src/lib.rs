//! What runs inside a worker: a lifecycle around the application's code.
//!
//! # Theory of operation
//!
//! The master forks; the child sheds what it inherited and calls one of the `run_…` functions with its [`Seat`] and the
//! application's constructor. From there on one function, top to bottom, is a worker's life: construct, `setup`,
//! `init_process`, say *ready*, then requests until it is asked to stop or has done its share, then `stop`.
//!
//! *Who works.* A `sync` worker is one thread that accepts and works in turn. A `thread` and an `async` worker have a
//! *front*, the first thread, which accepts and takes signals, and a *crew* behind it: a pool of threads, or one thread
//! with a tokio runtime. Between them is a *desk* that counts what is in hand; when the crew is full, the front stops
//! accepting. An `rpc` worker is an `async` one whose connections speak msgpack-RPC. The listeners are in an epoll set of the front's own in every case.
//!
//! *What counts.* A *hold* is a connection or job in hand, counted in the worker's claim in shared memory, which
//! the master can close to an idle worker and to no other. A *visit* is where a connection stands: waiting for its first
//! byte, a request, or idle between two. A request is entered in the *ledger*, which shows the master how many are
//! under way and how old the oldest is. None of this is a system call.
//!
//! *How it ends.* A worker is asked to stop by `TERM` or `QUIT`. Until it is ready those end it at once, by their default; from
//! then on they are noted. It leaves the listeners; visits that are idle end, the others go on. If the master itself stops, there is
//! no successor: then what waits in the queues is accepted first. `INT` ends a worker at once, always.
//!
//! A panic ends the worker, and nothing else: it is caught, logged with its place, and told to the master when
//! the worker was still booting; what others of the crew have in hand is finished. Abort, stack overflow and faults end the
//! process; the master sees how.

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
mod next;
pub mod panics;
mod pool;
mod post;
mod queue;
mod rest;
mod share;
pub mod shim;
mod stop;
mod stream;
mod sync;
mod visit;

pub use connection::ConnectionWorker;
pub use context::{Context, SettingError};
#[cfg(feature = "async")]
pub use coroutine::{AsyncConnectionWorker, AsyncJobWorker, AsyncStream, run_async, run_job_async};
#[cfg(feature = "rpc")]
pub use coroutine::{CallContext, run_rpc};
pub use job::{JobWorker, run_job};
pub use next::Next;
pub use ph_core::master::Seat;
pub use pool::{run_job_threads, run_threads};
pub use stream::{Socket, Stream};
pub use sync::run_sync;
pub use visit::Request;

/// What application code may fail with: anything that `?` takes.
pub type Error = Box<dyn std::error::Error + Send + Sync>;
