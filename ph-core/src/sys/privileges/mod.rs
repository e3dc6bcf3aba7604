//! What a worker may do: who it is, where its root is, how much it may take.
//!
//! [`Privileges::assume`] is called by a process that was just made and does nothing else yet, with one thread. It goes
//! through these steps; each is read back, since a worker that is more than it should be must not run:
//!
//! 1. The resource limits, then the priority: to raise a limit above the hard one, or a priority, takes
//!    `CAP_SYS_RESOURCE` and `CAP_SYS_NICE`, which may go with the user.
//! 2. The umask, which takes nothing.
//! 3. The root: it takes `CAP_SYS_CHROOT`, and its path is meant as the master sees it. The working directory moves in
//!    as well, or it would lead out.
//! 4. The supplementary groups, then the group: both take `CAP_SETGID`. A process that gave up its user first would keep the
//!    master's groups.
//! 5. The bounding set: it takes `CAP_SETPCAP` in the effective set, which the change of user empties.
//! 6. `PR_SET_KEEPCAPS`, where capabilities are kept: without it the change of user empties the permitted set too.
//! 7. The user: real, effective and saved, so that there is no way back.
//! 8. Permitted, effective and inheritable set: what is kept, no more. Then the ambient set, so that a program which
//!    is executed has the same (capabilities(7)); it can hold only what the two before it hold.
//! 9. Whether it may be traced and dumped: the kernel has said no, or `fs.suid_dumpable`, at the change of user. Its
//!    memory is a copy of the master's, with all that this has read, so it stays so, unless core files are asked for.
//! 10. `PR_SET_NO_NEW_PRIVS`: no step before it needs what it forbids, and none after it.
//! 11. The parent-death signal, which a change of user or group clears (prctl(2)), with another look whether the master
//!     is there still: by its pid, since a subreaper may be anybody.

pub mod capabilities;

use std::io;
use std::path::{Path, PathBuf};

use nix::fcntl::{OFlag, open};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::sys::stat::{FileStat, Mode, fstat, stat, umask};
use nix::unistd::{Gid, Pid, Uid};
use rustix::process::{DumpableBehavior, dumpable_behavior, set_dumpable_behavior};
use rustix::process::{getpriority_process, setpriority_process};
use serde::{Deserialize, Serialize};

use super::account::Account;
use super::{SysError, fork};
use capabilities::Capabilities;

/// What a process is to become; what is none stays as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Privileges {
    /// Most open descriptors, soft and hard.
    pub descriptors: Option<u64>,
    /// Largest core file in bytes, soft and hard.
    pub core: Option<u64>,
    /// The priority, -20 to 19.
    pub nice: Option<i32>,
    /// The permissions that its files do not get.
    pub umask: Option<u32>,
    /// The directory that it sees as `/`.
    pub root: Option<PathBuf>,
    /// Who it becomes.
    pub account: Option<Account>,
    /// All that it keeps.
    pub capabilities: Option<Capabilities>,
    /// Whether nothing that it executes may have more than it has.
    pub no_new_privs: bool,
}

impl Privileges {
    /// Makes the calling process so: a child of `parent`, with one thread. Takes no memory but for an account's groups.
    ///
    /// After an error it may be half way, and must end.
    pub fn assume(&self, parent: Pid) -> Result<(), SysError> {
        if let Some(most) = self.descriptors {
            limit(Resource::RLIMIT_NOFILE, most, "set rlimit_nofile")?;
        }
        if let Some(most) = self.core {
            limit(Resource::RLIMIT_CORE, most, "set rlimit_core")?;
        }
        if let Some(nice) = self.nice {
            set_nice(nice)?;
        }
        if let Some(mask) = self.umask {
            set_umask(mask)?;
        }
        if let Some(root) = &self.root {
            enter(root)?;
        }
        if let Some(account) = &self.account {
            join(account)?;
        }
        if let Some(kept) = self.capabilities {
            kept.bound()?;
        }
        if let Some(account) = &self.account {
            let kept = self.capabilities.unwrap_or_default();
            kept.across(|| become_user(account.uid))?;
        }
        if let Some(kept) = self.capabilities {
            kept.hold()?;
        }
        if self.account.is_some() {
            let dumpable = self.core.is_some_and(|most| most > 0);
            set_dumpable(dumpable)?;
        }
        if self.no_new_privs {
            bar_privileges()?;
        }
        if self.account.is_some() && !fork::die_with(parent) {
            return Err(SysError::Orphaned);
        }
        Ok(())
    }
}

/// Whether a call's effect is what was asked for.
fn so(what: &'static str, is_so: bool) -> Result<(), SysError> {
    if is_so { Ok(()) } else { Err(SysError::NotSo { what }) }
}

/// A call's error, with what it was to achieve.
fn failed<E: Into<io::Error>>(what: &'static str) -> impl Fn(E) -> SysError {
    move |error| SysError::call(what)(error.into())
}

fn limit(resource: Resource, most: u64, what: &'static str) -> Result<(), SysError> {
    setrlimit(resource, most, most).map_err(failed(what))?;
    so(what, getrlimit(resource) == Ok((most, most)))
}

fn set_nice(nice: i32) -> Result<(), SysError> {
    let what = "set nice";
    setpriority_process(None, nice).map_err(failed(what))?;
    so(what, getpriority_process(None) == Ok(nice))
}

fn set_umask(mask: u32) -> Result<(), SysError> {
    let mask = Mode::from_bits_truncate(mask);
    umask(mask);
    // It can be asked for only by being set.
    so("set umask", umask(mask) == mask)
}

fn enter(root: &Path) -> Result<(), SysError> {
    let what = "change root to";
    let refused = |errno: nix::Error| SysError::file(what, root)(errno.into());
    let flags = OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
    let folder = open(root, flags, Mode::empty()).map_err(refused)?;
    nix::unistd::fchdir(&folder).map_err(refused)?;
    nix::unistd::chroot(".").map_err(refused)?;
    nix::unistd::chdir("/").map_err(refused)?;
    let identity = |stat: FileStat| (stat.st_dev, stat.st_ino);
    let (asked, is) = (fstat(&folder).map(identity), stat("/").map(identity));
    so("change root", asked.is_ok() && asked == is)
}

/// Takes an account's groups.
fn join(account: &Account) -> Result<(), SysError> {
    let what = "set the supplementary groups";
    let groups: Vec<Gid> = account.groups.iter().map(|gid| Gid::from_raw(*gid)).collect();
    nix::unistd::setgroups(&groups).map_err(failed(what))?;
    let is = nix::unistd::getgroups().map_err(failed(what))?;
    // The kernel sorts them.
    so(what, is.len() == groups.len() && groups.iter().all(|gid| is.contains(gid)))?;
    let what = "set the group";
    let gid = Gid::from_raw(account.gid);
    nix::unistd::setresgid(gid, gid, gid).map_err(failed(what))?;
    let is = nix::unistd::getresgid().map_err(failed(what))?;
    so(what, [is.real, is.effective, is.saved] == [gid; 3])
}

fn become_user(uid: u32) -> Result<(), SysError> {
    let what = "set the user";
    let uid = Uid::from_raw(uid);
    nix::unistd::setresuid(uid, uid, uid).map_err(failed(what))?;
    let is = nix::unistd::getresuid().map_err(failed(what))?;
    so(what, [is.real, is.effective, is.saved] == [uid; 3])
}

fn set_dumpable(dumpable: bool) -> Result<(), SysError> {
    let what = "say whether it may be dumped";
    let wanted = if dumpable { DumpableBehavior::Dumpable } else { DumpableBehavior::NotDumpable };
    set_dumpable_behavior(wanted).map_err(failed(what))?;
    so(what, dumpable_behavior() == Ok(wanted))
}

fn bar_privileges() -> Result<(), SysError> {
    let what = "set no_new_privs";
    rustix::thread::set_no_new_privs(true).map_err(failed(what))?;
    so(what, rustix::thread::no_new_privs() == Ok(true))
}
