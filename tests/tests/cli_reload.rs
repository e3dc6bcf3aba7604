//! `reload` and its verdict: 0 when the new generation serves, 5 when it failed and the old one serves on, 78 when
//! the file is wrong.

use std::fs;

use ph_tests::Sandbox;

#[test]
fn reload_returns_when_the_new_generation_serves() {
    let sandbox = Sandbox::new("reload", "number_workers = 3\napp.boot = 100");
    sandbox.ok(&["start"]);
    for generation in 2..5 {
        let before = sandbox.settled(3);
        sandbox.ok(&["reload"]);
        let status = sandbox.status();
        assert_eq!(status["generation"], generation);
        let rows = status["workers"].as_array().unwrap();
        let fresh = rows.iter().filter(|row| row["generation"] == generation);
        assert_eq!(fresh.filter(|row| row["state"] == "ready").count(), 3, "returned too early");
        let after = sandbox.settled(3);
        assert!(before.iter().all(|old| !after.contains(old)));
        assert_eq!(sandbox.status()["last_change"]["result"], "ok");
    }
}

/// A generation that cannot boot, whatever way it fails: 5, the reason, and the old workers untouched.
#[test]
fn a_generation_that_cannot_boot_is_rolled_back() {
    for (boot, reason) in [
        ("fail", "told to fail"),
        ("panic", "told to panic"),
        ("exit", "9"),
        ("hang", "boot_timeout"),
    ] {
        // A boot that takes its time on a busy machine is none that hangs.
        let limit = if boot == "hang" { 2 } else { 30 };
        let section = format!(
            "number_workers = 3\nboot_timeout = {limit}\napp.boot = {boot}\n\
             app.flag = %(here)s/flag\nmax_surge = 2"
        );
        let sandbox = Sandbox::new("rollback", &section);
        sandbox.ok(&["start"]);
        let before = sandbox.settled(3);
        fs::write(sandbox.path("flag"), "").unwrap();
        let output = sandbox.run(&["reload"]);
        assert_eq!(output.code, Some(5), "{boot}: {output:?}");
        assert!(output.err.contains(reason), "{boot}: {output:?}");
        assert_eq!(output.err.lines().count(), 1, "{boot}: {output:?}");
        let status = sandbox.status();
        assert_eq!((&status["generation"], &status["wanted"]), (&1.into(), &3.into()), "{boot}");
        assert_eq!(status["last_change"]["result"], "failed", "{boot}");
        assert!(status["last_change"]["reason"].as_str().unwrap().contains(reason), "{status}");
        assert_eq!(sandbox.settled(3), before, "{boot}: an old worker was lost");
        // The next one is as good as any.
        fs::remove_file(sandbox.path("flag")).unwrap();
        sandbox.ok(&["reload"]);
        let after = sandbox.settled(3);
        assert!(before.iter().all(|old| !after.contains(old)), "{boot}");
    }
}

/// The later workers of a generation count as well as its canary.
#[test]
fn a_generation_that_fails_after_its_canary_is_rolled_back_too() {
    let section = "number_workers = 3\napp.boot = fail\napp.slot = 2\napp.flag = %(here)s/flag";
    let sandbox = Sandbox::new("late", section);
    sandbox.ok(&["start"]);
    sandbox.settled(3);
    fs::write(sandbox.path("flag"), "").unwrap();
    let output = sandbox.run(&["reload"]);
    assert_eq!(output.code, Some(5), "{output:?}");
    assert!(output.err.contains("told to fail"), "{output:?}");
    fs::remove_file(sandbox.path("flag")).unwrap();
    sandbox.settled(3);
    let status = sandbox.status();
    assert_eq!(status["generation"], 1);
    let rows = status["workers"].as_array().unwrap();
    assert!(rows.iter().all(|row| row["generation"] == 1), "not the old generation: {status:#}");
}

/// A rolled-back reload gives back the number of workers as well.
#[test]
fn a_rolled_back_reload_gives_back_the_number_of_workers() {
    let rest = "app.boot = fail\napp.flag = %(here)s/flag";
    let sandbox = Sandbox::new("number", &format!("number_workers = 2\n{rest}"));
    sandbox.ok(&["start"]);
    let before = sandbox.settled(2);
    fs::write(sandbox.path("flag"), "").unwrap();
    sandbox.configure(&format!("number_workers = 5\n{rest}"));
    assert_eq!(sandbox.run(&["reload"]).code, Some(5));
    assert_eq!(sandbox.status()["wanted"], 2);
    assert_eq!(sandbox.settled(2), before);
    fs::remove_file(sandbox.path("flag")).unwrap();
    sandbox.ok(&["reload"]);
    sandbox.settled(5);
}

/// A wrong file is refused with 78, its place and the key, and nothing moves.
#[test]
fn a_wrong_file_is_refused() {
    let sandbox = Sandbox::new("wrong", "number_workers = 2");
    sandbox.ok(&["start"]);
    let (before, good) = (sandbox.settled(2), sandbox.read("config.ini"));
    let line = good.lines().count() + 1;
    for wrong in ["graceful_timeot = 3", "graceful_timeout 3", "bind = %(nowhere)s"] {
        fs::write(sandbox.path("config.ini"), format!("{good}{wrong}\n")).unwrap();
        let output = sandbox.run(&["reload"]);
        assert_eq!(output.code, Some(78), "{wrong}: {output:?}");
        assert!(output.err.contains(&format!("config.ini:{line}")), "{wrong}: {output:?}");
    }
    fs::write(sandbox.path("config.ini"), good).unwrap();
    assert_eq!(sandbox.settled(2), before);
    assert_eq!(sandbox.status()["generation"], 1);
}

/// Its workers are ready, and each crashes at its first job: so many are never all ready at one instant.
#[test]
fn a_generation_that_crashes_at_its_work_is_rolled_back_too() {
    let sandbox = Sandbox::new("work", "number_workers = 16");
    sandbox.ok(&["start"]);
    sandbox.settled(16);
    sandbox.configure("number_workers = 16\napp.job = exit");
    let output = sandbox.run(&["reload"]);
    assert_eq!(output.code, Some(5), "{output:?}");
    assert!(output.err.contains("was ready and ended again soon after (crash)"), "{output:?}");
    assert_eq!(output.err.lines().count(), 1, "{output:?}");
    sandbox.settled(16);
    let status = sandbox.status();
    let rows = status["workers"].as_array().unwrap();
    assert!(rows.iter().all(|row| row["generation"] == 1), "not the old generation: {status:#}");
    sandbox.configure("number_workers = 16");
    sandbox.ok(&["reload"]);
    assert_eq!(sandbox.status()["generation"], 3);
}

/// The same at a start, which is over when each has been ready once.
#[test]
fn a_start_of_workers_that_crash_at_their_work_returns() {
    let section = "number_workers = 8\napp.job = exit\nrestart_backoff = 10s";
    let sandbox = Sandbox::new("crashing", section);
    sandbox.ok(&["start"]);
    assert_ne!(sandbox.status()["state"], "starting");
    sandbox.ok(&["stop"]);
}

/// One that is refused costs nothing, and what the one before it did is not told again.
#[test]
fn a_refused_reload_has_no_account() {
    let sandbox = Sandbox::new("account", "number_workers = 2");
    sandbox.ok(&["start"]);
    sandbox.ok(&["reload"]);
    assert_eq!(sandbox.status()["last_change"]["workers"]["started"], 2);
    sandbox.configure("number_workers = 2\nuser = nobody-of-this-name");
    assert_eq!(sandbox.run(&["reload"]).code, Some(78));
    let status = sandbox.status();
    assert_eq!(status["last_change"]["result"], "failed", "{status}");
    assert_eq!(status["last_change"]["workers"], serde_json::Value::Null, "{status}");
}
