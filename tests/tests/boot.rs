//! Scenarios 1 to 9: boot and locks.

use ph_tests::Sandbox;

/// Scenario 1.
#[test]
fn s01_start_returns_when_all_are_ready_and_titled() {
    let sandbox = Sandbox::new("s01", "number_workers = 4");
    sandbox.ok(&["start"]);
    let workers = sandbox.workers("ready");
    assert_eq!(workers.len(), 4, "start returned before its workers were ready");
    assert_eq!(sandbox.master().title(), "ph: master [fixture]");
    assert_eq!(sandbox.master().comm(), "ph: master [fix");
    for (slot, worker) in workers {
        assert_eq!(worker.title(), format!("ph: worker {slot} [fixture]"));
        assert_eq!(worker.comm(), format!("ph: worker {slot} [f"));
    }
    sandbox.ok(&["stop"]);
}
