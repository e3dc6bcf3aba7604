//! Where a listener listens.

use std::fmt;
use std::net::SocketAddr;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use rustix::net::{SocketAddrAny, SocketAddrUnix};
use serde::{Deserialize, Serialize};

/// Where a listener listens.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Address {
    /// With the port that the kernel chose, if it was left to it.
    Tcp(SocketAddr),
    /// The socket's file; an abstract name begins with `@`.
    Unix(PathBuf),
}

impl Address {
    /// The address that a socket is bound to; `None` for a family that is not ours.
    pub(super) fn of(bound: SocketAddrAny) -> Option<Self> {
        if let Ok(address) = SocketAddr::try_from(bound.clone()) {
            return Some(Self::Tcp(address));
        }
        let unix = SocketAddrUnix::try_from(bound).ok()?;
        let path = match (unix.path_bytes(), unix.abstract_name()) {
            (Some(path), _) => Path::new(std::ffi::OsStr::from_bytes(path)).to_owned(),
            (None, Some(name)) if !name.is_empty() => {
                format!("@{}", String::from_utf8_lossy(name)).into()
            }
            _ => return None,
        };
        Some(Self::Unix(path))
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => write!(f, "tcp://{address}"),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

impl From<Address> for String {
    fn from(address: Address) -> Self {
        address.to_string()
    }
}

impl TryFrom<String> for Address {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

/// What [`Display`](fmt::Display) says, read back.
impl FromStr for Address {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if let Some(path) = text.strip_prefix("unix:") {
            return Ok(Self::Unix(path.into()));
        }
        let address = text.strip_prefix("tcp://").and_then(|address| address.parse().ok());
        address.map(Self::Tcp).ok_or("no address of a listener")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_told_as_urls() {
        for (address, text) in [
            (Address::Tcp("127.0.0.1:80".parse().unwrap()), "tcp://127.0.0.1:80"),
            (Address::Tcp("[::1]:80".parse().unwrap()), "tcp://[::1]:80"),
            (Address::Unix("/run/a.sock".into()), "unix:/run/a.sock"),
        ] {
            assert_eq!(address.to_string(), text);
            assert_eq!(text.parse(), Ok(address));
        }
    }

    #[test]
    fn a_bound_address_is_read_back() {
        let unix = SocketAddrUnix::new("/run/a.sock").unwrap();
        assert_eq!(Address::of(unix.into()), Some(Address::Unix("/run/a.sock".into())));
        let named = SocketAddrUnix::new_abstract_name(b"a").unwrap();
        assert_eq!(Address::of(named.into()), Some(Address::Unix("@a".into())));
        assert_eq!(Address::of(SocketAddrUnix::new_unnamed().into()), None);
        let tcp: SocketAddr = "[::1]:80".parse().unwrap();
        assert_eq!(Address::of(tcp.into()), Some(Address::Tcp(tcp)));
    }
}
