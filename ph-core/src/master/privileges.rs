//! What workers are to become, and whether this master can make them so.

use std::path::Path;

use ph_config::Settings;
use ph_config::value::limit::Rlimit;

use crate::sys::SysError;
use crate::sys::account::{Account, AccountName, Part};
use crate::sys::privileges::Privileges;
use crate::sys::privileges::capabilities::{self, Capabilities};
use crate::sys::resolver::Answers;

/// What is wrong with a key, beyond what its text tells by itself.
#[derive(Debug)]
pub(super) struct Objection {
    pub(super) key: &'static str,
    /// Why, and what to do.
    pub(super) reason: String,
}

/// The account whose name has to be looked up for these settings.
pub(super) fn account(settings: &Settings) -> Option<AccountName> {
    let user = settings.user.as_ref();
    let group = settings.group.clone().or_else(|| user?.group.clone());
    let user = user.map(|user| user.name.clone());
    (user.is_some() || group.is_some()).then_some(AccountName { user, group })
}

/// What these settings ask for, with the account that was looked up. Refused if workers could not be made so, as far as
/// that can be known before one is tried.
pub(super) fn of(settings: &Settings, answers: &Answers) -> Result<Privileges, Objection> {
    let own = Own::look().map_err(|error| object("user", error.to_string()))?;
    let account = answers.account.clone().transpose().map_err(|unknown| {
        let key = match unknown.part {
            Part::Group if settings.group.is_some() => "group",
            Part::User | Part::Group => "user",
        };
        object(key, unknown.reason)
    })?;
    let key = if settings.user.is_some() { "user" } else { "group" };
    let account = account.filter(|account| !own.is(account));
    if let Some(account) = &account {
        own.can_become(account).map_err(|reason| object(key, reason))?;
    }
    if let Some(root) = &settings.chroot {
        own.can_enter(root).map_err(|reason| object("chroot", reason))?;
    }
    let capabilities = kept(settings, account.as_ref());
    if let Some(kept) = capabilities {
        let key = if settings.keep_capabilities.is_empty() { key } else { "keep_capabilities" };
        own.can_keep(settings, kept).map_err(|reason| object(key, reason))?;
    }
    Ok(Privileges {
        descriptors: settings.rlimit_nofile.map(|limit| number(limit).unwrap_or_else(most_files)),
        core: settings.rlimit_core.map(|limit| number(limit).unwrap_or(libc::RLIM_INFINITY)),
        nice: settings.nice,
        umask: settings.umask,
        root: settings.chroot.clone(),
        account,
        capabilities,
        no_new_privs: settings.no_new_privs,
    })
}

fn object(key: &'static str, reason: String) -> Objection {
    Objection { key, reason }
}

/// Nothing named, nobody else to become: then workers have what their master has. Root by name keeps root's.
fn kept(settings: &Settings, account: Option<&Account>) -> Option<Capabilities> {
    let named = Capabilities::of(settings.keep_capabilities.iter().map(|one| one.number()));
    let gives_up = account.is_some_and(|account| account.uid != 0);
    (gives_up || !settings.keep_capabilities.is_empty()).then_some(named)
}

/// `None` for no limit.
fn number(limit: Rlimit) -> Option<u64> {
    match limit {
        Rlimit::Unlimited => None,
        Rlimit::At(number) => Some(number),
    }
}

/// The kernel takes no more for a limit on descriptors, and no "unlimited" (proc(5)).
fn most_files() -> u64 {
    let most = std::fs::read_to_string("/proc/sys/fs/nr_open").ok();
    most.and_then(|text| text.trim().parse().ok()).unwrap_or(1 << 20)
}

/// What this process is, and can do.
struct Own {
    uid: u32,
    gid: u32,
    effective: Capabilities,
}

impl Own {
    fn look() -> Result<Self, SysError> {
        Ok(Self {
            uid: nix::unistd::geteuid().as_raw(),
            gid: nix::unistd::getegid().as_raw(),
            effective: Capabilities::effective()?,
        })
    }

    /// Whether there is nothing to change, or nothing that one without privilege would have changed: its groups are those
    /// that its session gave it.
    fn is(&self, account: &Account) -> bool {
        let same = (account.uid, account.gid) == (self.uid, self.gid);
        same && !self.effective.has(capabilities::SETGID)
    }

    /// It has to end who it makes, as well.
    fn can_become(&self, account: &Account) -> Result<(), String> {
        let mut needed = vec![(capabilities::SETGID, "CAP_SETGID")];
        if account.uid != self.uid {
            needed.extend([(capabilities::SETUID, "CAP_SETUID"), (capabilities::KILL, "CAP_KILL")]);
        }
        self.has(&needed)
    }

    fn can_enter(&self, root: &Path) -> Result<(), String> {
        self.has(&[(capabilities::SYS_CHROOT, "CAP_SYS_CHROOT")])?;
        match std::fs::metadata(root) {
            Ok(found) if found.is_dir() => Ok(()),
            Ok(_) => Err("it is not a directory".to_owned()),
            Err(error) => Err(format!("there is no such directory: {error}")),
        }
    }

    fn can_keep(&self, settings: &Settings, kept: Capabilities) -> Result<(), String> {
        let missing = settings.keep_capabilities.iter().find(|it| !self.effective.has(it.number()));
        if let Some(capability) = missing {
            return Err(format!("this master does not have {capability} itself; leave it out"));
        }
        if Capabilities::bounding().within(kept) {
            return Ok(());
        }
        self.has(&[(capabilities::SETPCAP, "CAP_SETPCAP")])
    }

    fn has(&self, needed: &[(u8, &str)]) -> Result<(), String> {
        let missing = needed.iter().filter(|(number, _)| !self.effective.has(*number));
        let missing: Vec<&str> = missing.map(|(_, name)| *name).collect();
        if missing.is_empty() {
            return Ok(());
        }
        let (uid, missing) = (self.uid, missing.join(", "));
        Err(format!(
            "this master runs as user {uid} without {missing}; start it as root, or unset it"
        ))
    }
}

/// Says who workers are, and that their master stays what it is.
pub(super) fn tell(privileges: &Privileges) {
    if let Some(Account { uid, gid, groups }) = &privileges.account {
        let own = nix::unistd::geteuid();
        tracing::info!(
            uid,
            gid,
            ?groups,
            "workers change their user; the master stays user {own}, to bind, to fork, and to end them"
        );
    }
}
