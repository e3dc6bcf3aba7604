//! Python's `configparser`, asked about many files at once.

use std::{
    fmt::Write as _,
    io::{BufRead, BufReader, Write as _},
    process::{Command, Stdio},
    thread,
};

use serde_json::{Value, json};

/// What the script tells of each file.
#[derive(Clone, Copy)]
pub(super) enum Mode {
    /// Every value as `get` gives it.
    Resolved,
    /// What stands in each section itself, uninterpolated.
    Raw,
}

/// The script's answers, one for each file.
pub(super) fn ask_python(mode: Mode, files: &[String]) -> Vec<Value> {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/against_python/ask_configparser.py");
    let mut python = Command::new("python3")
        .args(["-I", script])
        .args(matches!(mode, Mode::Raw).then_some("raw"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| {
            panic!("cannot run python3 ({error}); install Python 3.8 or newer to compare with it")
        });
    let mut stdin = python.stdin.take().expect("stdin is piped");
    let stdout = BufReader::new(python.stdout.take().expect("stdout is piped"));
    let answers = thread::scope(|scope| {
        // On a thread of its own: both pipes are smaller than what goes through them.
        scope.spawn(move || {
            let mut lines = String::new();
            for file in files {
                writeln!(lines, "{}", json!(file)).expect("a string takes everything");
            }
            stdin.write_all(lines.as_bytes()).expect("python3 reads everything");
        });
        let lines = stdout.lines().map(|line| line.expect("python3 writes UTF-8"));
        lines.map(|line| serde_json::from_str(&line).expect("python3 writes JSON")).collect()
    });
    assert!(python.wait().expect("python3 can be waited for").success(), "the script failed");
    answers
}
