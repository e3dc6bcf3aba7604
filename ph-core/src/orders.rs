//! What a worker that is a program of its own starts from: handed by the master to the *shim*, which is this very program
//! in the worker's process, until it executes the other.
//!
//! They travel in one variable of the environment, since a command line can be read by everybody.

use std::ffi::OsString;
use std::os::fd::RawFd;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::sys::privileges::Privileges;

/// The hidden first argument by which a program is the shim.
pub const SHIM: &str = "--shim";
/// The variable that its orders are in.
pub const ORDERS: &str = "PH_ORDERS";
/// The first descriptor of a service manager's: those before it are the standard three (sd_listen_fds(3)).
pub const FIRST_SOCKET: RawFd = 3;

/// All that there is to do before the program is executed.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Orders {
    /// The master's pid: without it, there is nobody to work for.
    pub master: i32,
    /// The number that the worker's reports begin with.
    pub serial: u64,
    /// The descriptor that they go to.
    pub say: RawFd,
    /// The descriptor of the shared memory, which the program inherits.
    pub slots: RawFd,
    /// What each listening socket is called, from descriptor 3 on.
    pub sockets: Vec<String>,
    /// The CPUs to be bound to; none for all.
    pub cpus: Vec<usize>,
    /// The soft limit on descriptors that the master had, if it has raised it.
    pub descriptors: Option<u64>,
    /// What to become.
    pub privileges: Privileges,
    /// Where to start.
    pub directory: PathBuf,
    /// The program and its arguments.
    pub command: Vec<String>,
    /// Variables that are set.
    pub set: Vec<(OsString, OsString)>,
    /// Variables that are taken away: they were the master's own.
    pub unset: Vec<String>,
}
