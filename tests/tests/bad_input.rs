//! Scenario 9 and the like: bad input gets a sentence and an exit code, and leaves nothing half-started behind.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

use nix::sys::stat::Mode;
use ph_tests::{Output, Sandbox, finish};

/// One command of each kind: those that become a master, those that ask one, those about the file.
const COMMANDS: [&[&str]; 16] = [
    &["run"],
    &["start"],
    &["restart"],
    &["stop"],
    &["reload"],
    &["status"],
    &["status", "--json"],
    &["scale", "2"],
    &["worker", "list"],
    &["log", "reopen"],
    &["config", "check"],
    &["config", "show"],
    &["config", "get", "number_workers"],
    &["config", "set", "nice", "1"],
    &["config", "diff"],
    &["scale", "2", "--save"],
];

/// Code 78, one sentence on standard error with all of these words in it, nothing left behind.
#[track_caller]
fn is_refused(sandbox: &Sandbox, arguments: &[&str], words: &[&str]) -> Output {
    let files = sandbox.files();
    let output = finish(&mut sandbox.command(arguments));
    sandbox.adopt_all();
    assert_eq!(output.code, Some(78), "{arguments:?}: {output:?}");
    assert_eq!(output.err.lines().count(), 1, "{arguments:?}: no single sentence: {output:?}");
    for word in words {
        assert!(output.err.contains(word), "{arguments:?}: no {word:?}: {output:?}");
    }
    sandbox.nothing_runs();
    assert_eq!(sandbox.files(), files, "{arguments:?} left something behind");
    output
}

/// Every command refuses this text of a file.
#[track_caller]
fn every_command_refuses(test: &str, text: impl AsRef<[u8]>, words: &[&str]) {
    let sandbox = Sandbox::named(test, "");
    fs::write(sandbox.path("config.ini"), text).unwrap();
    for arguments in COMMANDS {
        is_refused(&sandbox, arguments, words);
    }
}

/// Scenario 9.
#[test]
fn s09_an_unknown_key_is_told_with_the_nearest() {
    let words = ["config.ini:2", "numer_workers", "number_workers"];
    every_command_refuses("key", "[app]\nnumer_workers = 2\n", &words);
    let words = ["config.ini:3", "gracefultimeout", "graceful_timeout"];
    every_command_refuses("default-key", "[DEFAULT]\n\nGracefulTimeout: 2\n[app]\n", &words);
}

/// Scenario 9.
#[test]
fn s09_a_bad_number_is_told_with_its_place_and_what_was_expected() {
    for number in ["-1", "1e9", "0", "65537", "two", "1.5", "", "0x10", "99999999999999999999999"] {
        let words = ["config.ini:4", "number_workers", number, "1 to 65536"];
        let text = format!("[app]\n# a comment\n\nnumber_workers = {number}\n");
        every_command_refuses("number", text, &words);
    }
}

/// Scenario 9, for other kinds of values.
#[test]
fn s09_other_bad_values_are_told_as_well() {
    for (key, value) in [
        ("daemonize", "perhaps"),
        ("graceful_timeout", "soon"),
        ("graceful_timeout", "-3"),
        ("timeout", "5 parsecs"),
        ("max_memory", "64 elephants"),
        ("worker_class", "gevnt"),
        ("log_level", "loud"),
        ("log_format", "xml"),
        ("bind", "127.0.0.1:99999"),
        ("umask", "999"),
        ("cpu_affinity", "zero"),
        ("stop_signal", "SIGNOTHING"),
        ("max_surge", "lots"),
        ("scaling", "elastic"),
        ("rlimit_nofile", "many"),
    ] {
        let sandbox = Sandbox::named("value", "");
        let text = format!("[app]\n{key} = {value}\n");
        fs::write(sandbox.path("config.ini"), text).unwrap();
        for arguments in [&["config", "check"][..], &["start"], &["status"]] {
            is_refused(&sandbox, arguments, &["config.ini:2", key, value, "expected"]);
        }
    }
}

/// Scenario 9.
#[test]
fn s09_a_bad_interpolation_is_told_with_its_place() {
    let missing = "[app]\nlog_file = %(nowhere)s/x.log\n";
    every_command_refuses("missing", missing, &["config.ini:2", "log_file", "nowhere"]);
    let percent = "[app]\nproc_name = 100%\n";
    every_command_refuses("percent", percent, &["config.ini:2", "proc_name", "%%"]);
    let itself = "[app]\nlog_file = %(log_file)s\n";
    every_command_refuses("itself", itself, &["config.ini:2", "log_file", "itself"]);
}

/// Scenario 9.
#[test]
fn s09_a_missing_section_is_told_with_those_there_are() {
    every_command_refuses("empty", "", &["config.ini", "section"]);
    every_command_refuses("default-only", "[DEFAULT]\nnice = 1\n", &["config.ini", "section"]);
    every_command_refuses("two", "[one]\n[two]\n", &["config.ini", "[one]", "[two]"]);
    let sandbox = Sandbox::named("named", "");
    fs::write(sandbox.path("config.ini"), "[one]\n[two]\n").unwrap();
    for arguments in COMMANDS {
        let arguments: Vec<&str> = ["-s", "tow"].iter().chain(arguments).copied().collect();
        is_refused(&sandbox, &arguments, &["config.ini", "[tow]", "[two]"]);
    }
}

/// Scenario 9: what is no INI file at all.
#[test]
fn s09_a_syntax_error_is_told_with_its_line() {
    for (text, words) in [
        ("number_workers = 2\n", &["config.ini:1", "section"][..]),
        ("[app]\nnumber_workers 2\n", &["config.ini:2", "number_workers 2"]),
        ("[app]\nnice = 1\nnice = 2\n", &["config.ini:3", "nice", "line 2"]),
        ("[app]\nnice = 1\n[app]\n", &["config.ini:3", "[app]", "line 1"]),
        ("[app]\n= 1\n", &["config.ini:2", "key"]),
    ] {
        every_command_refuses("syntax", text, words);
    }
}

/// Scenario 9, from the other layers.
#[test]
fn s09_bad_variables_and_arguments_are_told_by_name() {
    let sandbox = Sandbox::named("layers", "");
    for arguments in COMMANDS {
        let with = |set: &'static str| -> Vec<&str> {
            ["--set", set].iter().chain(arguments).copied().collect()
        };
        is_refused(&sandbox, &with("number_workers=-1"), &["--set number_workers", "1 to 65536"]);
        is_refused(&sandbox, &with("numer_workers=1"), &["--set numer_workers", "number_workers"]);
        let output = finish(sandbox.command(arguments).env("PH_NUMBER_WORKERS", "lots"));
        assert_eq!(output.code, Some(78), "{arguments:?}: {output:?}");
        assert!(output.err.contains("PH_NUMBER_WORKERS"), "{arguments:?}: {output:?}");
        assert_eq!(output.err.lines().count(), 1, "{output:?}");
    }
    sandbox.nothing_runs();
}

/// All that is wrong is told at once, a line each, in the order of the file.
#[test]
fn s09_every_error_is_told_not_only_the_first() {
    let sandbox = Sandbox::named("many", "");
    let text = "[app]\nnumber_workers = -1\nnumer_workers = 1\nnice = cold\n";
    fs::write(sandbox.path("config.ini"), text).unwrap();
    let output = sandbox.run(&["start"]);
    assert_eq!(output.code, Some(78));
    let lines: Vec<&str> = output.err.lines().collect();
    assert_eq!(lines.len(), 3, "{output:?}");
    for (line, place) in lines.iter().zip(["config.ini:2", "config.ini:3", "config.ini:4"]) {
        assert!(line.contains(place), "{output:?}");
    }
}

/// A line of stars, a megabyte of one key: the sentence stays one that can be read.
#[test]
fn a_long_value_is_not_thrown_back_whole() {
    let sandbox = Sandbox::named("long", "");
    let text = format!("[app]\nnumber_workers = {}\n", "9".repeat(500_000));
    fs::write(sandbox.path("config.ini"), text).unwrap();
    let output = is_refused(&sandbox, &["start"], &["config.ini:2", "number_workers"]);
    assert!(output.err.len() < 500, "{} bytes", output.err.len());
}

#[test]
fn a_config_that_is_a_directory() {
    let sandbox = Sandbox::named("directory", "");
    fs::remove_file(sandbox.path("config.ini")).unwrap();
    fs::create_dir(sandbox.path("config.ini")).unwrap();
    for arguments in COMMANDS {
        is_refused(&sandbox, arguments, &["config.ini", "directory"]);
    }
}

#[test]
fn a_config_that_is_no_file_at_all() {
    let sandbox = Sandbox::named("special", "");
    let fifo = sandbox.path("fifo");
    nix::unistd::mkfifo(&fifo, Mode::S_IRWXU).unwrap();
    for arguments in COMMANDS {
        // Opening a pipe that nobody writes would wait for ever.
        let arguments: Vec<&str> = ["-c", "fifo"].iter().chain(arguments).copied().collect();
        is_refused(&sandbox, &arguments, &["fifo", "regular file"]);
        let arguments: Vec<&str> =
            ["-c", "nowhere.ini"].iter().chain(&arguments[2..]).copied().collect();
        is_refused(&sandbox, &arguments, &["nowhere.ini", "no such file"]);
    }
}

#[test]
fn a_config_of_ten_megabytes() {
    let mut text = String::from("[app]\n");
    text.extend((0..200_000).map(|at| format!("app.key{at} = {}\n", "x".repeat(40))));
    assert!(text.len() > 10 << 20);
    every_command_refuses("huge", text, &["config.ini", "larger than"]);
}

#[test]
fn a_config_that_is_not_utf8() {
    let text = b"[app]\nnumber_workers = 2\n# caf\xe9\n";
    every_command_refuses("latin", text, &["config.ini:3", "UTF-8"]);
    every_command_refuses("binary", b"\x7fELF\x02\x01\x01\0\xff\xfe", &["config.ini:1"]);
}

/// Root may read everything, so the programs run as somebody else, who gets a copy where he may run it.
#[test]
fn a_config_that_may_not_be_read() {
    let sandbox = Sandbox::named("unreadable", "");
    let config = sandbox.path("config.ini");
    let program = sandbox.copy_program("program");
    fs::set_permissions(&config, fs::Permissions::from_mode(0o000)).unwrap();
    fs::set_permissions(sandbox.folder(), fs::Permissions::from_mode(0o777)).unwrap();
    for arguments in COMMANDS {
        let mut command = as_nobody(&program);
        let output = finish(command.args(arguments).current_dir(sandbox.folder()));
        assert_eq!(output.code, Some(78), "{arguments:?}: {output:?}");
        assert!(output.err.contains("config.ini"), "{arguments:?}: {output:?}");
        assert!(output.err.contains("permissions"), "{arguments:?}: {output:?}");
        assert_eq!(output.err.lines().count(), 1, "{output:?}");
    }
    sandbox.nothing_runs();
}

/// The program, run by a user who is not root; already so where the suite is not root's.
fn as_nobody(program: &Path) -> Command {
    if !nix::unistd::geteuid().is_root() {
        return Command::new(program);
    }
    let mut command = Command::new("setpriv");
    command.args(["--reuid=65534", "--regid=65534", "--clear-groups"]).arg(program);
    command
}

/// Places that the master writes to, and cannot.
#[test]
fn files_in_a_missing_directory_are_told_and_nothing_is_started() {
    for (key, value) in [
        ("pidfile", "missing/app.pid"),
        ("log_file", "missing/app.log"),
        ("control_socket", "missing/app.sock"),
    ] {
        let sandbox = Sandbox::named("missing", &format!("{key} = {value}\nnumber_workers = 2"));
        for arguments in [&["start"][..], &["run"], &["restart"]] {
            let output = finish(&mut sandbox.command(arguments));
            sandbox.adopt_all();
            assert_eq!(output.code, Some(78), "{key} {arguments:?}: {output:?}");
            assert_eq!(output.err.lines().count(), 1, "{key} {arguments:?}: {output:?}");
            assert!(output.err.contains(value), "{key} {arguments:?}: names no file: {output:?}");
            sandbox.nothing_runs();
            assert!(sandbox.journal("new").is_empty(), "{key} {arguments:?}: a worker was made");
        }
    }
}

/// A file in a directory's place: nothing can listen below it, so nothing runs, and nothing can be started.
#[test]
fn a_pidfile_below_a_file() {
    let sandbox = Sandbox::named("below", "pidfile = config.ini/app.pid");
    for (arguments, code) in
        [(&["status"][..], 3), (&["stop"], 3), (&["start"], 78), (&["restart"], 78)]
    {
        let output = finish(&mut sandbox.command(arguments));
        assert_eq!(output.code, Some(code), "{arguments:?}: {output:?}");
        assert_eq!(output.err.lines().count(), 1, "{arguments:?}: {output:?}");
    }
    sandbox.nothing_runs();
}

/// The same with the sentence that rule 11 asks for: file, line, key, what was expected.
#[test]
fn a_pidfile_in_a_missing_directory_is_told_with_its_line_and_key() {
    let sandbox = Sandbox::named("missing-line", "pidfile = missing/app.pid");
    let text = sandbox.read("config.ini");
    let line = 1 + text.lines().position(|line| line.starts_with("pidfile")).unwrap();
    for arguments in [&["start"][..], &["run"]] {
        let output = finish(&mut sandbox.command(arguments));
        assert_eq!(output.code, Some(78), "{arguments:?}: {output:?}");
        assert!(output.err.contains(&format!("config.ini:{line}")), "{arguments:?}: {output:?}");
        assert!(output.err.contains("pidfile"), "{arguments:?}: {output:?}");
    }
}

/// As is what is there already and is something else.
#[test]
fn what_a_key_names_and_cannot_be_had_is_told_with_its_line_and_key() {
    for (key, value) in [
        ("pidfile", "directory"),
        ("log_file", "directory"),
        ("control_socket", "config.ini"),
        ("cpu_affinity", "900"),
    ] {
        let sandbox = Sandbox::named("taken", &format!("{key} = {value}"));
        fs::create_dir(sandbox.path("directory")).unwrap();
        let text = sandbox.read("config.ini");
        let line = 1 + text.lines().position(|line| line.starts_with(key)).unwrap();
        for arguments in [&["start"][..], &["run"]] {
            let output = finish(&mut sandbox.command(arguments));
            assert_eq!(output.code, Some(78), "{key} {arguments:?}: {output:?}");
            let place = format!("config.ini:{line}: {key} = ");
            assert!(output.err.contains(&place), "{key} {arguments:?}: {output:?}");
            assert_eq!(output.err.lines().count(), 1, "{key} {arguments:?}: {output:?}");
        }
        assert_eq!(sandbox.read("config.ini"), text);
        sandbox.nothing_runs();
    }
}
