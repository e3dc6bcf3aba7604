//! More of what `/proc` tells of a process.

use std::collections::BTreeMap;
use std::fs;

use crate::process::Process;

impl Process {
    /// Its open descriptors, and what each of them is.
    pub fn open_files(self) -> BTreeMap<i32, String> {
        let Ok(entries) = fs::read_dir(format!("/proc/{}/fd", self.pid())) else {
            return BTreeMap::new();
        };
        let look = |entry: fs::DirEntry| {
            let number = entry.file_name().to_str()?.parse().ok()?;
            let target = fs::read_link(entry.path()).ok()?;
            Some((number, target.to_string_lossy().into_owned()))
        };
        entries.flatten().filter_map(look).collect()
    }

    /// How often it gave up the processor by itself: each wake-up ends with one more.
    #[track_caller]
    pub fn sleeps(self) -> u64 {
        self.status("voluntary_ctxt_switches").unwrap()
    }

    /// The CPUs that it may run on, in order.
    #[track_caller]
    pub fn cpus(self) -> Vec<u64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.pid())).unwrap();
        let list = status.lines().find_map(|line| line.strip_prefix("Cpus_allowed_list:"));
        let number = |text: &str| text.trim().parse::<u64>().unwrap();
        let range = |range: &str| {
            let (first, last) = range.split_once('-').unwrap_or((range, range));
            number(first)..=number(last)
        };
        list.unwrap().split(',').flat_map(range).collect()
    }

    /// Resident memory in bytes.
    #[track_caller]
    pub fn resident(self) -> u64 {
        self.status("VmRSS").unwrap() * 1024
    }

    /// Its process group, its session and its terminal (0 for none).
    pub fn places(self) -> Option<(i32, i32, i32)> {
        let text = fs::read_to_string(format!("/proc/{}/stat", self.pid())).ok()?;
        let mut fields = text.rsplit_once(')')?.1.split_ascii_whitespace().skip(2);
        let mut number = || fields.next()?.parse().ok();
        Some((number()?, number()?, number()?))
    }
}
