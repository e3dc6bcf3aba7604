//! Scenario 47: workers that are Python classes, on CPython and on PyPy.

use ph_rpc::Value;
use ph_rpc::client::{Client, Options};
use ph_tests::python::{Python, Talk, under_load};
use ph_tests::wait::DEADLINE;
use ph_tests::{Output, each_interpreter, until};

each_interpreter![
    s47_requests_are_served_and_counted,
    s47_a_request_under_way_is_finished_at_a_stop,
    s47_what_waits_in_the_queue_is_served_at_a_stop,
    s47_a_reload_loses_no_connection,
    s47_max_requests_loses_no_connection,
    s47_jobs_are_done_one_after_the_other,
    s47_calls_are_answered,
    s47_what_can_not_boot_says_why,
    s47_settings_of_all_layers_arrive,
];

const SERVERS: [&str; 3] = ["Sync", "Thread", "Coroutine"];

fn s47_requests_are_served_and_counted(python: &str) {
    for class in SERVERS {
        let server = Python::serve("served", python, class, "number_workers = 2\n");
        let parents = server.journal("init");
        let master = server.master().pid().to_string();
        assert!(parents.len() == 2 && parents.iter().all(|words| words[2] == master));
        let mut client = server.client();
        for _ in 0..3 {
            assert!(client.ask("hello").starts_with("hello "), "{class}");
        }
        // The answer to the last is written a little before it is counted.
        until("each is counted", || server.sum("requests") == 3);
        assert_eq!(client.ask("fail"), "", "what fails ends its connection, {class}");
        until("the failure is in the log", || server.read("app.log").contains("as asked"));
        assert!(server.client().ask("again").starts_with("again "), "and nothing else, {class}");
        let mut slow = server.client();
        slow.send("sleep 1");
        until("a request is under way", || server.sum("active") == 1);
        assert!(slow.hear().starts_with("sl"), "{class}");
        until("it has ended", || server.sum("active") == 0 && server.sum("requests") == 6);
        let busy = server.status()["workers"]
            .as_array()
            .unwrap()
            .iter()
            .map(|row| row["busy_s"].as_f64().unwrap())
            .sum::<f64>();
        assert!((0.9..10.0).contains(&busy), "{class}: {busy}");
        assert_eq!(server.status()["totals"]["crashed"], 0);
        server.ok(&["stop"]);
        assert_eq!(server.journal("stop").len(), 2, "{class}");
    }
}

/// A client that never says anything is left at half of `graceful_timeout`.
fn s47_a_request_under_way_is_finished_at_a_stop(python: &str) {
    for class in SERVERS {
        let server = Python::serve("drain", python, class, "graceful_timeout = 3\n");
        let mut idle = server.client();
        if class != "Sync" {
            assert!(idle.ask("hello").starts_with("hello "));
        }
        let mut client = server.client();
        if class == "Sync" {
            drop(idle);
            idle = server.client();
        }
        client.send("sleep 1.2");
        until("it is under way", || {
            !server.journal("began").is_empty() && server.sum("active") == 1
        });
        server.ok(&["stop"]);
        assert!(client.hear().starts_with("sl"), "{class}");
        assert_eq!(client.hear(), "", "the next one is another server's, {class}");
        drop(idle);
        assert_eq!(server.journal("stop").len(), 1);
        assert!(!server.read("app.log").contains("SIGKILL"), "{class}: {}", server.read("app.log"));
    }
}

fn s47_what_waits_in_the_queue_is_served_at_a_stop(python: &str) {
    let server = Python::serve("queue", python, "Sync", "graceful_timeout = 10\n");
    let mut first = server.client();
    first.send("whole sleep");
    first.hear();
    let mut busy = server.client();
    busy.send("sleep 1.5");
    until("the worker is busy", || server.sum("active") == 1);
    let mut queue: Vec<Talk> = (0..20).map(|_| server.client()).collect();
    queue.iter_mut().for_each(|client| client.send("whole"));
    let stop = server.begin("stop", &["stop"]);
    busy.hear();
    drop(busy);
    for client in &mut queue {
        assert!(client.hear().starts_with("whole "));
    }
    assert_eq!(server.end(stop).0.code, Some(0));
}

fn s47_a_reload_loses_no_connection(python: &str) {
    for class in SERVERS {
        let server = Python::serve("reload", python, class, "number_workers = 2\n");
        let served = under_load(&server, || {
            for _ in 0..2 {
                server.ok(&["reload"]);
            }
        });
        assert!(served > 0);
        assert_eq!(server.status()["totals"]["crashed"], 0, "{class}");
        assert_eq!(server.status()["generation"], 3);
    }
}

fn s47_max_requests_loses_no_connection(python: &str) {
    for class in SERVERS {
        let settings = "number_workers = 2\nmax_requests = 20\n";
        let server = Python::serve("recycle", python, class, settings);
        under_load(&server, || {
            until("some have been replaced", || {
                server.status()["totals"]["exited"].as_u64().unwrap() >= 4
            });
        });
        let status = server.status();
        assert_eq!(status["totals"]["crashed"], 0, "{class}: {}", server.read("app.log"));
        assert!(server.read("app.log").contains("max_requests"), "{class}");
    }
}

fn s47_jobs_are_done_one_after_the_other(python: &str) {
    for class in ["SyncJobs", "ThreadJobs", "CoroutineJobs"] {
        let settings = "threads = 2\nmax_coroutines = 2\n";
        let server = Python::start("jobs", python, class, settings);
        until("jobs are counted", || server.sum("requests") >= 4);
        assert!(server.journal("job").len() >= 4);
        // A pause is no reason to wait.
        server.ok(&["stop"]);
        assert!(!server.read("app.log").contains("SIGKILL"), "{class}");
        assert_eq!(server.journal("stop").len(), 1, "{class}");
    }
    let server = Python::start("jobs", python, "SyncJobs", "timeout = 500ms\napp.job = hang\n");
    until("one that hangs is killed", || server.run(&["why", "0"]).out.contains("timeout"));
}

fn s47_calls_are_answered(python: &str) {
    let server = Python::serve("calls", python, "Rpc", "timeout = 2\nthreads = 2\n");
    let options = Options { timeout: DEADLINE, in_flight: 1024, ..Options::default() };
    let client = Client::tcp(server.address(), options).unwrap();
    let call = |method: &str, params: Vec<Value>| client.call_values(method, &params);
    assert_eq!(call("add", vec![1.into(), 2.into()]).unwrap(), Value::from(3));
    let values = Value::Array(vec![
        Value::Nil,
        (-5).into(),
        "é".into(),
        Value::Binary(vec![0, 255]),
        0.5.into(),
    ]);
    assert_eq!(call("echo", vec![values.clone()]).unwrap(), values);
    assert_eq!(call("sleep", vec![0.05.into()]).unwrap(), Value::from(0.05));
    assert_eq!(call("block", vec![0.05.into()]).unwrap(), Value::from(0.05));
    let pid = call("worker.pid", vec![]).unwrap();
    assert_eq!(pid.as_i64(), Some(server.settled(1)[0].1.pid().into()));
    for (method, params, says) in [
        ("fly", vec![], "no method"),
        ("add", vec![1.into()], "takes 2 parameters, not 1"),
        ("fail", vec![7.into(), "as asked".into()], "as asked"),
        ("broken", vec![], "KeyError"),
        ("sleep", vec![60.into()], "timed out after"),
    ] {
        let error = call(method, params).unwrap_err().to_string();
        assert!(error.contains(says), "{method}: {error}");
    }
    until("they are counted", || server.sum("requests") >= 9);
    assert_eq!(server.settled(1)[0].1.pid(), pid.as_i64().unwrap() as i32);
    // What was sent is answered at a stop.
    std::thread::scope(|scope| {
        let count = server.journal("began").len();
        let waiting = scope.spawn(|| call("sleep", vec![1.into()]));
        until("it is under way", || server.journal("began").len() > count);
        server.ok(&["stop"]);
        assert_eq!(waiting.join().unwrap().unwrap(), Value::from(1));
    });
    assert!(!server.read("app.log").contains("SIGKILL"), "{}", server.read("app.log"));
}

fn s47_what_can_not_boot_says_why(python: &str) {
    for (class, settings, says) in [
        ("nowhere:Job", "", "there is no module nowhere"),
        ("needs:Job", "", "a_module_that_is_not_there"),
        ("wrong:Job", "", "wrong.py:1"),
        ("classes:Missing", "", "the module classes has no class Missing"),
        ("classes:NoWorker", "", "is no worker; derive it from"),
        ("classes:FailsInConstructor", "", "RuntimeError: no database"),
        ("classes:FailsInInit", "", "init_process failed: RuntimeError: no table"),
        ("classes:TakesOne", "", "handle_request is to take nothing"),
        ("classes:NoCoroutine", "", "async def"),
        ("classes:Sync", "", "set bind or unix_socket"),
    ] {
        let server = Python::new("boot", python, settings);
        let output = server.try_start(class);
        assert_eq!(output.code, Some(70), "{class}: {output:?}");
        assert!(output.err.contains(says), "{class}: {}", output.err);
    }
    // Not installed.
    let server = Python::new("package", python, "");
    let output = server.run(&["start", "--python", "classes:Sync"]);
    assert_eq!(output.code, Some(70));
    let says = format!("{python} does not find the package processhandler; install it");
    assert!(output.err.contains(&says), "{}", output.err);
}

fn s47_settings_of_all_layers_arrive(python: &str) {
    let settings = "app.own = %(mine)s\nmine = it's\npidfile = app.pid\nmax_requests = 7\n";
    let server = Python::new("settings", python, settings);
    let arguments = ["--set", "threads=9", "start", "--python", "classes:Settings"];
    let mut command = server.command(&arguments);
    let output: Output =
        command.env("PH_NUMBER_WORKERS", "1").env("PH_BACKLOG", "77").output().unwrap().into();
    server.remember();
    assert_eq!(output.code, Some(0), "{output:?}");
    until("all is written", || !server.journal("own").is_empty());
    let of = |key: &str| server.journal(key).remove(0)[1..].join(" ");
    assert_eq!(server.journal("own").pop().unwrap()[1..], ["it's", "None"]);
    for (key, value) in
        [("threads", "9"), ("backlog", "77"), ("max_requests", "7"), ("daemonize", "True")]
    {
        assert_eq!(of(key), value, "{key}");
    }
    assert_eq!((of("graceful_timeout").as_str(), of("timeout").as_str()), ("5.0", "None"));
    // What is a number to the one is none of text to the other.
    let shown: serde_json::Value =
        serde_json::from_str(&server.ok(&["config", "show", "--json"])).unwrap();
    for key in
        shown.as_object().unwrap().keys().filter(|key| !["mine", "here"].contains(&key.as_str()))
    {
        assert!(!server.journal(key).is_empty(), "{key} is not passed on");
    }
}
