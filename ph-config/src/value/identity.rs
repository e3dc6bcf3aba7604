//! Names: of an application, of a user, of a group.

use std::{fmt, str::FromStr};

use super::{Term, ValueError};

/// The name of an application: it titles processes and names files.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct ProcName(pub(crate) String);

/// Longest name in bytes: `NAME.sock` and its temporary files fit into a directory entry (255
/// bytes).
const LONGEST_NAME: usize = 200;

impl FromStr for ProcName {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        let text = text.trim();
        let bad = |c: char| c == '/' || c.is_control();
        if text.is_empty() || text.contains(bad) || text.len() > LONGEST_NAME {
            return Err(Self::mismatch());
        }
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Display for ProcName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Term for ProcName {
    const EXPECTED: &'static str =
        "a name that can name a file: 1 to 200 bytes, no \"/\", no control character";
}

/// The user, and perhaps the group, that workers become: names or numbers, not yet resolved.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct User {
    /// A user's name or number.
    pub name: String,
    /// A group's name or number, where it is given with the user.
    pub group: Option<String>,
}

impl FromStr for User {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        let text = text.trim();
        let (name, group) = match text.split_once(':') {
            Some((name, group)) => (name, Some(group)),
            None => (text, None),
        };
        if is_account(name) && group.is_none_or(is_account) {
            Ok(Self { name: name.to_owned(), group: group.map(str::to_owned) })
        } else {
            Err(Self::mismatch())
        }
    }
}

impl fmt::Display for User {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.group {
            Some(group) => write!(f, "{}:{group}", self.name),
            None => f.write_str(&self.name),
        }
    }
}

impl Term for User {
    const EXPECTED: &'static str = "name or name:group";
}

/// The group that workers become: a name or a number.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Group(pub(crate) String);

impl FromStr for Group {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        let text = text.trim();
        if is_account(text) { Ok(Self(text.to_owned())) } else { Err(Self::mismatch()) }
    }
}

impl fmt::Display for Group {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Term for Group {
    const EXPECTED: &'static str = "the name of a group";
}

/// What `passwd(5)` and `group(5)` can hold in their first field, and no option of a command.
fn is_account(name: &str) -> bool {
    let bad = |c: char| c.is_whitespace() || c.is_control() || ":,/".contains(c);
    !name.is_empty() && !name.starts_with('-') && !name.contains(bad)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn users_may_name_a_group() {
        let user: User = " www-data:adm ".parse().unwrap();
        assert_eq!(user, User { name: "www-data".into(), group: Some("adm".into()) });
        for text in ["root", "1000:1000", "user.name@domain"] {
            assert_eq!(text.parse::<User>().unwrap().to_string(), text);
        }
        for bad in ["", ":", "a:", ":b", "a:b:c", "a b", "-u", "a/b"] {
            assert!(bad.parse::<User>().is_err(), "{bad}");
        }
    }

    #[test]
    fn a_name_can_name_a_file() {
        assert!("job execute – 2".parse::<ProcName>().is_ok());
        for bad in ["", " ", "a/b", "a\0b", "a\nb", &"x".repeat(201)] {
            assert!(bad.parse::<ProcName>().is_err(), "{bad}");
        }
    }
}
