//! Scenario 46: nobody wakes without cause.

use std::time::Duration;

use ph_tests::{Process, Sandbox, until};

#[test]
fn s46_idle_workers_never_wake_and_the_master_hardly() {
    let section = "number_workers = 4\napp.job = idle\nmax_requests = 10\nboot_timeout = 30\n";
    let sandbox = Sandbox::new("idle", section);
    sandbox.ok(&["start"]);
    let workers = sandbox.settled(4);
    let guard = sandbox.status()["guard_pid"].as_i64().unwrap();
    let (master, guard) = (sandbox.master(), Process::find(guard as i32).unwrap());
    until("all are in their jobs, and asleep", || {
        let status = sandbox.status();
        status["workers"].as_array().unwrap().iter().all(|row| row["active"] == 1)
            && workers.iter().all(|(_, worker)| worker.is_asleep())
            && guard.title().starts_with("ph: guard")
            && guard.is_asleep()
    });
    let asleep = || -> Vec<u64> { workers.iter().map(|(_, it)| it.sleeps()).collect() };
    // A client that goes is a cause.
    sandbox.unwatched(master);
    let before = (asleep(), guard.sleeps(), master.sleeps());
    // Nothing is to happen, and that takes a minute to see.
    std::thread::sleep(Duration::from_secs(60));
    assert_eq!(asleep(), before.0, "workers woke");
    assert_eq!(guard.sleeps(), before.1, "the guard woke");
    assert!(
        master.sleeps() <= before.2 + 2,
        "the master woke {} times",
        master.sleeps() - before.2
    );
    sandbox.ok(&["stop"]);
}
