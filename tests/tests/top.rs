//! `top`, in a terminal.

use nix::sys::signal::Signal;
use ph_tests::terminal::Terminal;
use ph_tests::{Sandbox, until};

/// The process of a worker, as a row has it.
fn pid_of(sandbox: &Sandbox, worker: usize) -> String {
    sandbox.settled(sandbox.status()["wanted"].as_u64().unwrap() as usize)[worker]
        .1
        .pid()
        .to_string()
}

#[test]
fn the_master_and_its_workers_are_seen() {
    let sandbox = Sandbox::new("seen", "number_workers = 3\napp.job = idle\n");
    sandbox.ok(&["start"]);
    for (columns, wide) in [(80, false), (200, true)] {
        let mut terminal = sandbox.in_terminal(&["top"], 24, columns);
        terminal.until("3 of 3 ready");
        assert!(terminal.is_taken());
        for worker in 0..3 {
            let pid = pid_of(&sandbox, worker);
            // As a whole: it is looked at while it is drawn.
            until("a row that says all", || {
                let text = terminal.text();
                let row = text.lines().find(|line| line.contains(&pid)).unwrap_or_default();
                let mut words = row.split_whitespace();
                row.contains("ready")
                    && row.trim_start().starts_with(&worker.to_string())
                    && words.any(|word| word.ends_with('K') || word.ends_with('M'))
            });
        }
        for what in ["requests/s", "memory", "CPU%", "PSS", "DOING", "q quit"] {
            terminal.until(what);
        }
        let text = terminal.text();
        assert_eq!(text.contains("REQUESTS"), wide, "{text}");
        assert!(text.lines().all(|line| line.chars().count() <= usize::from(columns)), "{text}");
        terminal.press("?");
        terminal.until("any key");
        terminal.press("qq");
        assert!(terminal.end().success());
        until("the screen is given back", || !terminal.is_taken());
    }
    sandbox.ok(&["stop"]);
}

#[test]
fn workers_are_sorted() {
    let sandbox = Sandbox::new("sorted", "number_workers = 3\napp.job = idle\n");
    sandbox.ok(&["start"]);
    sandbox.ok(&["worker", "restart", "0"]);
    let pids: Vec<String> = (0..3).map(|worker| pid_of(&sandbox, worker)).collect();
    let mut terminal = sandbox.in_terminal(&["top"], 24, 100);
    let is_above = |terminal: &Terminal, first: usize, last: usize| {
        let text = terminal.text();
        matches!((text.find(&pids[first]), text.find(&pids[last])), (Some(a), Some(b)) if a < b)
    };
    until("by id", || is_above(&terminal, 0, 1));
    // State, then age: the oldest first.
    terminal.press("ss");
    terminal.until("AGE▼");
    until("by age", || is_above(&terminal, 1, 0));
    terminal.press("S");
    until("the other way round", || is_above(&terminal, 0, 1));
    terminal.press("q");
    assert!(terminal.end().success());
    sandbox.ok(&["stop"]);
}

#[test]
fn keys_restart_stop_and_scale_after_a_yes() {
    let sandbox = Sandbox::new("keys", "number_workers = 3\napp.job = idle\n");
    sandbox.ok(&["start"]);
    let before = sandbox.settled(3);
    let mut terminal = sandbox.in_terminal(&["top"], 24, 80);
    terminal.until("3 of 3 ready");
    terminal.press("jr");
    terminal.until("restart worker 1? y/n");
    terminal.press("n");
    terminal.until("q quit");
    assert_eq!(sandbox.settled(3), before, "there was no yes");
    terminal.press("ry");
    terminal.until("restart worker 1: done");
    let after = sandbox.settled(3);
    assert_eq!((&after[0], &after[2]), (&before[0], &before[2]));
    assert_ne!(after[1], before[1]);
    terminal.press("+");
    terminal.until("start 1 more? y/n");
    terminal.press("y");
    terminal.until("4 of 4 ready");
    terminal.press("x");
    terminal.until("stop worker 1");
    terminal.press("y");
    terminal.until("3 of 3 ready");
    assert!(sandbox.workers("ready").iter().all(|(id, _)| *id != 1));
    for _ in 0..2 {
        // What was said of the last change goes with the next key.
        terminal.press("n");
        terminal.until("q quit");
        terminal.press("-y");
        terminal.until("want 1 less: done");
    }
    terminal.press("n");
    terminal.until("q quit");
    terminal.until("1 of 1 ready");
    terminal.press("-y");
    // One is the least.
    let refusal = terminal.line("want 1 less: ");
    assert!(!refusal.contains("done"), "{refusal}");
    terminal.press("q");
    assert!(terminal.end().success());
    sandbox.ok(&["stop"]);
}

/// It waits for the next one.
#[test]
fn a_master_that_is_gone_is_said_to_be() {
    let sandbox = Sandbox::new("gone", "number_workers = 1\napp.job = idle\n");
    sandbox.ok(&["start"]);
    let mut terminal = sandbox.in_terminal(&["top"], 24, 80);
    terminal.until("1 of 1 ready");
    sandbox.ok(&["stop"]);
    terminal.until("not running");
    terminal.until("no answer");
    sandbox.ok(&["start"]);
    terminal.until("running  standalone");
    terminal.until(&sandbox.master().pid().to_string());
    sandbox.master().takes(Signal::SIGTTIN);
    terminal.until("2 of 2 ready");
    terminal.press("\u{3}");
    assert!(terminal.end().success());
    sandbox.ok(&["stop"]);
}

#[test]
fn without_a_terminal_there_is_a_sentence() {
    let sandbox = Sandbox::new("none", "");
    sandbox.ok(&["start"]);
    let output = sandbox.run(&["top"]);
    assert_eq!(output.code, Some(1), "{output:?}");
    assert!(output.err.contains("needs a terminal"), "{output:?}");
    sandbox.ok(&["stop"]);
    let mut terminal = sandbox.in_terminal(&["top"], 24, 80);
    assert_eq!(terminal.end().code(), Some(3));
    terminal.until("not running");
}
