//! Scenario 20: how wide a reload is. Workers that take two seconds to boot cost no capacity but what was allowed.

use std::fs;

use ph_tests::{Process, Sandbox, until};
use serde_json::Value;

const WORKERS: usize = 3;

/// How many workers are in this state.
fn count(status: &Value, state: &str) -> usize {
    status["workers"].as_array().unwrap().iter().filter(|row| row["state"] == state).count()
}

/// Reloads three workers that boot slowly by now, and looks at `status` all the time: never fewer of them are ready, and
/// never more boot or are ready, than these two say.
fn reload(surge: usize, unavailable: usize) {
    let section = format!(
        "number_workers = {WORKERS}\nmax_surge = {surge}\nmax_unavailable = {unavailable}\n\
         app.boot = 2000\napp.flag = %(here)s/slow\napp.tick_ms = 5\n"
    );
    let sandbox = Sandbox::new("width", &section);
    sandbox.ok(&["start"]);
    let before = sandbox.settled(WORKERS);
    fs::write(sandbox.path("slow"), "").unwrap();
    let mut reload = sandbox.begin("reload", &["reload"]);
    let (mut fewest, mut most, mut booting) = (WORKERS, 0, 0);
    // As it is when the reload is under way, until after its end.
    let mut under_way = true;
    while under_way {
        under_way = reload.is_running();
        let status = sandbox.status();
        let (ready, boots) = (count(&status, "ready"), count(&status, "booting"));
        assert!(ready + unavailable >= WORKERS, "too few: {status}");
        assert!(ready + boots <= WORKERS + surge, "too many: {status}");
        fewest = fewest.min(ready);
        most = most.max(ready + boots);
        booting = booting.max(boots);
    }
    let (output, took) = sandbox.end(reload);
    assert_eq!(output.code, Some(0), "{output:?}");
    assert!(took.as_secs() >= 4, "a canary and the rest boot one after the other: {took:?}");
    let fresh = |(_, worker): &(u64, Process)| !before.iter().any(|(_, old)| old == worker);
    until("all are new", || sandbox.settled(WORKERS).iter().all(fresh));
    // It was no test if what is allowed was never made use of. The canary goes alone, so one fewer is left to replace.
    let widest = WORKERS + surge.min(WORKERS - 1);
    assert_eq!((fewest, most), (WORKERS - unavailable, widest));
    assert!(booting >= 1);
    sandbox.ok(&["stop"]);
}

#[test]
fn s20_one_more_and_none_missing() {
    reload(1, 0);
}

#[test]
fn s20_none_more_and_one_missing() {
    reload(0, 1);
}

#[test]
fn s20_twice_as_many_and_none_missing() {
    reload(WORKERS, 0);
}

#[test]
fn s20_one_more_and_one_missing() {
    reload(1, 1);
}
