//! What a leader keeps over reloads and upgrades: its lease, its token, and who watches over both.

use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use ph_tests::leaders::{BOUND, Pair, TTL};
use ph_tests::until;

#[test]
fn a_reload_and_both_kinds_of_upgrade_keep_the_leadership() {
    for mode in ["handover", "inplace"] {
        let section = format!("number_workers = 2\nupgrade_mode = {mode}\n");
        let pair = Pair::start("keeps", &section, 2);
        let token = pair.first.token();
        let before = pair.first.elector();
        pair.first.ok(&["reload"]);
        assert_eq!((pair.first.token(), pair.first.elector()), (token, before));
        pair.first.ok(&["upgrade"]);
        assert_eq!(pair.first.token(), token);
        pair.first.settled(2);
        // It goes on renewing.
        let ends = Instant::now() + Duration::from_secs(TTL + 1);
        until("a lease's time has passed", || {
            assert_eq!(pair.second.status()["role"], "standby");
            Instant::now() > ends
        });
        assert_eq!(pair.first.token(), token);
        // A standby is upgraded and reloaded no less.
        pair.second.ok(&["reload"]);
        pair.second.ok(&["upgrade"]);
        assert_eq!(pair.second.stands_by()["generation"], 3);
        let titles = [&pair.first, &pair.second].map(|sandbox| sandbox.master().title());
        assert_eq!(titles, ["ph: master [fixture]", "ph: standby [fixture]"]);
        pair.first.ok(&["stop"]);
        pair.second.leads(2);
    }
}

#[test]
fn a_failed_upgrade_leaves_the_leadership_where_it_was() {
    for mode in ["handover", "inplace"] {
        let section = format!("number_workers = 2\nupgrade_mode = {mode}\n");
        let pair = Pair::start("fails", &section, 2);
        let token = pair.first.token();
        let text = pair.first.read("config.ini");
        std::fs::write(pair.first.path("config.ini"), text + "app.boot = fail\n").unwrap();
        assert_eq!(pair.first.run(&["upgrade"]).code, Some(5));
        assert_eq!((pair.first.token(), pair.first.settled(2).len()), (token, 2));
        let ends = Instant::now() + Duration::from_secs(TTL + 1);
        until("a lease's time has passed", || Instant::now() > ends);
        assert_eq!(pair.first.token(), token);
        assert_eq!(pair.second.stands_by()["role"], "standby");
    }
}

/// Other settings of the election need a restart.
#[test]
fn a_reload_to_another_election_is_refused() {
    let pair = Pair::start("another", "", 1);
    let text = pair.first.read("config.ini").replace("leader_ttl = 3", "leader_ttl = 4");
    std::fs::write(pair.first.path("config.ini"), text).unwrap();
    for command in ["reload", "upgrade"] {
        let refused = pair.first.run(&[command]);
        assert!([Some(4), Some(5)].contains(&refused.code), "{refused:?}");
        assert!(refused.err.contains("only change by a restart"), "{refused:?}");
    }
    assert_eq!(pair.first.leads(1)["role"], "leader");
}

/// Whoever has the workers after an upgrade has the lease, the guard included.
#[test]
fn a_master_that_was_upgraded_is_guarded_no_less() {
    for mode in ["handover", "inplace"] {
        let section = format!("number_workers = 2\nupgrade_mode = {mode}\n");
        let pair = Pair::start("guarded", &section, 2);
        pair.first.ok(&["upgrade"]);
        pair.first.settled(2);
        let master = pair.first.master();
        master.signal(Signal::SIGSTOP);
        let began = Instant::now();
        pair.second.leads(2);
        assert!(began.elapsed() < BOUND, "{:?}", began.elapsed());
        master.signal(Signal::SIGCONT);
        pair.first.stands_by();
    }
}
