//! Workers that are programs (`worker_class = exec`): sandboxes for them, and what they are seen to have.

use std::collections::BTreeMap;
use std::fs;
use std::io::Read as _;
use std::net::TcpStream;
use std::path::{Path, PathBuf};

use crate::process::Process;
use crate::sandbox::Sandbox;
use crate::wait::{until, until_some};

/// A program of `programs/`.
pub fn program(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("programs").join(name)
}

/// The key that has `worker.py` go this journey.
pub fn journey(words: &str) -> String {
    format!("command = python3 {} {words}\n", program("worker.py").display())
}

impl Sandbox {
    /// A sandbox for `ph`, with a section that names a command.
    pub fn exec(test: &str, section: &str) -> Self {
        Self::for_program("ph", test, section)
    }

    /// Writes a shell script, to be run by `sh NAME`.
    pub fn script(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).unwrap();
    }

    /// Starts it; returns the only worker.
    #[track_caller]
    pub fn started(&self) -> Process {
        self.ok(&["start"]);
        self.settled(1)[0].1
    }

    /// A file's text, once it has one that ends with a line's end.
    #[track_caller]
    pub fn written(&self, name: &str) -> String {
        until_some(&format!("{name} is written"), || {
            let text = self.read(name);
            text.ends_with('\n').then_some(text)
        })
    }

    /// Connects to where `worker.py accept` listens: the generation and the pid of who answers.
    #[track_caller]
    pub fn asked(&self) -> (u32, i32) {
        let listener = self.listeners()[0].clone();
        let mut stream = TcpStream::connect(listener.strip_prefix("tcp://").unwrap()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (generation, pid) = answer.trim_end().split_once(' ').unwrap();
        (generation.parse().unwrap(), pid.parse().unwrap())
    }

    /// What workers have printed, as far as it is in the log: the slot, the pid and the text of each line.
    pub fn printed(&self) -> Vec<(u32, i32, String)> {
        self.printed_in("app.log")
    }

    /// The same of another file.
    pub fn printed_in(&self, name: &str) -> Vec<(u32, i32, String)> {
        let log = self.lines(name);
        let look = |line: &str| {
            let (who, text) = line.split_once("[worker ")?.1.split_once("] ")?;
            let (slot, pid) = who.split_once(' ')?;
            Some((slot.parse().ok()?, pid.parse().ok()?, text.to_owned()))
        };
        log.lines().filter_map(look).collect()
    }

    /// The texts alone.
    pub fn texts(&self) -> Vec<String> {
        self.printed().into_iter().map(|(.., text)| text).collect()
    }
}

impl Process {
    /// Waits until it is the program that shows itself so: `ready_after` counts from its start, and what starts it is the
    /// shim for some milliseconds.
    #[track_caller]
    pub fn becomes(self, title: &str) {
        until(&format!("it is {title}"), || self.title() == title);
    }

    /// The environment that it was executed with.
    #[track_caller]
    pub fn environment(self) -> BTreeMap<String, String> {
        let bytes = fs::read(format!("/proc/{}/environ", self.pid())).unwrap();
        let text = String::from_utf8(bytes).unwrap();
        let pairs = text.split('\0').filter_map(|line| line.split_once('='));
        pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
    }

    /// How many pages it has had to fetch or copy so far.
    #[track_caller]
    pub fn faults(self) -> u64 {
        let text = fs::read_to_string(format!("/proc/{}/stat", self.pid())).unwrap();
        let fields = text.rsplit_once(')').unwrap().1;
        fields.split_ascii_whitespace().nth(7).unwrap().parse().unwrap()
    }

    /// The flags of the open file behind a descriptor, as `open(2)` has them.
    #[track_caller]
    pub fn flags(self, descriptor: i32) -> i32 {
        let text = fs::read_to_string(format!("/proc/{}/fdinfo/{descriptor}", self.pid())).unwrap();
        let octal = text.lines().find_map(|line| line.strip_prefix("flags:")).unwrap();
        i32::from_str_radix(octal.trim(), 8).unwrap()
    }
}
