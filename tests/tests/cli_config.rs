//! `config check`, `show` and `get`, where a configuration comes from, and the completions.

use std::fs;
use std::process::Command;

use ph_tests::{Output, Sandbox, finish};
use serde_json::Value;

/// `config get proc_name` in this sandbox, with these variables and arguments before it.
fn proc_name(sandbox: &Sandbox, variables: &[(&str, &str)], arguments: &[&str]) -> Output {
    let arguments: Vec<&str> =
        arguments.iter().copied().chain(["config", "get", "proc_name"]).collect();
    finish(sandbox.command(&arguments).envs(variables.iter().copied()))
}

fn write(sandbox: &Sandbox, file: &str, proc_name: &str) {
    let path = sandbox.path(file);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, format!("[app]\nproc_name = {proc_name}\n")).unwrap();
}

#[test]
fn the_file_is_the_argument_then_the_variable_then_the_usual_places() {
    let sandbox = Sandbox::new("places", "");
    fs::remove_file(sandbox.path("config.ini")).unwrap();
    let none = proc_name(&sandbox, &[], &[]);
    assert_eq!(none.code, Some(78), "{none:?}");
    assert!(none.err.contains("config.ini") && none.err.contains("conf/config.ini"), "{none:?}");
    let named = |variables: &[(&str, &str)], arguments: &[&str], expected: &str| {
        let output = proc_name(&sandbox, variables, arguments);
        assert_eq!((output.code, output.out), (Some(0), format!("{expected}\n")), "{}", output.err);
    };
    write(&sandbox, "conf/config.ini", "in-conf");
    named(&[], &[], "in-conf");
    write(&sandbox, "config.ini", "here");
    named(&[], &[], "here");
    write(&sandbox, "variable.ini", "by-variable");
    named(&[("PH_CONFIG", "variable.ini")], &[], "by-variable");
    write(&sandbox, "argument.ini", "by-argument");
    named(&[("PH_CONFIG", "variable.ini")], &["-c", "argument.ini"], "by-argument");
    named(&[("PH_CONFIG", "variable.ini")], &["--config", "argument.ini"], "by-argument");
    // Who names a file means that one; another in its place would be a surprise.
    for (variables, arguments) in
        [(&[("PH_CONFIG", "missing.ini")][..], &[][..]), (&[], &["-c", "missing.ini"])]
    {
        let output = proc_name(&sandbox, variables, arguments);
        assert_eq!(output.code, Some(78), "{output:?}");
        assert!(output.err.contains("missing.ini"), "{output:?}");
    }
}

#[test]
fn the_section_is_the_one_named_or_the_only_one() {
    let sandbox = Sandbox::new("sections", "");
    let text = "[DEFAULT]\nnice = 1\n\n[one]\nnumber_workers = 1\n[two]\nnumber_workers = 2\n";
    fs::write(sandbox.path("config.ini"), text).unwrap();
    let get = |arguments: &[&str]| {
        let all: Vec<&str> =
            arguments.iter().copied().chain(["config", "get", "number_workers"]).collect();
        sandbox.run(&all)
    };
    assert_eq!(get(&["-s", "one"]).out, "1\n");
    assert_eq!(get(&["--section", "two"]).out, "2\n");
    for (arguments, hint) in
        [(&[][..], "[one], [two]"), (&["-s", "tow"], "[two]"), (&["-s", "DEFAULT"], "[one]")]
    {
        let output = get(arguments);
        assert_eq!(output.code, Some(78), "{arguments:?}: {output:?}");
        assert!(output.err.contains("config.ini") && output.err.contains(hint), "{output:?}");
        assert_eq!(output.err.lines().count(), 1, "{output:?}");
    }
    // The section is the application's name unless it has another.
    let name = sandbox.run(&["-s", "two", "config", "get", "proc_name"]);
    assert_eq!(name.out, "two\n");
}

#[test]
fn check_says_valid_and_nothing_else_happens() {
    let sandbox = Sandbox::new("check", "");
    let output = sandbox.run(&["config", "check"]);
    assert_eq!((output.code, output.err.as_str()), (Some(0), ""));
    assert!(output.out.contains("config.ini") && output.out.contains("valid"), "{output:?}");
    assert_eq!(sandbox.files(), ["config.ini"]);
}

#[test]
fn show_tells_where_each_value_comes_from() {
    let sandbox = Sandbox::new("origins", "number_workers = 2\ngraceful_timeout = 7");
    let lines = sandbox.read("config.ini");
    let line = |key: &str| 1 + lines.lines().position(|line| line.starts_with(key)).unwrap();
    let arguments = ["--set", "backlog=5", "--set", "nice=5", "config", "show", "--json"];
    let mut command = sandbox.command(&arguments);
    // An unknown variable is somebody else's; a layer above hides the file's line.
    command.env("PH_NUMBER_WORKERS", "4").env("PH_NICE", "3").env("PH_WHATEVER", "x");
    let output = finish(&mut command);
    assert_eq!((output.code, output.err.as_str()), (Some(0), ""), "{output:?}");
    let keys: Value = serde_json::from_str(&output.out).unwrap();
    for (key, value, origin) in [
        ("timeout", "none", "default"),
        ("graceful_timeout", "7", &*format!("config.ini:{}", line("graceful_timeout"))),
        ("daemonize", "true", &*format!("config.ini:{}", line("daemonize"))),
        ("number_workers", "4", "environment PH_NUMBER_WORKERS"),
        ("backlog", "5", "command line"),
        ("nice", "5", "command line"),
    ] {
        assert_eq!(keys[key]["value"], value, "{key}: {}", keys[key]);
        assert_eq!(keys[key]["origin"], origin, "{key}: {}", keys[key]);
    }
    // Interpolated, as the application gets it.
    assert_eq!(keys["app.journal"]["value"], sandbox.path("journal").to_str().unwrap());
    // The same as a table.
    let table = finish(sandbox.command(&["config", "show"]).env("PH_NUMBER_WORKERS", "4"));
    let row = table.out.lines().find(|line| line.starts_with("number_workers")).unwrap();
    let words: Vec<&str> = row.split_whitespace().collect();
    assert_eq!(words, ["number_workers", "4", "environment", "PH_NUMBER_WORKERS"]);
    assert!(!table.out.contains('\x1b'));
}

/// None of them is lost, wherever they stand; of two for one key the later counts.
#[test]
fn set_may_stand_before_and_after_the_command() {
    let sandbox = Sandbox::new("set", "");
    let arguments =
        ["--set", "backlog=5", "--set", "nice=1", "config", "show", "--json", "--set", "nice=5"];
    let keys: Value = serde_json::from_str(&sandbox.ok(&arguments)).unwrap();
    assert_eq!(keys["nice"]["value"], "5");
    assert_eq!(keys["backlog"]["value"], "5", "the one before the command was lost");
}

#[test]
fn get_prints_the_value_alone() {
    let sandbox = Sandbox::new("get", "app.greeting = 100%% of %(here)s\nBackLog : 12");
    let get = |key: &str| sandbox.run(&["config", "get", key]);
    assert_eq!(get("backlog").out, "12\n");
    assert_eq!(get("BACKLOG").out, "12\n", "keys have no case");
    assert_eq!(get("app.greeting").out, format!("100% of {}\n", sandbox.folder().display()));
    assert_eq!(get("number_workers").out, "1\n", "a default is a value");
    let unknown = get("number_worker");
    assert_eq!((unknown.code, unknown.out.as_str()), (Some(78), ""), "{unknown:?}");
    assert!(unknown.err.contains("number_workers"), "no nearest key: {unknown:?}");
    let unset = get("app.farewell");
    assert_eq!((unset.code, unset.out.as_str()), (Some(1), ""), "{unset:?}");
    assert!(unset.err.contains("app.farewell is not set"), "{unset:?}");
}

/// The layers that a command shows are those that a master runs with.
#[test]
fn a_master_takes_the_layers_that_show_shows() {
    let sandbox = Sandbox::new("layers", "number_workers = 2\napp.tick_ms = 30");
    let start = finish(sandbox.command(&["start"]).env("PH_NUMBER_WORKERS", "4"));
    sandbox.remember();
    assert_eq!(start.code, Some(0), "{start:?}");
    sandbox.settled(4);
    sandbox.ok(&["stop"]);
    let mut start = sandbox.command(&["start", "--set", "number_workers=3"]);
    let start = finish(start.env("PH_NUMBER_WORKERS", "4"));
    sandbox.remember();
    assert_eq!(start.code, Some(0), "{start:?}");
    sandbox.settled(3);
    // What was given at the start is given at a reload.
    sandbox.ok(&["reload"]);
    sandbox.settled(3);
}

#[test]
fn completions_need_no_configuration() {
    let sandbox = Sandbox::new("completions", "");
    fs::remove_file(sandbox.path("config.ini")).unwrap();
    for shell in ["bash", "zsh", "fish"] {
        let script = sandbox.ok(&["completions", shell]);
        for word in ["ph-fixture", "start", "worker", "completions", "quick"] {
            assert!(script.contains(word), "{shell} knows no {word}");
        }
    }
}

/// The script is not only there: a shell completes with it.
#[test]
fn bash_completes_a_command_with_the_script() {
    let sandbox = Sandbox::new("bash", "");
    fs::write(sandbox.path("completion"), sandbox.ok(&["completions", "bash"])).unwrap();
    let ask = "source ./completion; spec=$(complete -p ph-fixture); f=${spec#*-F }; f=${f%% *}\n\
               COMP_WORDS=(ph-fixture sta); COMP_CWORD=1; $f ph-fixture sta ph-fixture\n\
               printf '%s\\n' \"${COMPREPLY[@]}\"";
    let mut bash = Command::new("bash");
    let output = finish(bash.args(["--norc", "-c", ask]).current_dir(sandbox.folder()));
    let mut words: Vec<&str> = output.out.lines().collect();
    words.sort_unstable();
    assert_eq!(words, ["start", "status"], "{output:?}");
}
