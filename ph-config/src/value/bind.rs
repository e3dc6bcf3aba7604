//! Addresses to listen on.

use std::{
    fmt,
    net::{Ipv4Addr, Ipv6Addr},
    str::FromStr,
};

use super::{Term, ValueError, digits};

/// One TCP address, not yet resolved.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Bind {
    /// The host; `:8000` is every IPv4 address.
    pub host: Host,
    /// The port; 0 lets the kernel choose.
    pub port: u16,
}

/// The host of a [`Bind`].
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Host {
    /// An IPv4 literal.
    V4(Ipv4Addr),
    /// An IPv6 literal, in brackets; zones (`%eth0`) are not taken.
    V6(Ipv6Addr),
    /// A name, such as `localhost`, in lower case. Resolving it is not this crate's business.
    Name(String),
}

impl FromStr for Bind {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        let text = text.trim();
        let because = |detail: &str| Self::mismatch().because(format!("{detail} in \"{text}\""));
        let (host, port) = text.rsplit_once(':').ok_or_else(|| because("no port"))?;
        let port = digits(port).ok_or_else(|| because("no port from 0 to 65535"))?;
        let host = if let Some(inside) = host.strip_prefix('[') {
            let literal = inside.strip_suffix(']').ok_or_else(|| because("no closing bracket"))?;
            Host::V6(literal.parse().map_err(|_| because("no IPv6 address"))?)
        } else if host.is_empty() {
            Host::V4(Ipv4Addr::UNSPECIFIED)
        } else if host.contains(':') {
            return Err(because("an IPv6 address without brackets"));
        } else if let Ok(literal) = host.parse() {
            Host::V4(literal)
        } else if is_name(host) {
            Host::Name(host.to_lowercase())
        } else {
            return Err(because("no host name or address"));
        };
        Ok(Self { host, port })
    }
}

/// Letters, digits, hyphens, dots and underscores, with a letter somewhere: `256.0.0.1` is a
/// mistyped address, not a name.
fn is_name(host: &str) -> bool {
    let allowed = |b: u8| b.is_ascii_alphanumeric() || b"-._".contains(&b);
    host.len() <= 253 && host.bytes().all(allowed) && host.bytes().any(|b| b.is_ascii_alphabetic())
}

impl fmt::Display for Bind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.host {
            Host::V4(address) => write!(f, "{address}:{}", self.port),
            Host::V6(address) => write!(f, "[{address}]:{}", self.port),
            Host::Name(name) => write!(f, "{name}:{}", self.port),
        }
    }
}

impl Term for Bind {
    const EXPECTED: &'static str = "host:port (127.0.0.1:8000, [::1]:8000, localhost:8000, :8000)";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_print_again() {
        for (text, canonical) in [
            ("127.0.0.1:8000", "127.0.0.1:8000"),
            ("[::1]:80", "[::1]:80"),
            ("[0:0::1]:0", "[::1]:0"),
            ("LocalHost:65535", "localhost:65535"),
            (":8000", "0.0.0.0:8000"),
        ] {
            let bind: Bind = text.parse().unwrap();
            assert_eq!(bind.to_string(), canonical);
            assert_eq!(canonical.parse(), Ok(bind));
        }
    }

    #[test]
    fn what_is_no_address_is_refused() {
        for bad in [
            "",
            "8000",
            "localhost",
            "localhost:",
            "a:b",
            "1.2.3.4:65536",
            "::1:80",
            "[::1]",
            "[::1:80",
            "[x]:1",
            "256.0.0.1:80",
            "a b:1",
            "[::1]x:1",
            "h:+1",
        ] {
            assert!(bad.parse::<Bind>().is_err(), "{bad}");
        }
    }
}
