//! `config set`, `unset` and `undo`: what changes in the file, and what does not.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown, symlink};
use std::path::Path;

use ph_tests::{Sandbox, finish};

const TEXT: &str = "\
; by hand\r
[DEFAULT]\r
# for all\r
graceful_timeout        = 3\r
base_path               = . \r
\r
[one]\r
number_workers          = 2\r
# where it listens\r
bind                    = 127.0.0.1:8000,\r
\t# the second\r
\t127.0.0.1:8001\r
\r
# the other one\r
[two]\r
number_workers:1";

/// A sandbox whose configuration is this text, byte for byte.
fn with(test: &str, text: &str) -> Sandbox {
    let sandbox = Sandbox::new(test, "");
    fs::write(sandbox.path("config.ini"), text).unwrap();
    sandbox
}

/// After this command the file is the same but for one thing.
#[track_caller]
fn replaces(sandbox: &Sandbox, arguments: &[&str], old: &str, new: &str) {
    let before = sandbox.read("config.ini");
    assert_eq!(before.matches(old).count(), 1, "{old:?}");
    sandbox.ok(&[&["-s", "one", "config"], arguments].concat());
    assert_eq!(sandbox.read("config.ini"), before.replace(old, new), "{arguments:?}");
}

#[test]
fn a_set_changes_the_bytes_of_the_value_alone_and_undo_walks_back() {
    let sandbox = with("set", TEXT);
    replaces(&sandbox, &["set", "number_workers", "12"], "= 2\r", "= 12\r");
    replaces(&sandbox, &["set", "NUMBER_WORKERS", "auto"], "= 12\r", "= auto\r");
    replaces(&sandbox, &["set", "--default", "base_path", "/srv"], "= . \r", "= /srv \r");
    let (old, new) = ("127.0.0.1:8000,\r\n", ":80\r\n");
    let second = "\t127.0.0.1:8001\r\n";
    let before = sandbox.read("config.ini");
    sandbox.ok(&["-s", "one", "config", "set", "bind", ":80"]);
    let after = before.replace(old, new).replace(second, "");
    assert_eq!(sandbox.read("config.ini"), after, "the comment between them stays");
    // Inherited: into the section it goes, behind its last key, in the same columns.
    let new = "\t# the second\r\ngraceful_timeout        = 9\r\n\r\n";
    let arguments = ["set", "graceful_timeout", "9"];
    replaces(&sandbox, &arguments, "\t# the second\r\n\r\n", new);
    sandbox.ok(&["-s", "two", "config", "set", "nice", "-5"]);
    assert!(sandbox.read("config.ini").ends_with("\r\nnumber_workers:1\r\nnice:-5"));
    // Six steps back.
    for left in ["5 more", "4 more", "3 more", "2 more", "one more", "nothing more"] {
        let told = sandbox.ok(&["-s", "one", "config", "undo"]);
        assert!(told.contains(left) && told.contains("again"), "{told}");
    }
    assert_eq!(sandbox.read("config.ini"), TEXT);
    let none = sandbox.run(&["-s", "one", "config", "undo"]);
    assert_eq!((none.code, none.err.lines().count()), (Some(4), 1), "{none:?}");
}

#[test]
fn an_unset_takes_the_key_and_leaves_every_comment() {
    let sandbox = with("unset", TEXT);
    let config = |arguments: &[&str]| sandbox.run(&[&["-s", "one", "config"], arguments].concat());
    // The one in [DEFAULT] is not this section's.
    let inherited = config(&["unset", "graceful_timeout"]);
    assert_eq!((inherited.code, inherited.err.lines().count()), (Some(4), 1), "{inherited:?}");
    for word in ["config.ini:4", "graceful_timeout", "[DEFAULT]", "--default"] {
        assert!(inherited.err.contains(word), "{inherited:?}");
    }
    let absent = config(&["unset", "numbre_workers"]);
    assert_eq!((absent.code, absent.err.lines().count()), (Some(4), 1), "{absent:?}");
    assert!(absent.err.contains("did you mean number_workers?"), "{absent:?}");
    let elsewhere = config(&["unset", "--default", "number_workers"]);
    assert!(elsewhere.err.contains("[one]") && elsewhere.code == Some(4), "{elsewhere:?}");
    assert_eq!(sandbox.read("config.ini"), TEXT);
    assert!(!sandbox.path(".config.ini.history").exists(), "nothing was written");

    let line = "graceful_timeout        = 3\r\n";
    replaces(&sandbox, &["unset", "--default", "graceful_timeout"], line, "");
    let before = sandbox.read("config.ini");
    config(&["unset", "bind"]);
    let after = before.replace("bind                    = 127.0.0.1:8000,\r\n", "");
    assert_eq!(sandbox.read("config.ini"), after.replace("\t127.0.0.1:8001\r\n", ""));
}

#[test]
fn a_value_reads_back_as_it_was_given() {
    let sandbox = with("read-back", "[app]\nlog_path = /srv\n");
    for value in
        ["50%", "%(log_path)s/%%", "# no comment", "; neither", "= a : b", "a\nb\n\nc", "é"]
    {
        sandbox.ok(&["config", "set", "app.x", value]);
        assert_eq!(sandbox.ok(&["config", "get", "app.x"]), format!("{value}\n"));
        let python = "import configparser, sys; c = configparser.ConfigParser(); \
                      c.read('config.ini'); sys.stdout.write(c['app']['app.x'])";
        let mut python3 = std::process::Command::new("python3");
        let read = finish(python3.args(["-c", python]).current_dir(sandbox.folder()));
        assert_eq!(read.out, value, "{read:?}");
    }
    sandbox.ok(&["config", "set", "--interpolate", "app.x", "100%% of %(log_path)s"]);
    assert_eq!(sandbox.ok(&["config", "get", "app.x"]), "100% of /srv\n");
    let told = sandbox.run(&["config", "set", "app.x", "%(log_path)s"]);
    assert!(told.err.contains("--interpolate"), "{told:?}");
}

/// The file's other name for the key is kept, not doubled.
#[test]
fn a_key_stays_under_the_name_that_it_has() {
    let sandbox = with("alias", "[app]\nkill_interval = 5\n");
    sandbox.ok(&["config", "set", "max_lifetime", "7"]);
    assert_eq!(sandbox.read("config.ini"), "[app]\nkill_interval = 7\n");
    sandbox.ok(&["config", "unset", "max_lifetime"]);
    assert_eq!(sandbox.read("config.ini"), "[app]\n");
}

#[test]
fn the_link_the_mode_and_the_owner_stay() {
    let sandbox = with("link", "[app]\nnumber_workers = 1\n");
    fs::create_dir(sandbox.path("real")).unwrap();
    fs::rename(sandbox.path("config.ini"), sandbox.path("real/app.ini")).unwrap();
    symlink("real/app.ini", sandbox.path("hop.ini")).unwrap();
    symlink(sandbox.path("hop.ini"), sandbox.path("config.ini")).unwrap();
    let real = sandbox.path("real/app.ini");
    fs::set_permissions(&real, fs::Permissions::from_mode(0o640)).unwrap();
    let root = nix::unistd::geteuid().is_root();
    if root {
        chown(&real, Some(4711), Some(4712)).unwrap();
    }
    sandbox.ok(&["config", "set", "number_workers", "2"]);
    assert_eq!(fs::read_link(sandbox.path("config.ini")).unwrap(), sandbox.path("hop.ini"));
    assert_eq!(fs::read_link(sandbox.path("hop.ini")).unwrap(), Path::new("real/app.ini"));
    assert_eq!(fs::read_to_string(&real).unwrap(), "[app]\nnumber_workers = 2\n");
    // The history is beside the real file, and lets in nobody whom that does not.
    let history = sandbox.path("real/.app.ini.history");
    let kept: Vec<_> = fs::read_dir(&history).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert_eq!(kept.len(), 1, "{kept:?}");
    for (path, mode) in [(&real, 0o640), (&history, 0o750), (&kept[0], 0o640)] {
        let metadata = fs::metadata(path).unwrap();
        assert_eq!(metadata.mode() & 0o7777, mode, "{}", path.display());
        if root {
            assert_eq!((metadata.uid(), metadata.gid()), (4711, 4712), "{}", path.display());
        }
    }
    // It follows the file, if that becomes more secret.
    fs::set_permissions(&real, fs::Permissions::from_mode(0o600)).unwrap();
    sandbox.ok(&["config", "set", "number_workers", "3"]);
    assert_eq!(fs::metadata(&history).unwrap().mode() & 0o7777, 0o700);
    sandbox.ok(&["config", "undo"]);
    assert_eq!(fs::metadata(&real).unwrap().mode() & 0o7777, 0o600);
}

/// As many writers as there are keys: each waits for its turn, and none takes back what another has done.
#[test]
fn writers_wait_for_each_other() {
    let sandbox = with("writers", "[app]\nnumber_workers = 1\n");
    let names: Vec<String> = (0..6).map(|number| format!("app.key{number}")).collect();
    let begun: Vec<_> =
        names.iter().map(|name| sandbox.begin(name, &["config", "set", name, "done"])).collect();
    for writer in begun {
        let (output, _) = sandbox.end(writer);
        assert_eq!(output.code, Some(0), "{output:?}");
    }
    let text = sandbox.read("config.ini");
    for name in &names {
        assert!(text.contains(&format!("{name} = done\n")), "{name} is lost:\n{text}");
    }
    for _ in &names {
        sandbox.ok(&["config", "undo"]);
    }
    assert_eq!(sandbox.read("config.ini"), "[app]\nnumber_workers = 1\n");
}

/// Of more edits than that, the last fifty can be undone.
#[test]
fn the_history_is_bounded() {
    let sandbox = with("bounded", "[app]\nnumber_workers = 1\n");
    for number in 2..=60 {
        sandbox.ok(&["config", "set", "number_workers", &number.to_string()]);
    }
    let kept = fs::read_dir(sandbox.path(".config.ini.history")).unwrap().count();
    assert_eq!(kept, 50);
    for _ in 0..kept {
        sandbox.ok(&["config", "undo"]);
    }
    assert_eq!(sandbox.ok(&["config", "get", "number_workers"]), "10\n");
    assert_eq!(sandbox.run(&["config", "undo"]).code, Some(4));
}

/// What nobody wanted to change is not written, and no step to undo.
#[test]
fn a_set_to_what_is_there_does_nothing() {
    let sandbox = with("same", "[app]\nnumber_workers = 1\n");
    let before = fs::metadata(sandbox.path("config.ini")).unwrap();
    let told = sandbox.ok(&["config", "set", "number_workers", "1"]);
    assert!(told.contains("already"), "{told}");
    let after = fs::metadata(sandbox.path("config.ini")).unwrap();
    assert_eq!((before.ino(), before.mtime_nsec()), (after.ino(), after.mtime_nsec()));
    assert_eq!(sandbox.run(&["config", "undo"]).code, Some(4));
}
