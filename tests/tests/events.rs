//! Events: what has happened is kept, what happens is told, and who does not listen misses some of it and nobody else.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::process::Stdio;
use std::time::Duration;

use nix::sys::signal::Signal;
use ph_rpc::client::{Connection, Incoming};
use ph_rpc::{Decoder, Limits, Message, Value};
use ph_tests::{Sandbox, until};
use serde_json::Value as Json;

fn lines(text: &str) -> Vec<Json> {
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// The kept events.
fn kept(sandbox: &Sandbox) -> Vec<Json> {
    lines(&sandbox.ok(&["events", "--json"]))
}

/// The events of this name among them.
fn named<'a>(events: &'a [Json], name: &str) -> Vec<&'a Json> {
    events.iter().filter(|event| event["event"] == name).collect()
}

#[track_caller]
fn in_order(events: &[Json]) {
    let numbers: Vec<u64> = events.iter().map(|event| event["seq"].as_u64().unwrap()).collect();
    assert!(numbers.windows(2).all(|pair| pair[1] == pair[0] + 1), "{numbers:?}");
    let times: Vec<&str> = events.iter().map(|event| event["time"].as_str().unwrap()).collect();
    assert!(times.is_sorted(), "{times:?}");
}

#[test]
fn a_start_a_death_a_reload_and_a_stop_that_is_refused() {
    let sandbox = Sandbox::new("kinds", "number_workers = 2\napp.job = idle\n");
    sandbox.ok(&["start"]);
    let (_, victim) = sandbox.settled(2)[1];
    victim.signal(Signal::SIGKILL);
    until("it is replaced", || sandbox.status()["totals"]["crashed"] == 1);
    sandbox.settled(2);
    sandbox.ok(&["scale", "3"]);
    sandbox.ok(&["reload"]);
    // Nothing more happens when the old ones have ended.
    sandbox.settled(3);
    let events = kept(&sandbox);
    in_order(&events);
    assert_eq!(events[0]["seq"], 1);
    assert_eq!(named(&events, "started")[0]["workers"], 2);
    let ended = named(&events, "worker_ended")[0];
    assert_eq!((&ended["id"], &ended["pid"]), (&1.into(), &victim.pid().into()));
    assert_eq!((&ended["cause"], &ended["status"]), (&"crash".into(), &"SIGKILL".into()));
    let scaled = named(&events, "scaled")[0];
    assert_eq!((&scaled["from"], &scaled["to"]), (&2.into(), &3.into()));
    // Who came is told twice: when it was made, and when it was ready.
    for event in ["worker_booting", "worker_ready"] {
        let ids: Vec<_> =
            named(&events, event).iter().map(|it| it["id"].as_u64().unwrap()).collect();
        assert_eq!(ids.len(), 7, "{event}: {ids:?}");
    }
    let changes: Vec<_> = named(&events, "change_ended").iter().map(|it| &it["kind"]).collect();
    assert_eq!(changes, ["scale", "reload"]);
    // The account of the change is the one that status shows.
    let account = &named(&events, "account")[0];
    assert_eq!(account["kind"], "reload");
    assert_eq!(account["account"]["started"], 3);
    assert_eq!(
        account["account"]["started"],
        sandbox.status()["last_change"]["workers"]["started"]
    );
    let text = sandbox.ok(&["events"]);
    assert_eq!(text.lines().count(), kept(&sandbox).len());
    assert!(text.contains("worker_ended  id=1  pid="), "{text}");
    sandbox.ok(&["stop"]);
    assert_eq!(sandbox.run(&["events"]).code, Some(3));
}

const EIGHT: &str = "number_workers = 8\nmax_surge = 8\napp.job = idle\n";

#[test]
fn at_least_a_thousand_are_kept() {
    let sandbox = Sandbox::new("thousand", EIGHT);
    sandbox.ok(&["start"]);
    let mut client = sandbox.client();
    // Each of them makes eight workers and ends eight.
    for _ in 0..60 {
        client.call("reload", vec![]).unwrap().unwrap();
    }
    let events = kept(&sandbox);
    assert!(events.last().unwrap()["seq"].as_u64().unwrap() > 2000);
    in_order(&events);
    assert!((1000..1100).contains(&events.len()), "{} are kept", events.len());
    sandbox.ok(&["stop"]);
}

#[test]
fn who_follows_sees_what_happens_and_the_end() {
    let sandbox = Sandbox::new("follow", "app.job = idle\n");
    sandbox.ok(&["start"]);
    let before = kept(&sandbox).len();
    let mut command = sandbox.command(&["events", "--follow", "--json"]);
    let mut follower = command.stdout(Stdio::piped()).spawn().unwrap();
    let mut told = BufReader::new(follower.stdout.take().unwrap()).lines();
    let mut next = || -> Json { serde_json::from_str(&told.next().unwrap().unwrap()).unwrap() };
    let mut events: Vec<Json> = (0..before).map(|_| next()).collect();
    sandbox.ok(&["reload"]);
    while events.last().unwrap()["event"] != "account" {
        events.push(next());
    }
    sandbox.ok(&["stop"]);
    events.extend(told.map(|line| serde_json::from_str::<Json>(&line.unwrap()).unwrap()));
    in_order(&events);
    assert!(!named(&events, "stopping").is_empty());
    assert_eq!(follower.wait().unwrap().code(), Some(0));
}

/// Whoever follows is told by the program that comes next, and the count goes on.
#[test]
fn an_upgrade_in_place_cuts_nobody_off() {
    let sandbox = Sandbox::new("place", "app.job = idle\nupgrade_mode = inplace\n");
    sandbox.ok(&["start"]);
    let mut follower = Connection::new(sandbox.connect());
    follower.request("events", vec![true.into()]).unwrap();
    assert!(matches!(follower.receive(), Ok(Incoming::Response { .. })));
    for _ in 0..2 {
        sandbox.ok(&["upgrade"]);
    }
    let (mut accounts, mut numbers) = (0, Vec::new());
    while accounts < 2 {
        let Incoming::Notification { method, params } = follower.receive().unwrap() else {
            panic!("nothing was asked");
        };
        assert_eq!(method, "event");
        let event = serde_json::to_value(&params[0]).unwrap();
        accounts += u32::from(event["event"] == "account");
        numbers.push(event["seq"].as_u64().unwrap());
    }
    assert!(numbers.windows(2).all(|pair| pair[1] == pair[0] + 1), "{numbers:?}");
    let events = kept(&sandbox);
    in_order(&events);
    assert_eq!(events[0]["seq"], 1);
    sandbox.ok(&["stop"]);
}

/// What changes of this kind did, in order, and how each ended.
fn steps(events: &[Json], kind: &str) -> Vec<String> {
    let about = events.iter().filter(|event| event["kind"] == kind);
    let word = |event: &Json| match event["event"].as_str()? {
        "change_step" => event["step"].as_str().map(str::to_owned),
        "change_ended" => event["result"].as_str().map(str::to_owned),
        _ => None,
    };
    about.filter_map(word).collect()
}

#[test]
fn each_step_of_a_change_is_told() {
    let section = "app.job = idle\nupgrade_mode = inplace\nrestart_backoff = 30\napp.boot = fail\n\
                   app.flag = %(here)s/flag\n";
    let sandbox = Sandbox::new("steps", section);
    sandbox.ok(&["start"]);
    sandbox.ok(&["reload"]);
    sandbox.ok(&["upgrade"]);
    fs::write(sandbox.path("flag"), "").unwrap();
    assert_eq!(sandbox.run(&["reload"]).code, Some(5));
    assert_eq!(sandbox.run(&["upgrade"]).code, Some(5));
    let events = kept(&sandbox);
    let reloads =
        ["reading", "canary", "rolling", "ok", "reading", "canary", "rolling back", "failed"];
    assert_eq!(steps(&events, "reload"), reloads);
    let forth = ["replacing the program", "reading", "canary"];
    let (done, back) =
        (["rolling", "ok"], ["rolling back", "returning to the former program", "failed"]);
    assert_eq!(
        steps(&events, "upgrade"),
        [forth.as_slice(), &done, &forth, &back].concat(),
        "{events:?}"
    );
    sandbox.ok(&["stop"]);
}

#[test]
fn a_handover_is_told_by_the_master_that_leaves() {
    let sandbox = Sandbox::new("handover", "app.job = idle\nupgrade_mode = handover\n");
    sandbox.ok(&["start"]);
    let mut follower = Connection::new(sandbox.connect());
    follower.request("events", vec![true.into()]).unwrap();
    assert!(matches!(follower.receive(), Ok(Incoming::Response { .. })));
    sandbox.ok(&["upgrade"]);
    let mut events = Vec::new();
    while let Ok(Incoming::Notification { params, .. }) = follower.receive() {
        events.push(serde_json::to_value(&params[0]).unwrap());
    }
    assert_eq!(steps(&events, "upgrade"), ["handing over", "ok"], "{events:?}");
    sandbox.ok(&["stop"]);
}

/// One that never reads holds nobody up, and is told how much it has missed when it does.
#[test]
fn a_slow_reader_loses_events_with_a_count() {
    let sandbox = Sandbox::new("slow", EIGHT);
    sandbox.ok(&["start"]);
    let mut slow = sandbox.connect();
    slow.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let mut ask = Vec::new();
    let request = Message::Request { msgid: 1, method: "events".into(), params: vec![true.into()] };
    ph_rpc::encode(&request, &mut ask);
    std::io::Write::write_all(&mut slow, &ask).unwrap();
    let mut client = sandbox.client();
    // More than the two sockets' buffers and the master's own hold.
    for _ in 0..150 {
        client.call("reload", vec![]).unwrap().unwrap();
    }
    // Until the last of the old ones has ended.
    until("nobody drains", || sandbox.status()["workers"].as_array().unwrap().len() == 8);
    let last = kept(&sandbox).last().unwrap()["seq"].as_u64().unwrap();
    assert!(last > 5000, "{last}");
    let (mut decoder, mut seen, mut lost) = (Decoder::new(Limits::CONTROL), Vec::new(), 0);
    while lost == 0 {
        assert!(decoder.read_from(&mut slow).unwrap() > 0, "it was closed");
        while let Some(message) = decoder.next_message().unwrap() {
            let Message::Notification { params, .. } = message else { continue };
            let event = serde_json::to_value(&params[0]).unwrap();
            match event["count"].as_u64().filter(|_| event["event"] == "lost") {
                Some(count) => lost = count,
                None => seen.push(event["seq"].as_u64().unwrap()),
            }
        }
    }
    assert!(seen.windows(2).all(|pair| pair[1] == pair[0] + 1), "{seen:?}");
    assert_eq!(seen.last().unwrap() + lost, last, "a count that is none");
    // From there on it is up to date again.
    sandbox.ok(&["reload"]);
    let next = loop {
        if let Some(Message::Notification { params, .. }) = decoder.next_message().unwrap() {
            break serde_json::to_value(&params[0]).unwrap();
        }
        assert!(decoder.read_from(&mut slow).unwrap() > 0, "it was closed");
    };
    assert_eq!(next["seq"], last + 1);
    sandbox.ok(&["stop"]);
}

#[test]
fn what_is_no_wish_is_refused() {
    let sandbox = Sandbox::new("wish", "app.job = idle\n");
    sandbox.ok(&["start"]);
    let mut client = Connection::new(sandbox.connect());
    for params in [vec![Value::from(1)], vec!["follow".into()], vec![true.into(), true.into()]] {
        client.request("events", params).unwrap();
        match client.receive() {
            Ok(Incoming::Response { result: Err(error), .. }) => assert_eq!(error.code, 1),
            other => panic!("{other:?}"),
        }
    }
    drop(client);
    let mut gone = Connection::new(sandbox.connect());
    gone.request("events", vec![true.into()]).unwrap();
    drop(gone);
    sandbox.ok(&["reload"]);
    sandbox.ok(&["stop"]);
}
