//! A master as data: what goes along when its process becomes another program (`upgrade_mode = inplace`).
//!
//! The process stays, and with it the pid, the children, the open files and what is pending. Everything that is only
//! in memory goes through a sealed memfd: a version, and JSON. Descriptors are told by their numbers.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, Read as _, Seek as _, Write as _};
use std::os::fd::{OwnedFd, RawFd};
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::time::Instant;

use nix::fcntl::{FcntlArg, SealFlag, fcntl};
use nix::sys::memfd::{MFdFlags, memfd_create};
use ph_config::Settings;
use serde::{Deserialize, Serialize};

use super::Program;
use super::accounts::Accounts;
use super::certificate::Certificate;
use super::children::History;
use super::control::CarriedControl;
use super::estate::VERSION;
use super::leader::CarriedCandidacy;
use crate::arbiter;
use crate::calls;
use crate::listen::{CarriedBundle, Plan};
use crate::sys::privileges::Privileges;

/// Everything.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Carried {
    #[serde(flatten)]
    pub(super) stamp: Stamp,
    pub(super) program: CarriedProgram,
    pub(super) settings: CarriedSettings,
    pub(super) arbiter: arbiter::Carried,
    pub(super) children: Vec<CarriedChild>,
    /// Pids of children that are no worker's.
    pub(super) found: Vec<i32>,
    pub(super) departed: Option<u64>,
    pub(super) reopened: u64,
    pub(super) accounts: Accounts,
    /// Figures of calls of workers that have ended.
    pub(super) calls: calls::Sums,
    pub(super) certificates: Vec<Certificate>,
    /// Processes killed for want of memory, by the kernel's count, that were told of.
    pub(super) explained: Option<u64>,
    pub(super) events: Vec<Box<str>>,
    /// The soft limit on descriptors that workers get.
    pub(super) limit: Option<u64>,
    pub(super) plan: Plan,
    pub(super) privileges: Privileges,
    pub(super) bundles: Vec<CarriedBundle>,
    pub(super) control: CarriedControl,
    pub(super) candidacy: Option<CarriedCandidacy>,
    /// What of a report had been read.
    pub(super) partial: Vec<u8>,
    pub(super) open: Open,
}

/// Of which version it is, and from when.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Stamp {
    version: u32,
    /// The instant that distances in it count from.
    #[serde(with = "instant")]
    pub(super) packed: Instant,
}

/// Descriptors by number.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Open {
    pub(super) slots: RawFd,
    pub(super) calls: Option<RawFd>,
    pub(super) notices: Option<RawFd>,
    pub(super) hear: RawFd,
    pub(super) say: RawFd,
    pub(super) locks: Vec<RawFd>,
    pub(super) channel: Option<(RawFd, RawFd)>,
    pub(super) listeners: Vec<(super::estate::Heirloom, RawFd)>,
    pub(super) lifeline: Option<RawFd>,
    /// Both ends of the log's shelf.
    pub(super) shelf: Option<(RawFd, RawFd)>,
}

/// How the program was started.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct CarriedProgram {
    path: Vec<u8>,
    arguments: Vec<Vec<u8>>,
    directory: Vec<u8>,
}

/// The settings of the generation that workers are of, as texts.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct CarriedSettings {
    section: String,
    file: Option<Vec<u8>>,
    directory: Vec<u8>,
    texts: BTreeMap<String, String>,
}

/// A worker's process.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct CarriedChild {
    pub(super) key: arbiter::WorkerKey,
    pub(super) pid: i32,
    pub(super) cell: usize,
    pub(super) bound: bool,
    pub(super) reopened: u64,
    pub(super) born: u64,
    pub(super) asked: bool,
    #[serde(default)]
    pub(super) shared: bool,
    pub(super) history: Box<History>,
    pub(super) foreign: Option<CarriedForeign>,
}

/// What there is of a program.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct CarriedForeign {
    pub(super) output: RawFd,
    pub(super) partial: Vec<u8>,
    pub(super) command: Vec<String>,
    pub(super) stop_signal: i32,
    /// How long ago it fed the watchdog.
    pub(super) fed: Option<std::time::Duration>,
    pub(super) said: Option<String>,
}

impl Stamp {
    pub(super) fn now() -> Self {
        Self { version: VERSION, packed: Instant::now() }
    }
}

impl Carried {
    /// Packs it into memory that nobody can change any more.
    pub(super) fn pack(&self) -> io::Result<OwnedFd> {
        let flags = MFdFlags::MFD_CLOEXEC | MFdFlags::MFD_ALLOW_SEALING;
        let fd = memfd_create(c"ph-carried", flags)?;
        let mut file = File::from(fd);
        file.write_all(&serde_json::to_vec(self)?)?;
        let seals = SealFlag::F_SEAL_SHRINK | SealFlag::F_SEAL_GROW | SealFlag::F_SEAL_WRITE;
        fcntl(&file, FcntlArg::F_ADD_SEALS(seals | SealFlag::F_SEAL_SEAL))?;
        Ok(file.into())
    }

    pub(super) fn unpack(fd: impl Into<File>) -> io::Result<Self> {
        let mut file = fd.into();
        let mut bytes = Vec::new();
        file.rewind()?;
        file.read_to_end(&mut bytes)?;
        super::estate::check_version(&bytes)?;
        Ok(serde_json::from_slice(&bytes)?)
    }
}

/// An instant as nanoseconds of `CLOCK_MONOTONIC`, which is the same for every program of one machine.
pub(super) mod instant {
    use std::time::{Duration, Instant};

    use nix::time::{ClockId, clock_gettime};
    use serde::{Deserialize as _, Deserializer, Serialize as _, Serializer};

    fn clock() -> u64 {
        clock_gettime(ClockId::CLOCK_MONOTONIC)
            .map_or(0, |time| time.tv_sec() as u64 * 1_000_000_000 + time.tv_nsec() as u64)
    }

    pub(in crate::master) fn serialize<S: Serializer>(
        at: &Instant,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        clock().saturating_sub(at.elapsed().as_nanos() as u64).serialize(serializer)
    }

    pub(in crate::master) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Instant, D::Error> {
        let age = Duration::from_nanos(clock().saturating_sub(u64::deserialize(deserializer)?));
        let now = Instant::now();
        Ok(now.checked_sub(age).unwrap_or(now))
    }
}

impl CarriedProgram {
    pub(super) fn of(program: &Program) -> Self {
        let bytes = |text: &OsStr| text.as_bytes().to_vec();
        Self {
            path: bytes(program.path.as_os_str()),
            arguments: program.arguments.iter().map(|one| bytes(one)).collect(),
            directory: bytes(program.directory.as_os_str()),
        }
    }

    pub(super) fn unpack(self) -> Program {
        Program {
            path: OsString::from_vec(self.path).into(),
            arguments: self.arguments.into_iter().map(OsString::from_vec).collect(),
            directory: OsString::from_vec(self.directory).into(),
        }
    }
}

impl CarriedSettings {
    pub(super) fn of(settings: &Settings) -> Self {
        let known = ph_config::KEYS.iter().map(|key| key.name);
        let text = |name: &str| Some((name.to_owned(), settings.text(name)?));
        let own = settings.app.iter().map(|(name, value)| (format!("app.{name}"), value.clone()));
        let bytes = |path: &std::path::Path| path.as_os_str().as_bytes().to_vec();
        Self {
            section: settings.section.clone(),
            file: settings.config_file.as_deref().map(bytes),
            directory: bytes(&settings.start_dir),
            texts: known.filter_map(text).chain(own).collect(),
        }
    }

    /// The settings again. What this program does not know, no worker of the former one needs of it.
    pub(super) fn unpack(self) -> io::Result<Settings> {
        let known = |name: &str| name.starts_with("app.") || ph_config::key::find(name).is_some();
        let texts = self.texts.iter().filter(|(name, _)| known(name));
        let texts = texts.map(|(name, text)| (name.as_str(), text.as_str()));
        let settings =
            Settings::without_file(self.section, OsString::from_vec(self.directory), texts);
        let mut settings = settings.map_err(io::Error::other)?;
        settings.config_file = self.file.map(|file| OsString::from_vec(file).into());
        Ok(settings)
    }
}
