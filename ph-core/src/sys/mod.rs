//! The kernel's side of things: the one room of this crate with `unsafe` in it.
//!
//! Each file is one noun of `man 2`: a fork, a pidfd, a title, a mapping. They decide nothing, log nothing, and
//! offer safe functions whose preconditions they check themselves (see [`fork::fork`], which refuses to run in a
//! process with a second thread).

pub mod accept_lock;
pub mod account;
pub mod activation;
pub mod cgroup;
pub mod cpu;
pub mod credentials;
pub mod daemon;
pub mod environment;
pub mod fds;
pub mod fork;
pub mod guard;
pub mod lock;
pub mod memory;
pub mod oom;
pub mod orphans;
pub mod pidfd;
pub mod privileges;
pub mod procfs;
pub mod program;
pub mod resolver;
pub mod reuseport;
pub mod shared;
pub mod tcp;
pub mod threads;
pub mod title;

use std::io;
use std::path::PathBuf;

/// A system call that failed, with what it was to achieve.
#[derive(Debug, thiserror::Error)]
pub enum SysError {
    /// A call that concerns no file.
    #[error("cannot {what}: {source}")]
    Call {
        /// What it was to achieve.
        what: &'static str,
        /// The errno.
        source: io::Error,
    },
    /// A call that concerns a file.
    #[error("cannot {what} {}: {source}", path.display())]
    File {
        /// What it was to achieve.
        what: &'static str,
        /// The file.
        path: PathBuf,
        /// The errno.
        source: io::Error,
    },
    /// A fork was tried in a process with several threads, where it can deadlock the child.
    #[error("cannot fork: this process has {0} threads, and a master has one")]
    Threads(u64),
    /// The kernel agreed to something, and then it was not so.
    #[error("cannot {what}: the kernel agreed, and it is not so")]
    NotSo {
        /// What was to be achieved.
        what: &'static str,
    },
    /// The parent has gone.
    #[error("the master has gone meanwhile")]
    Orphaned,
}

impl SysError {
    pub(crate) fn call(what: &'static str) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Call { what, source }
    }

    fn file(what: &'static str, path: &std::path::Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::File { what, path, source }
    }
}

/// The result of a `libc` call that returns -1 for an error.
fn cvt(result: libc::c_int) -> io::Result<libc::c_int> {
    if result == -1 { Err(io::Error::last_os_error()) } else { Ok(result) }
}
