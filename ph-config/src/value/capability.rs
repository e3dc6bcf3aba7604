//! Linux capabilities, by name.

use std::{fmt, str::FromStr};

use super::{Term, ValueError};

/// A capability that a worker keeps when it gives up root.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Capability(u8);

/// By number, as `capabilities(7)` and `linux/capability.h` list them.
const NAMES: [&str; 41] = [
    "CHOWN",
    "DAC_OVERRIDE",
    "DAC_READ_SEARCH",
    "FOWNER",
    "FSETID",
    "KILL",
    "SETGID",
    "SETUID",
    "SETPCAP",
    "LINUX_IMMUTABLE",
    "NET_BIND_SERVICE",
    "NET_BROADCAST",
    "NET_ADMIN",
    "NET_RAW",
    "IPC_LOCK",
    "IPC_OWNER",
    "SYS_MODULE",
    "SYS_RAWIO",
    "SYS_CHROOT",
    "SYS_PTRACE",
    "SYS_PACCT",
    "SYS_ADMIN",
    "SYS_BOOT",
    "SYS_NICE",
    "SYS_RESOURCE",
    "SYS_TIME",
    "SYS_TTY_CONFIG",
    "MKNOD",
    "LEASE",
    "AUDIT_WRITE",
    "AUDIT_CONTROL",
    "SETFCAP",
    "MAC_OVERRIDE",
    "MAC_ADMIN",
    "SYSLOG",
    "WAKE_ALARM",
    "BLOCK_SUSPEND",
    "AUDIT_READ",
    "PERFMON",
    "BPF",
    "CHECKPOINT_RESTORE",
];

impl Capability {
    /// The number that the kernel knows it by.
    pub const fn number(self) -> u8 {
        self.0
    }
}

impl FromStr for Capability {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        let name = text.trim().to_uppercase();
        let name = name.strip_prefix("CAP_").unwrap_or(&name);
        let number = NAMES.iter().position(|known| *known == name);
        number.and_then(|n| u8::try_from(n).ok()).map(Self).ok_or_else(|| {
            Self::mismatch().because(format!("\"{}\" is no capability", text.trim()))
        })
    }
}

impl fmt::Display for Capability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CAP_{}", NAMES[usize::from(self.0)])
    }
}

impl Term for Capability {
    const EXPECTED: &'static str = "a capability such as CAP_NET_BIND_SERVICE";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn capabilities_have_the_kernels_numbers() {
        for (name, number) in [
            ("CAP_CHOWN", 0),
            ("net_bind_service", 10),
            ("cap_sys_admin", 21),
            ("CAP_SYSLOG", 34),
            ("CAP_CHECKPOINT_RESTORE", 40),
        ] {
            let capability: Capability = name.parse().unwrap();
            assert_eq!(capability.number(), number);
            assert_eq!(capability.to_string().parse(), Ok(capability));
        }
        assert!("CAP_FLY".parse::<Capability>().is_err());
    }
}
