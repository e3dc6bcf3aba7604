//! Users and groups: from the names of `passwd(5)` and `group(5)` to numbers.
//!
//! A look-up asks the machine's name service, which may wait for a server: only a short-lived process does it (see
//! [`super::resolver`]).

use nix::unistd::{Gid, Group, Uid, User, geteuid};
use serde::{Deserialize, Serialize};

/// A user and a group as the configuration names them: each a name, or a number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountName {
    /// The user; none for the one that this process has.
    pub user: Option<String>,
    /// The group; none for the user's own.
    pub group: Option<String>,
}

/// What a process is, in the kernel's numbers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Account {
    /// The user.
    pub uid: u32,
    /// The group.
    pub gid: u32,
    /// All groups, that one included.
    pub groups: Vec<u32>,
}

/// Which half of an account there is none of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Part {
    /// The user.
    User,
    /// The group.
    Group,
}

/// There is no such user or group.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{reason}")]
pub struct Unknown {
    /// Which of the two.
    pub part: Part,
    /// Why, and what to do.
    pub reason: String,
}

/// Looks an account up. Of a number that has no name the group must be told as well; then that is all of its groups.
pub fn look_up(name: &AccountName) -> Result<Account, Unknown> {
    let unknown = |part, reason: String| Unknown { part, reason };
    let group = name.group.as_deref().map(group).transpose();
    let group = group.map_err(|reason| unknown(Part::Group, reason))?;
    let (uid, entry) = match &name.user {
        Some(name) => user(name).map_err(|reason| unknown(Part::User, reason))?,
        None => (geteuid(), User::from_uid(geteuid()).ok().flatten()),
    };
    let gid = group.or(entry.as_ref().map(|user| user.gid)).ok_or_else(|| {
        let reason = format!("user {uid} is in no user database, so name a group: {uid}:GROUP");
        unknown(Part::User, reason)
    })?;
    let groups = match entry {
        Some(user) => groups(&user, gid).map_err(|reason| unknown(Part::User, reason))?,
        None => vec![gid.as_raw()],
    };
    Ok(Account { uid: uid.as_raw(), gid: gid.as_raw(), groups })
}

/// A number is one, whoever may be called that.
fn user(text: &str) -> Result<(Uid, Option<User>), String> {
    if let Some(number) = number(text) {
        let uid = Uid::from_raw(number);
        return Ok((uid, User::from_uid(uid).ok().flatten()));
    }
    match User::from_name(text) {
        Ok(Some(user)) => Ok((user.uid, Some(user))),
        Ok(None) => Err(format!("there is no user {text} on this machine")),
        Err(errno) => Err(format!("cannot look up user {text}: {errno}")),
    }
}

fn group(text: &str) -> Result<Gid, String> {
    if let Some(number) = number(text) {
        return Ok(Gid::from_raw(number));
    }
    match Group::from_name(text) {
        Ok(Some(group)) => Ok(group.gid),
        Ok(None) => Err(format!("there is no group {text} on this machine")),
        Err(errno) => Err(format!("cannot look up group {text}: {errno}")),
    }
}

/// The number, but for the one that means "none" to the kernel.
fn number(text: &str) -> Option<u32> {
    text.parse().ok().filter(|number| *number != u32::MAX)
}

fn groups(user: &User, gid: Gid) -> Result<Vec<u32>, String> {
    let failed = |error: &dyn std::fmt::Display| {
        format!("cannot look up the groups of user {}: {error}", user.name)
    };
    let name = std::ffi::CString::new(user.name.as_str()).map_err(|error| failed(&error))?;
    let groups = nix::unistd::getgrouplist(&name, gid).map_err(|errno| failed(&errno))?;
    Ok(groups.into_iter().map(Gid::as_raw).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(user: Option<&str>, group: Option<&str>) -> Result<Account, Unknown> {
        look_up(&AccountName { user: user.map(Into::into), group: group.map(Into::into) })
    }

    #[test]
    fn names_and_numbers_are_the_same_account() {
        let root = named(Some("root"), None).unwrap();
        assert_eq!((root.uid, root.gid), (0, 0));
        assert!(root.groups.contains(&0));
        assert_eq!(named(Some("0"), Some("root")).unwrap(), root);
    }

    #[test]
    fn a_number_without_a_name_needs_a_group() {
        let unknown = named(Some("4000000000"), None).unwrap_err();
        assert_eq!(unknown.part, Part::User);
        assert!(unknown.reason.contains("4000000000:GROUP"), "{unknown}");
        let account = named(Some("4000000000"), Some("4000000001")).unwrap();
        assert_eq!(
            account,
            Account { uid: 4_000_000_000, gid: 4_000_000_001, groups: vec![4_000_000_001] }
        );
    }

    #[test]
    fn what_is_unknown_is_told_by_its_part() {
        let user = named(Some("no-such-user"), None).unwrap_err();
        assert_eq!(
            (user.part, user.to_string()),
            (Part::User, "there is no user no-such-user on this machine".into())
        );
        let group = named(Some("root"), Some("no-such-group")).unwrap_err();
        assert_eq!(group.part, Part::Group);
        // "None" to the kernel.
        assert!(named(Some("4294967295"), None).is_err());
    }
}
