//! The application's hooks: each is called, where it should be and in its order.

use ph_tests::Sandbox;

#[test]
fn hooks_are_called_in_the_master_and_in_order() {
    let sandbox = Sandbox::new("hooks", "number_workers = 1\napp.job = idle\n");
    let file = sandbox.path("moments");
    let start = sandbox.command(&["start"]).env("FIXTURE_HOOKS", &file).status().unwrap();
    assert!(start.success());
    let (master, first) = (sandbox.master().pid(), sandbox.settled(1)[0].1.pid());
    sandbox.ok(&["reload"]);
    let second = sandbox.settled(1)[0].1.pid();
    sandbox.ok(&["stop"]);

    let text = sandbox.read("moments");
    let moments: Vec<(&str, i32)> = text
        .lines()
        .map(|line| line.split_once(' ').unwrap())
        .map(|(what, pid)| (what, pid.parse().unwrap()))
        .collect();
    // What the master said, in its order; a worker says its own at its own time.
    let masters: Vec<&str> =
        moments.iter().filter(|(_, pid)| *pid == master).map(|(what, _)| *what).collect();
    let expected = [
        "on_starting",
        "pre_fork:0",
        "when_ready",
        "on_reload",
        "pre_fork:0",
        &format!("worker_exit:0:{first}"),
        &format!("worker_exit:0:{second}"),
        "on_exit",
    ];
    assert_eq!(masters, expected, "{text}");
    let workers: Vec<(&str, i32)> =
        moments.iter().filter(|(_, pid)| *pid != master).copied().collect();
    assert_eq!(workers, [("post_fork:0", first), ("post_fork:0", second)], "{text}");
}
