//! Edits that are refused: with a sentence, the right code, and the file untouched.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::process::Command;

use ph_tests::users::nobody_else;
use ph_tests::{Output, Sandbox, finish};

const TEXT: &str = "[DEFAULT]\nnice = 1\n\n[app]\n# how many\nnumber_workers = 2\nbase_path = run\n\
                    log_path = %(base_path)s/log\n";

fn sandbox(test: &str) -> Sandbox {
    let sandbox = Sandbox::new(test, "");
    fs::write(sandbox.path("config.ini"), TEXT).unwrap();
    sandbox
}

/// This code and one sentence with these words in it; the file, and all that is beside it, as before.
#[track_caller]
fn is_refused(sandbox: &Sandbox, output: &Output, code: i32, words: &[&str]) {
    assert_eq!(output.code, Some(code), "{output:?}");
    assert_eq!((output.err.lines().count(), output.out.as_str()), (1, ""), "{output:?}");
    for word in words {
        assert!(output.err.contains(word), "no {word:?}: {output:?}");
    }
    assert_eq!(sandbox.read("config.ini"), TEXT);
    assert!(!sandbox.path(".config.ini.tmp").exists(), "it left its temporary file");
    let former = fs::read_dir(sandbox.path(".config.ini.history"));
    assert_eq!(former.map_or(0, Iterator::count), 0, "it left a text to undo to");
}

#[test]
fn a_configuration_that_would_be_invalid() {
    let sandbox = sandbox("invalid");
    for (arguments, words) in [
        (
            &["set", "number_workers", "-1"][..],
            &["config.ini:6", "number_workers", "1 to 65536"][..],
        ),
        (&["set", "numer_workers", "3"], &["unknown key numer_workers", "number_workers?"]),
        (&["set", "--default", "numer_workers", "3"], &["config.ini:3", "number_workers?"]),
        (&["set", "--default", "nice", "low"], &["config.ini:2", "nice = low", "-20 to 19"]),
        (&["set", "--interpolate", "pidfile", "%(base_pth)s/x"], &["base_pth", "base_path"]),
        (&["set", "--interpolate", "pidfile", "50%"], &["pidfile", "%%"]),
        (&["set", "max_surge", "0"], &["max_surge", "max_unavailable"]),
        (&["set", "app.x", " a"], &["app.x", "blank"]),
        (&["set", "app.x", "a\n; b"], &["app.x", "comment"]),
        (&["set", "app.x", "a\rb"], &["app.x", "carriage return"]),
        (&["set", "app.x=y", "a"], &["app.x=y", "expected a name"]),
    ] {
        let output = sandbox.run(&[&["config"], arguments].concat());
        is_refused(&sandbox, &output, 78, words);
    }
    // What the environment hides is wrong all the same.
    let mut command = sandbox.command(&["config", "set", "number_workers", "lots"]);
    let output = finish(command.env("PH_NUMBER_WORKERS", "4"));
    is_refused(&sandbox, &output, 78, &["config.ini:6", "number_workers = lots"]);
}

/// Of two sections with one file, neither may be broken by an edit for the other.
#[test]
fn a_default_that_another_section_can_not_live_with() {
    let text = "[DEFAULT]\nmax_surge = 1\n[app]\nmax_surge = 2\n[other]\nmax_unavailable = 0\n";
    let sandbox = Sandbox::new("other", "");
    fs::write(sandbox.path("config.ini"), text).unwrap();
    let output = sandbox.run(&["-s", "app", "config", "set", "--default", "max_surge", "0"]);
    assert_eq!((output.code, output.err.lines().count()), (Some(78), 1), "{output:?}");
    assert!(output.err.contains("max_unavailable"), "{output:?}");
    assert_eq!(sandbox.read("config.ini"), text);
}

/// Something is wrong already: the sentences are those of `config check`.
#[test]
fn a_file_that_is_no_configuration() {
    let sandbox = Sandbox::new("syntax", "");
    for text in ["[app]\nnumber_workers 2\n", "number_workers = 2\n", "[one]\n[two]\n"] {
        fs::write(sandbox.path("config.ini"), text).unwrap();
        let check = sandbox.run(&["config", "check"]);
        for arguments in [&["set", "nice", "1"][..], &["unset", "nice"]] {
            let output = sandbox.run(&[&["config"], arguments].concat());
            assert_eq!(output, check, "{text:?}");
            assert_eq!(sandbox.read("config.ini"), text);
        }
    }
}

#[test]
fn a_file_that_is_marked_read_only() {
    let sandbox = sandbox("read-only");
    let path = sandbox.path("config.ini");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o444)).unwrap();
    for arguments in [&["set", "nice", "2"][..], &["unset", "number_workers"], &["undo"]] {
        let output = sandbox.run(&[&["config"], arguments].concat());
        is_refused(&sandbox, &output, 1, &["config.ini", "read-only", "0444"]);
    }
}

/// Another user, who may read the file, write it, or write beside it.
#[test]
fn a_user_who_may_not() {
    let sandbox = sandbox("user");
    let user = nobody_else();
    let path = sandbox.path("config.ini");
    sandbox.copy_program("program");
    let set = || sandbox.run_as(user, &["config", "set", "nice", "2"]);
    is_refused(&sandbox, &set(), 1, &["config.ini", "permissions"]);
    fs::set_permissions(&path, fs::Permissions::from_mode(0o666)).unwrap();
    is_refused(&sandbox, &set(), 1, &[".config.ini.tmp", "Permission denied"]);
    fs::set_permissions(sandbox.folder(), fs::Permissions::from_mode(0o777)).unwrap();
    // Its owner would be another then.
    is_refused(&sandbox, &set(), 1, &["config.ini", "belongs to 0:0", "root"]);
}

/// A disk of 64 KiB, of which next to nothing is left.
#[test]
fn a_full_disk() {
    let sandbox = Sandbox::new("full", "");
    let folder = sandbox.path("disk");
    fs::create_dir(&folder).unwrap();
    // In a namespace of its own: nothing to unmount.
    let script = "mount -t tmpfs -o size=64k none disk && cp text disk/config.ini && \
                  { dd if=/dev/zero of=disk/filler bs=1k 2>/dev/null; true; } && \
                  \"$0\" -c disk/config.ini config set nice 2; code=$?; \
                  cmp text disk/config.ini && ls -A disk; exit $code";
    fs::write(sandbox.path("text"), TEXT).unwrap();
    let mut command = Command::new("unshare");
    command.args(["--mount", "sh", "-c", script]).arg(sandbox.command(&[]).get_program());
    let output = finish(command.current_dir(sandbox.folder()));
    assert_eq!(output.code, Some(1), "{output:?}");
    assert_eq!(output.err.lines().count(), 1, "{output:?}");
    assert!(
        output.err.contains("config.ini") && output.err.contains("No space left"),
        "{output:?}"
    );
    assert_eq!(output.out, "config.ini\nfiller\n", "untouched, and nothing left beside it");
}

/// As a container has it: nothing can be renamed to there.
#[test]
fn a_file_that_is_mounted_by_itself() {
    let sandbox = sandbox("mounted");
    let script = "mount --bind config.ini config.ini && exec \"$0\" config set nice 2";
    let mut command = Command::new("unshare");
    command.args(["--mount", "sh", "-c", script]).arg(sandbox.command(&[]).get_program());
    let output = finish(command.current_dir(sandbox.folder()));
    is_refused(&sandbox, &output, 1, &["config.ini", "mounted"]);
}

/// An editor saves while the new text is being written: in the middle of it, by the preloaded `fsync`.
#[test]
fn a_file_that_somebody_else_changes_meanwhile() {
    let sandbox = sandbox("meanwhile");
    let library = sandbox.library(
        "editor",
        r##"
        #include <fcntl.h>
        #include <stdio.h>
        #include <stdlib.h>
        #include <unistd.h>

        int fsync(int fd)
        {
            static int count;
            (void)fd;
            if (count++)
                return 0;
            const char *into = getenv("SAVE_AS");
            int file = open(into, O_WRONLY | O_APPEND | O_CREAT, 0644);
            if (write(file, "# mine\n", 7) != 7)
                abort();
            close(file);
            return rename(into, "config.ini");
        }
        "##,
    );
    for (name, text) in [("config.ini", TEXT), ("elsewhere", "")] {
        fs::write(sandbox.path("config.ini"), TEXT).unwrap();
        let mut command = sandbox.command(&["config", "set", "nice", "2"]);
        let output = finish(command.env("LD_PRELOAD", &library).env("SAVE_AS", name));
        assert_eq!((output.code, output.err.lines().count()), (Some(4), 1), "{output:?}");
        assert!(output.err.contains("config.ini") && output.err.contains("changed"), "{output:?}");
        assert_eq!(sandbox.read("config.ini"), format!("{text}# mine\n"), "theirs stays");
        assert!(!sandbox.path(".config.ini.tmp").exists());
    }
}

/// A lock that is never given up: told after some seconds, not waited for.
#[test]
fn a_file_that_somebody_else_holds() {
    let sandbox = sandbox("held");
    let holder = fs::File::open(sandbox.path("config.ini")).unwrap();
    holder.lock().unwrap();
    let output = sandbox.run(&["config", "set", "nice", "2"]);
    is_refused(&sandbox, &output, 4, &["config.ini", "another process", "try again"]);
    // Readers don't mind.
    sandbox.ok(&["config", "check"]);
    drop(holder);
    sandbox.ok(&["config", "set", "nice", "2"]);
}

/// What was edited by hand since is not undone unseen.
#[test]
fn an_undo_of_what_was_edited_by_hand_since() {
    let sandbox = sandbox("by-hand");
    sandbox.ok(&["config", "set", "number_workers", "3"]);
    let by_hand = sandbox.read("config.ini") + "# by hand\n";
    fs::write(sandbox.path("config.ini"), &by_hand).unwrap();
    let output = sandbox.run(&["config", "undo"]);
    assert_eq!((output.code, output.err.lines().count()), (Some(4), 1), "{output:?}");
    assert_eq!(sandbox.read("config.ini"), by_hand);
    // It is told where the text is.
    let former = output.err.split_whitespace().last().unwrap();
    assert_eq!(fs::read_to_string(former).unwrap(), TEXT);
    // Edits on top of it can be undone, down to there.
    sandbox.ok(&["config", "set", "number_workers", "4"]);
    sandbox.ok(&["config", "undo"]);
    assert_eq!(sandbox.read("config.ini"), by_hand);
    assert_eq!(sandbox.run(&["config", "undo"]).code, Some(4));
}

/// In a directory where strangers may write, what one laid out is not filled with secrets.
#[test]
fn a_history_that_is_a_strangers() {
    let sandbox = sandbox("stranger");
    let history = sandbox.path(".config.ini.history");
    fs::create_dir(&history).unwrap();
    std::os::unix::fs::chown(&history, Some(nobody_else()), None).unwrap();
    let output = sandbox.run(&["config", "set", "nice", "2"]);
    is_refused(&sandbox, &output, 1, &[".config.ini.history", "remove"]);
    let mode = fs::metadata(sandbox.path("config.ini")).unwrap().mode();
    fs::remove_dir(&history).unwrap();
    std::os::unix::fs::symlink("/tmp", &history).unwrap();
    let output = sandbox.run(&["config", "set", "nice", "2"]);
    assert_eq!(output.code, Some(1), "{output:?}");
    assert_eq!(fs::metadata(sandbox.path("config.ini")).unwrap().mode(), mode);
    assert_eq!(sandbox.read("config.ini"), TEXT);
}
