//! Where the file meets a running master: `config diff`, `scale --save`, and who may change the file of a root.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, chown};

use ph_tests::{Sandbox, finish, until};
use serde_json::Value;

fn diff(sandbox: &Sandbox, arguments: &[&str]) -> Value {
    let arguments = [arguments, &["config", "diff", "--json"]].concat();
    serde_json::from_str(&sandbox.ok(&arguments)).unwrap()
}

#[test]
fn diff_compares_the_file_the_master_and_the_defaults() {
    let sandbox = Sandbox::new("diff", "number_workers = 1\ntimeout = 60\napp.tick_ms = 30");
    // Without a master: the file and the defaults.
    let keys = diff(&sandbox, &[]);
    assert_eq!(keys["timeout"]["file"], "1m");
    assert_eq!(keys["timeout"]["default"], "none");
    assert_eq!(
        (&keys["timeout"]["running"], &keys["timeout"]["needs"]),
        (&Value::Null, &Value::Null)
    );
    assert!(keys["timeout"]["origin"].as_str().unwrap().starts_with("config.ini:"));
    assert_eq!(keys["number_workers"], Value::Null, "it says what the default is");
    assert_eq!(
        keys["control_socket"],
        Value::Null,
        "it follows from the pidfile, and nobody set it"
    );

    sandbox.ok(&["start", "--set", "backlog=5"]);
    sandbox.ok(&["config", "set", "timeout", "1m"]);
    sandbox.ok(&["config", "set", "log_format", "json"]);
    sandbox.ok(&["config", "set", "app.tick_ms", "40"]);
    sandbox.ok(&["config", "set", "app.new", "50%"]);
    let keys = diff(&sandbox, &[]);
    assert_eq!(keys["timeout"]["needs"], Value::Null, "60 and 1m are the same: {keys}");
    assert_eq!(keys["timeout"]["running"], "1m");
    for (key, file, running, default, needs) in [
        ("log_format", "json".into(), "text".into(), "text".into(), "restart"),
        ("backlog", "1024".into(), "5".into(), "1024".into(), "reload"),
        ("app.tick_ms", "40".into(), "30".into(), Value::Null, "reload"),
        ("app.new", "50%".into(), Value::Null, Value::Null, "reload"),
    ] {
        let found = &keys[key];
        let expected: [Value; 4] = [file, running, default, needs.into()];
        let fields = ["file", "running", "default", "needs"].map(|field| found[field].clone());
        assert_eq!(fields, expected, "{key}: {found}");
    }
    let table = sandbox.ok(&["config", "diff"]);
    let row = table.lines().find(|line| line.starts_with("log_format")).unwrap();
    let words: Vec<&str> = row.split_whitespace().collect();
    assert_eq!(words[..5], ["log_format", "json", "text", "text", "restart"], "{table}");
    // From another directory, relative paths still mean those of the master.
    let pidfile = sandbox.path("app.pid");
    fs::create_dir(sandbox.path("elsewhere")).unwrap();
    let mut command = sandbox.command(&["-c", "../config.ini", "config", "diff", "--json"]);
    command.args(["--set", &format!("pidfile={}", pidfile.display())]);
    let output = finish(command.current_dir(sandbox.path("elsewhere")));
    let keys: Value = serde_json::from_str(&output.out).unwrap_or_else(|_| panic!("{output:?}"));
    for key in ["base_path", "log_file", "pidfile", "working_directory"] {
        assert_eq!(keys[key]["needs"], Value::Null, "{key}: {keys}");
    }
}

#[test]
fn scale_saves_the_number_that_it_came_to() {
    let sandbox = Sandbox::new("save", "number_workers = 1\n# the last line");
    let before = sandbox.read("config.ini");
    let says = |number: u32| before.replace("workers = 1", &format!("workers = {number}"));
    sandbox.ok(&["start"]);
    sandbox.ok(&["scale", "2"]);
    assert_eq!(sandbox.read("config.ini"), before, "nobody asked to save it");
    let told = sandbox.ok(&["scale", "+1", "--save"]);
    assert!(told.contains("number_workers = 3") && told.contains("was 1"), "{told}");
    assert_eq!(sandbox.read("config.ini"), says(3));
    sandbox.settled(3);
    sandbox.ok(&["scale", "--save", "-2"]);
    assert_eq!(sandbox.read("config.ini"), says(1));
    sandbox.ok(&["scale", "2", "--save"]);
    assert_eq!(sandbox.read("config.ini"), says(2));
    let kept = sandbox.settled(2);
    // It is what a reload makes of it, too.
    sandbox.ok(&["reload"]);
    assert_ne!(sandbox.settled(2), kept);
    sandbox.ok(&["config", "undo"]);
    assert_eq!(sandbox.read("config.ini"), says(1));
    // The scale that fails is not saved, and what can't be saved is not begun.
    let refused = sandbox.run(&["scale", "-5", "--save"]);
    assert!(matches!(refused.code, Some(1 | 4)), "{refused:?}");
    fs::set_permissions(sandbox.path("config.ini"), fs::Permissions::from_mode(0o444)).unwrap();
    let refused = sandbox.run(&["scale", "3", "--save"]);
    assert_eq!((refused.code, refused.err.lines().count()), (Some(1), 1), "{refused:?}");
    assert!(refused.err.contains("read-only"), "{refused:?}");
    assert_eq!(sandbox.status()["wanted"], 2, "it was begun");
    assert_eq!(sandbox.read("config.ini"), says(1));
    let refused = sandbox.run(&["scale", "+1", "--save"]);
    assert!(refused.err.contains("scaled to 3, but not saved: config.ini"), "{refused:?}");
    sandbox.ok(&["stop"]);
    let refused = sandbox.run(&["scale", "3", "--save"]);
    assert_eq!(refused.code, Some(3), "{refused:?}");
}

/// Every e2e test would hear of it if a file of root's own were no good.
#[test]
fn a_root_is_warned_of_a_configuration_that_others_may_change() {
    assert!(nix::unistd::geteuid().is_root(), "this test is about root, and needs it");
    let sandbox = Sandbox::new("exposed", "number_workers = 1");
    let path = sandbox.path("config.ini");
    let mode = |mode: u32| fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
    let quiet = sandbox.run(&["start"]);
    assert_eq!((quiet.code, quiet.err.as_str()), (Some(0), ""), "{quiet:?}");
    assert!(!sandbox.read("app.log").contains("may change it"));
    mode(0o666);
    sandbox.ok(&["reload"]);
    let log = sandbox.read("app.log");
    let line =
        log.lines().find(|line| line.contains("may change it")).unwrap_or_else(|| panic!("{log}"));
    assert!(
        line.contains("WARN") && line.contains("config.ini") && line.contains("0666"),
        "{line}"
    );
    sandbox.ok(&["stop"]);
    let told = |what: &str, word: &str| {
        let lines = sandbox.read("app.log").lines().count();
        let output = sandbox.run(&["start"]);
        assert_eq!((output.code, output.err.lines().count()), (Some(0), 1), "{what}: {output:?}");
        assert!(
            output.err.contains("config.ini") && output.err.contains(word),
            "{what}: {output:?}"
        );
        until("it is in the log as well", || {
            sandbox.read("app.log").lines().skip(lines).any(|line| line.contains(word))
        });
        sandbox.ok(&["stop"]);
    };
    told("anyone's", "0666");
    mode(0o664);
    chown(&path, Some(0), Some(4711)).unwrap();
    told("a group's", "0664");
    mode(0o644);
    chown(&path, Some(4711), Some(0)).unwrap();
    told("another user's", "user 4711");
    chown(&path, Some(0), Some(0)).unwrap();
    fs::set_permissions(sandbox.folder(), fs::Permissions::from_mode(0o777)).unwrap();
    told("in anyone's directory", "0777");
    // As in /tmp, where nobody replaces what is another's.
    fs::set_permissions(sandbox.folder(), fs::Permissions::from_mode(0o1777)).unwrap();
    let quiet = sandbox.run(&["start"]);
    assert_eq!((quiet.code, quiet.err.as_str()), (Some(0), ""), "{quiet:?}");
}
