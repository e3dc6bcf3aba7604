//! Privileges that can't be dropped as the configuration says: a sentence with file and line, and nothing runs, or what ran goes
//! on.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use ph_tests::privileges::{all, are, open, place, reconfigure, start};
use ph_tests::users::nobody_else;
use ph_tests::{Output, Sandbox};

/// A start that ends with this code and one line, which has all these words in it; nothing is left.
#[track_caller]
fn refused(sandbox: &Sandbox, code: i32, words: &[&str]) {
    let output = start(sandbox);
    assert_eq!(output.code, Some(code), "{output:?}");
    assert_eq!(output.err.lines().count(), 1, "{output:?}");
    for word in words {
        assert!(output.err.contains(word), "{word}: {output:?}");
    }
    sandbox.nothing_runs();
}

#[test]
fn unknown_names_are_told_with_their_line() {
    let cases = [
        ("user = no-such-user\n", "user", "there is no user no-such-user"),
        ("user = nobody:no-such-group\n", "user", "there is no group no-such-group"),
        ("user = nobody\ngroup = no-such-group\n", "group", "there is no group no-such-group"),
        ("user = 4000000000\n", "user", "name a group: 4000000000:GROUP"),
        ("chroot = %(here)s/nowhere\n", "chroot", "no such directory"),
    ];
    for (section, key, says) in cases {
        for daemonize in ["true", "false"] {
            let sandbox = open("unknown", &format!("daemonize = {daemonize}\n{section}"));
            refused(&sandbox, 78, &[&place(&sandbox, key), says]);
        }
    }
}

/// The first worker tries, and the launcher hears why it could not.
#[test]
fn a_worker_that_cannot_be_so_fails_the_start() {
    let sandbox = open("fails", "rlimit_nofile = 4000000000\n");
    refused(&sandbox, 70, &["cannot set rlimit_nofile"]);
}

#[test]
fn without_privilege_it_is_refused_at_the_start_and_at_a_reload() {
    let user = nobody_else();
    for (section, key, lacks) in [
        ("user = nobody\n", "user", "without CAP_SETGID, CAP_SETUID, CAP_KILL"),
        ("group = daemon\n", "group", "without CAP_SETGID"),
        ("chroot = /\n", "chroot", "without CAP_SYS_CHROOT"),
        ("keep_capabilities = cap_kill\n", "keep_capabilities", "does not have CAP_KILL itself"),
    ] {
        let sandbox = Sandbox::named("unprivileged", section);
        sandbox.hand_over(user);
        let said = |output: &Output| {
            assert_eq!(output.code, Some(78), "{output:?}");
            let said = place(&sandbox, key);
            assert!(output.err.contains(&said) && output.err.contains(lacks), "{output:?}");
        };
        said(&sandbox.run_as(user, &["start"]));
        sandbox.nothing_runs();
        reconfigure(&sandbox, "");
        assert_eq!(sandbox.run_as(user, &["start"]).code, Some(0));
        let before = sandbox.settled(1);
        reconfigure(&sandbox, section);
        said(&sandbox.run_as(user, &["reload"]));
        assert_eq!(sandbox.settled(1), before);
        assert_eq!(sandbox.run_as(user, &["stop"]).code, Some(0));
    }
}

/// The configuration of the machine where the master is root serves where it is that very user.
#[test]
fn to_become_who_one_is_takes_no_privilege() {
    let user = nobody_else();
    let sandbox =
        Sandbox::named("itself", &format!("user = {user}:{user}\nno_new_privs = true\nnice = 3\n"));
    sandbox.hand_over(user);
    let output = sandbox.run_as(user, &["start"]);
    assert_eq!(output.code, Some(0), "{output:?}");
    let worker = sandbox.settled(1)[0].1;
    assert_eq!(worker.status_line("Uid"), all(u64::from(user)));
    assert_eq!((worker.nice(), worker.status("NoNewPrivs")), (3, Some(1)));
    // But not a priority that it does not have.
    reconfigure(&sandbox, "nice = -3\n");
    let output = sandbox.run_as(user, &["reload"]);
    assert_eq!(output.code, Some(5), "{output:?}");
    assert!(output.err.contains("cannot set nice"), "{output:?}");
    assert_eq!(sandbox.settled(1)[0].1, worker);
    assert_eq!(sandbox.run_as(user, &["stop"]).code, Some(0));
}

#[test]
fn a_reload_changes_the_user_or_keeps_the_old_one() {
    let sandbox = open("reload", "number_workers = 2\nuser = nobody\n");
    assert_eq!(start(&sandbox).code, Some(0));
    let configure = |section: &str| {
        reconfigure(&sandbox, &format!("number_workers = 2\n{section}"));
    };
    let before = sandbox.settled(2);
    configure("user = no-such-user\n");
    let output = sandbox.run(&["reload"]);
    assert_eq!(output.code, Some(78), "{output:?}");
    let said = place(&sandbox, "user");
    assert!(output.err.contains(&said) && output.err.contains("there is no user"), "{output:?}");
    assert_eq!(sandbox.settled(2), before);
    // They write the journal that nobody has made.
    fs::set_permissions(sandbox.path("journal"), fs::Permissions::from_mode(0o666)).unwrap();
    let stranger = nobody_else();
    configure(&format!("user = {stranger}:{stranger}\n"));
    sandbox.ok(&["reload"]);
    are(&sandbox.settled(2), stranger.into(), stranger.into());
    // And a worker after that, and the other way to replace them.
    sandbox.ok(&["worker", "restart", "--all"]);
    are(&sandbox.settled(2), stranger.into(), stranger.into());
    sandbox.ok(&["stop"]);
}
