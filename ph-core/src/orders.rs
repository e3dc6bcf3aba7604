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
    #[serde(with = "texts")]
    pub set: Vec<(OsString, OsString)>,
    /// Variables that are taken away: they were the master's own.
    pub unset: Vec<String>,
}

/// Names and values as the strings that nearly all of them are: as numbers they would be four times as long, and one variable of
/// the environment has 128 KiB (`MAX_ARG_STRLEN`, execve(2)).
mod texts {
    use std::borrow::Cow;
    use std::ffi::{OsStr, OsString};
    use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};

    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    #[derive(Serialize, Deserialize)]
    #[serde(untagged)]
    enum Text<'a> {
        Text(Cow<'a, str>),
        Bytes(Cow<'a, [u8]>),
    }

    impl<'a> Text<'a> {
        fn of(text: &'a OsStr) -> Self {
            match text.to_str() {
                Some(text) => Self::Text(text.into()),
                None => Self::Bytes(text.as_bytes().into()),
            }
        }

        fn unpack(self) -> OsString {
            match self {
                Self::Text(text) => text.into_owned().into(),
                Self::Bytes(bytes) => OsString::from_vec(bytes.into_owned()),
            }
        }
    }

    pub(super) fn serialize<S: Serializer>(
        set: &[(OsString, OsString)],
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(set.iter().map(|(name, value)| (Text::of(name), Text::of(value))))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Vec<(OsString, OsString)>, D::Error> {
        let set = Vec::<(Text<'_>, Text<'_>)>::deserialize(deserializer)?;
        Ok(set.into_iter().map(|(name, value)| (name.unpack(), value.unpack())).collect())
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        #[derive(Debug, PartialEq, Serialize, Deserialize)]
        struct Set(#[serde(with = "super")] Vec<(OsString, OsString)>);

        #[test]
        fn texts_stay_texts_and_bytes_stay_whole() {
            let strange = OsString::from_vec(vec![b'a', 0xff]);
            let set = Set(vec![("A".into(), "é b".into()), ("C".into(), strange)]);
            let packed = serde_json::to_string(&set).unwrap();
            assert_eq!(packed, r#"[["A","é b"],["C",[97,255]]]"#);
            assert_eq!(serde_json::from_str::<Set>(&packed).unwrap(), set);
        }
    }
}
