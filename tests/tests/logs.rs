//! The log under load: renamed and reopened, rotated by size, on a disk that fills up. Every line is there once, or counted.

use std::collections::BTreeMap;
use std::fs;
use std::io::Read as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use nix::sys::signal::Signal;
use ph_tests::{Process, Sandbox, finish, until};

/// The numbers that each worker has said, in the order of the lines, and how many it says that it has.
#[derive(Default)]
struct Talk {
    said: BTreeMap<u32, Vec<u64>>,
    last: BTreeMap<u32, u64>,
}

impl Talk {
    fn hear(&mut self, text: &str) {
        for line in text.lines() {
            let words: Vec<&str> = line.split_ascii_whitespace().collect();
            let [.., what, pid, number] = words[..] else { continue };
            let (Ok(pid), Ok(number)) = (pid.parse(), number.parse()) else { continue };
            match what {
                "said" => self.said.entry(pid).or_default().push(number),
                "last" => assert_eq!(self.last.insert(pid, number), None, "said twice: {line}"),
                _ => {}
            }
        }
    }

    /// Of files in any order: none lost, none doubled.
    #[track_caller]
    fn is_whole(&self, workers: usize) {
        assert_eq!(self.last.len(), workers, "{:?}", self.last);
        assert!(self.said.keys().eq(self.last.keys()), "{:?}", self.last);
        for (pid, last) in &self.last {
            let mut said = self.said[pid].clone();
            said.sort_unstable();
            let first = said.iter().zip(1..).find(|(is, should)| **is != *should);
            assert_eq!((said.len() as u64, first), (*last, None), "lines of {pid}");
        }
    }
}

/// The logs of a folder, but for the one in use: the latest first.
fn former(folder: &Path) -> Vec<PathBuf> {
    (1..)
        .map(|number| folder.join(format!("app.log.{number}")))
        .take_while(|it| it.exists())
        .collect()
}

/// All files of a folder.
fn hear_all(folder: &Path) -> Talk {
    let mut talk = Talk::default();
    for entry in fs::read_dir(folder).unwrap() {
        talk.hear(&fs::read_to_string(entry.unwrap().path()).unwrap());
    }
    talk
}

/// A master whose log is in a folder of its own, with workers that talk.
fn talkers(test: &str, section: &str) -> Sandbox {
    let section = format!("log_file = logs/app.log\napp.job = talk\napp.tick_ms = 1\n{section}");
    let sandbox = Sandbox::named(test, &section);
    fs::create_dir(sandbox.path("logs")).unwrap();
    sandbox
}

fn size(path: &Path) -> u64 {
    fs::metadata(path).map_or(0, |found| found.len())
}

#[test]
fn s42_a_renamed_log_loses_no_line_and_doubles_none() {
    let sandbox = talkers("renamed", "number_workers = 3\n");
    sandbox.ok(&["start"]);
    let (master, workers) = (sandbox.master(), sandbox.settled(3));
    let path = sandbox.path("logs/app.log");
    for round in 0..20 {
        until("there is something in it", || size(&path) > 2000);
        fs::rename(&path, sandbox.path(&format!("logs/old.{round}"))).unwrap();
        match round % 2 {
            0 => drop(sandbox.ok(&["log", "reopen"])),
            _ => master.takes(Signal::SIGUSR1),
        }
    }
    assert_eq!(sandbox.settled(3), workers);
    sandbox.ok(&["stop"]);
    hear_all(&sandbox.path("logs")).is_whole(3);
}

/// By the master, for all who write, whoever takes it past the limit; whether they look up from their work or not.
#[test]
fn a_log_is_rotated_by_size() {
    const LIMIT: u64 = 32 << 10;
    for (test, section) in [
        ("short", "app.lines = 10\n"),
        ("long", "app.lines = 20000\n"),
        ("user", "app.lines = 10\nuser = nobody\n"),
    ] {
        // A long job takes its time, and its worker tells its last number when that is over.
        let common =
            "number_workers = 3\nlog_rotate = 32KiB\nlog_keep = 1000\ngraceful_timeout = 60\n";
        let sandbox = talkers(test, &format!("{common}{section}"));
        sandbox.open_to_all();
        let logs = sandbox.path("logs");
        fs::set_permissions(&logs, fs::Permissions::from_mode(0o700)).unwrap();
        sandbox.ok(&["start"]);
        let workers = sandbox.settled(3);
        until("it is rotated often", || former(&logs).len() >= 15);
        assert_eq!(sandbox.settled(3), workers);
        let status = sandbox.status();
        assert!(status["log"]["rotated"].as_u64() >= Some(15), "{}", status["log"]);
        assert_eq!(status["log"]["lost"], 0);
        sandbox.ok(&["stop"]);
        for path in former(&logs) {
            let bytes = size(&path);
            // Whoever writes goes on while the master is on its way; not for as long as a long job takes.
            assert!((LIMIT..128 * LIMIT).contains(&bytes), "{}: {bytes}", path.display());
        }
        hear_all(&logs).is_whole(3);
    }
}

/// As many as are to be kept, the latest; fewer after a reload that says so.
#[test]
fn as_many_logs_are_kept_as_are_wanted() {
    let section =
        |keep: u32| format!("number_workers = 2\nlog_rotate = 16KiB\nlog_keep = {keep}\n");
    let sandbox = talkers("keep", &section(4));
    let logs = sandbox.path("logs");
    sandbox.ok(&["start"]);
    let rotated = || sandbox.status()["log"]["rotated"].as_u64().unwrap();
    until("it is rotated", || rotated() > 8);
    until("there are four", || former(&logs).len() == 4);
    let text = sandbox.read("config.ini").replace("log_keep = 4", "log_keep = 1");
    fs::write(sandbox.path("config.ini"), text).unwrap();
    sandbox.ok(&["reload"]);
    let before = rotated();
    until("it is rotated again", || rotated() > before);
    until("there is one", || former(&logs).len() == 1);
    // And none at all without a limit.
    let text = sandbox.read("config.ini").replace("log_rotate = 16KiB", "log_rotate = none");
    fs::write(sandbox.path("config.ini"), text).unwrap();
    sandbox.ok(&["reload"]);
    let before = rotated();
    let grown = size(&logs.join("app.log")) + (64 << 10);
    until("it grows", || size(&logs.join("app.log")) > grown);
    assert_eq!(rotated(), before);
    sandbox.ok(&["stop"]);
    let mut names: Vec<_> =
        fs::read_dir(&logs).unwrap().map(|it| it.unwrap().file_name()).collect();
    names.sort();
    assert_eq!(names, ["app.log", "app.log.1"]);
}

/// Where it can't be renamed, it grows on: said once for each limit's worth, and the service does not notice.
#[test]
fn a_log_that_cannot_be_rotated_grows_on() {
    let sandbox = talkers("stuck", "log_rotate = 16KiB\n");
    // What is needed for the new file is there, and no file.
    fs::create_dir(sandbox.path("logs/app.log.new")).unwrap();
    sandbox.ok(&["start"]);
    let worker = sandbox.settled(1);
    let said = || {
        let log = sandbox.read("logs/app.log");
        (log.matches("cannot rotate the log").count(), log.len())
    };
    until("it grows, and that is said", || said().0 >= 3);
    let (count, size) = said();
    assert!(count <= size / (16 << 10) + 1, "{count} times in {size} bytes");
    assert_eq!(sandbox.settled(1), worker);
    fs::remove_dir(sandbox.path("logs/app.log.new")).unwrap();
    until("it is rotated", || sandbox.path("logs/app.log.1").exists());
    sandbox.ok(&["stop"]);
}

/// Either way the new program rotates, for its own workers and those that it found; nobody else does.
#[test]
fn an_upgrade_keeps_rotating() {
    for mode in ["handover", "inplace"] {
        let section = format!(
            "number_workers = 2\nlog_rotate = 16KiB\nlog_keep = 1000\nupgrade_mode = {mode}\n"
        );
        let sandbox = talkers("upgrade", &section);
        let logs = sandbox.path("logs");
        sandbox.ok(&["start"]);
        sandbox.settled(2);
        until("it is rotated", || former(&logs).len() > 3);
        sandbox.ok(&["upgrade"]);
        sandbox.adopt_all();
        sandbox.settled(2);
        let before = former(&logs).len();
        until("it is rotated again", || former(&logs).len() > before + 3);
        sandbox.ok(&["stop"]);
        sandbox.nothing_runs();
        hear_all(&logs).is_whole(4);
    }
}

/// The figure in `lines=` or `"lines":` of each line that tells of losses.
fn told(log: &str) -> Vec<u64> {
    // The last may be being written.
    let whole = log.rfind('\n').map_or("", |end| &log[..end]);
    let lines = whole.lines().filter(|line| line.contains("lines of the log are lost"));
    let figure = |line: &str| {
        let (_, rest) = line.split_once("lines=").or_else(|| line.split_once("\"lines\":"))?;
        rest.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
    };
    lines.map(|line| figure(line).unwrap()).collect()
}

/// Starts a master whose log is on a disk of 64 KiB, in a mount namespace that goes with it; returns where the log is.
#[track_caller]
fn start_on_small_disk(sandbox: &Sandbox) -> PathBuf {
    let script = "mount -t tmpfs -o size=64k none logs && exec \"$0\" start";
    let mut command = Command::new("unshare");
    command.args(["--mount", "sh", "-c", script]).arg(sandbox.command(&[]).get_program());
    let output = finish(command.current_dir(sandbox.folder()));
    sandbox.adopt_all();
    assert_eq!(output.code, Some(0), "{output:?}");
    inside(sandbox.master(), &sandbox.path("logs/app.log"))
}

fn lost(sandbox: &Sandbox) -> u64 {
    sandbox.status()["log"]["lost"].as_u64().unwrap()
}

/// Room again.
fn empty(log: &Path) {
    fs::File::options().write(true).open(log).unwrap().set_len(0).unwrap();
}

#[test]
fn s41_a_full_disk_costs_lines_and_nothing_else() {
    for format in ["text", "json"] {
        let sandbox = talkers("full", &format!("number_workers = 3\nlog_format = {format}\n"));
        let log = start_on_small_disk(&sandbox);
        let workers = sandbox.settled(3);
        let done = || sandbox.told("done").len();
        for round in 1..=3 {
            let before = lost(&sandbox);
            until("lines are lost", || lost(&sandbox) > before + 100);
            let (before, jobs) = (lost(&sandbox), done());
            until("the workers work on", || done() > jobs + 50 && lost(&sandbox) > before);
            // Nobody is replaced; the master answers and can change.
            sandbox.ok(&["scale", "+1"]);
            sandbox.ok(&["scale", "-1"]);
            assert_eq!(sandbox.settled(3), workers, "round {round}");
            empty(&log);
            until("it says how many", || !told(&fs::read_to_string(&log).unwrap()).is_empty());
        }
        let text = fs::read_to_string(&log).unwrap();
        let whole = |line: &str| match format {
            "text" => line.starts_with("20"),
            _ => serde_json::from_str::<serde_json::Value>(line).is_ok(),
        };
        // The first line may be what was left of one at the cut, and the last is being written.
        let lines: Vec<&str> = text.lines().collect();
        let pieces = lines.iter().skip(1).rev().skip(1).filter(|line| !whole(line)).count();
        assert_eq!(pieces, 0, "{text}");
        sandbox.ok(&["stop"]);
    }
}

#[test]
fn s41_what_is_lost_is_counted_exactly_and_told_once() {
    let sandbox = talkers("counted", "number_workers = 2\napp.flag = %(here)s/flag\n");
    fs::write(sandbox.path("flag"), "").unwrap();
    let log = start_on_small_disk(&sandbox);
    until("lines are lost", || lost(&sandbox) > 500);
    fs::remove_file(sandbox.path("flag")).unwrap();
    let quiet = |slot| sandbox.times("job", slot).len() > 1;
    until("they do something else", || quiet(0) && quiet(1));
    let lines = lost(&sandbox);
    assert!(sandbox.ok(&["status"]).contains(&format!("log: {lines} lines could not be written")));
    let sample = format!("ph_log_lost_lines_total {lines}\n");
    assert!(sandbox.ok(&["metrics"]).contains(&sample));
    let mut talk = Talk::default();
    let text = fs::read_to_string(&log).unwrap();
    talk.hear(text.rsplit_once('\n').unwrap().0);
    let written: usize = talk.said.values().map(Vec::len).sum();
    empty(&log);
    // The master is the first who writes again. Who has the file open can read it when the disk is gone.
    let mut file = fs::File::open(&log).unwrap();
    sandbox.ok(&["log", "reopen"]);
    assert_eq!(lost(&sandbox), lines);
    sandbox.ok(&["stop"]);
    let mut text = String::new();
    file.read_to_string(&mut text).unwrap();
    assert_eq!(told(&text), [lines], "{text}");
    talk.hear(&text);
    assert_eq!(talk.last.values().sum::<u64>(), written as u64 + lines);
}

/// Whoever asks hears of it: a log that was not reopened may be one that somebody is about to delete.
#[test]
fn a_log_that_cannot_be_reopened_is_said() {
    let sandbox = Sandbox::new("reopen", "log_file = logs/app.log\n");
    fs::create_dir(sandbox.path("logs")).unwrap();
    sandbox.ok(&["start"]);
    sandbox.ok(&["log", "reopen"]);
    fs::rename(sandbox.path("logs"), sandbox.path("old")).unwrap();
    let output = sandbox.run(&["log", "reopen"]);
    assert_eq!(output.code, Some(1), "{output:?}");
    assert!(output.err.contains("the old log stays in use: "), "{output:?}");
    assert!(output.err.contains("logs/app.log"), "{output:?}");
    assert!(sandbox.read("old/app.log").contains("the old log stays in use"));
    fs::create_dir(sandbox.path("logs")).unwrap();
    sandbox.ok(&["log", "reopen"]);
    assert!(sandbox.path("logs/app.log").exists());
    sandbox.ok(&["stop"]);
}

/// A file that may not grow any more is as a full disk.
#[test]
fn a_limit_on_the_size_of_files_costs_lines_and_nobody() {
    let sandbox = Sandbox::new("fsize", "number_workers = 2\napp.tick_ms = 1\n");
    let start = sandbox.command(&["start"]);
    let mut command = Command::new("sh");
    // In blocks of 512 bytes; the shared memory has to fit.
    command.args(["-c", "ulimit -f 40000 && exec \"$@\"", "sh"]).arg(start.get_program());
    let status = command.args(start.get_args()).current_dir(sandbox.folder()).status().unwrap();
    sandbox.remember();
    assert!(status.success());
    let before = sandbox.settled(2);
    // What the log has grown to, without having to write it.
    fs::OpenOptions::new()
        .write(true)
        .open(sandbox.path("app.log"))
        .unwrap()
        .set_len(40_000 * 512)
        .unwrap();
    before[0].1.signal(Signal::SIGKILL);
    sandbox.replaced(before[0].1, 2);
    sandbox.ok(&["reload"]);
    let after = sandbox.settled(2);
    until("lines are lost", || lost(&sandbox) > 0);
    assert_eq!(sandbox.settled(2), after, "somebody died of it");
    sandbox.ok(&["stop"]);
}

/// A path as a process sees it.
fn inside(process: Process, path: &Path) -> PathBuf {
    let root = PathBuf::from(format!("/proc/{}/root", process.pid()));
    root.join(path.strip_prefix("/").unwrap())
}
