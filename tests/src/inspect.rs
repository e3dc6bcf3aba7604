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

    /// A line of `/proc/PID/status`, its blanks made single.
    #[track_caller]
    pub fn status_line(self, field: &str) -> String {
        let status = fs::read_to_string(format!("/proc/{}/status", self.pid())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':'));
        line.unwrap().split_ascii_whitespace().collect::<Vec<_>>().join(" ")
    }

    /// Its capabilities: permitted, effective, inheritable, ambient and bounding, a bit for each.
    #[track_caller]
    pub fn capabilities(self) -> [u64; 5] {
        ["CapPrm", "CapEff", "CapInh", "CapAmb", "CapBnd"]
            .map(|set| u64::from_str_radix(&self.status_line(set), 16).unwrap())
    }

    /// A row of its limits: soft and hard.
    #[track_caller]
    pub fn limits(self, row: &str) -> [String; 2] {
        let limits = fs::read_to_string(format!("/proc/{}/limits", self.pid())).unwrap();
        let row = limits.lines().find_map(|line| line.strip_prefix(row)).unwrap();
        let mut words = row.split_ascii_whitespace().map(str::to_owned);
        [words.next().unwrap(), words.next().unwrap()]
    }

    /// Its priority.
    #[track_caller]
    pub fn nice(self) -> i32 {
        let text = fs::read_to_string(format!("/proc/{}/stat", self.pid())).unwrap();
        let fields = text.rsplit_once(')').unwrap().1;
        fields.split_ascii_whitespace().nth(16).unwrap().parse().unwrap()
    }

    /// Its priority among those who come before all others; 0 for one that is not among them.
    pub fn real_time_priority(self) -> Option<u32> {
        let text = fs::read_to_string(format!("/proc/{}/stat", self.pid())).ok()?;
        text.rsplit_once(')')?.1.split_ascii_whitespace().nth(37)?.parse().ok()
    }

    /// Whether it may be traced and dumped: otherwise its files in `/proc` are root's.
    #[track_caller]
    pub fn is_dumpable(self) -> bool {
        use std::os::unix::fs::MetadataExt as _;
        let owner = fs::metadata(format!("/proc/{}/environ", self.pid())).unwrap().uid();
        u64::from(owner) == self.status("Uid").unwrap()
    }

    /// The directory that it sees as `/`.
    #[track_caller]
    pub fn root(self) -> std::path::PathBuf {
        fs::read_link(format!("/proc/{}/root", self.pid())).unwrap()
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
