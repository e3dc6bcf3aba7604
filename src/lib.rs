#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

mod app;
mod check;
mod elector;
mod program;
mod start;
mod support;
mod workers;

pub use app::App;
pub use ph_core::master::Hooks;
pub use ph_worker::{
    AsyncConnectionWorker, AsyncJobWorker, AsyncStream, CallContext, ConnectionWorker, Context,
    Error, JobWorker, Next, Request, Socket, Stream,
};

/// The command line, for embedding it.
pub use ph_cli as cli;
/// Configuration: documents, layers, settings.
pub use ph_config as config;
/// The master: arbiter, loop, system layer.
pub use ph_core as core;
/// Leader election.
pub use ph_leader as leader;
/// msgpack-RPC.
pub use ph_rpc as rpc;
/// Signals.
pub use ph_signal as signal;
/// What runs in a worker.
pub use ph_worker as worker;
/// The runtime of coroutine workers: `processhandler::tokio::time::sleep(…)`, in the version that runs them.
pub use tokio;
/// What the log understands: `processhandler::tracing::info!(…)`, without a dependency of your own.
pub use tracing;
