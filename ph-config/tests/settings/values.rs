//! What the texts mean, what is refused, and how that is said.

use std::{
    env,
    ffi::OsString,
    os::unix::ffi::OsStringExt,
    path::{Path, PathBuf},
    time::Duration,
};

use ph_config::{Count, CpuAffinity, Effect, KEYS, LoadRequest, Settings, User, WorkerClass};

use crate::{layers, request, settings, told, told_with};

/// The shape of the ancestor's configuration: inherited directories, one with a blank behind it,
/// comments of other tongues above every key, aligned equals signs.
const ANCESTRAL: &str = "\
[DEFAULT]
#délai d'arrêt
graceful_timeout        = 3

#répertoire de base
base_path               = .\x20

#répertoire du journal
log_path                = ./log

#一つだけ
single_instance         = false

[mailer]
#démon
daemonize               = true

proc_name               = mailer

#PID
pidfile                 = %(base_path)s/master.pid

log_file                = %(log_path)s/master.log

max_requests            = 500

number_workers          = 3
";

#[test]
fn the_ancestors_configuration_reads_as_it_stands() {
    let settings = settings(ANCESTRAL);
    assert_eq!(settings.section, "mailer");
    assert_eq!(settings.proc_name, "mailer");
    assert_eq!(settings.base_path, Path::new("/srv/app"));
    assert_eq!(settings.pidfile.as_deref(), Some(Path::new("/srv/app/master.pid")));
    assert_eq!(settings.log_file.as_deref(), Some(Path::new("/srv/app/log/master.log")));
    assert_eq!(settings.control_socket, Path::new("/srv/app/mailer.sock"));
    assert_eq!(settings.graceful_timeout, Some(Duration::from_secs(3)));
    assert_eq!(settings.max_requests, Some(500));
    assert_eq!(settings.number_workers.exact(), Some(3));
    assert!(settings.daemonize && !settings.single_instance);
    assert_eq!(settings.worker_class, WorkerClass::Sync);
    settings.check_runnable().unwrap();
}

#[test]
fn the_reference_reads_where_it_is_at_hand() {
    let Some(path) = env::var_os("PH_REFERENCE_CONFIG").map(PathBuf::from) else { return };
    if !path.exists() {
        return;
    }
    let settings = Settings::load(&LoadRequest::new(&path, "/srv/app")).unwrap();
    assert_eq!(settings.number_workers.exact(), Some(2));
    assert_eq!(settings.max_requests, Some(10_000));
    assert_eq!(settings.pidfile.as_deref(), Some(Path::new("/srv/app/master.pid")));
    assert_eq!(settings.log_file.as_deref(), Some(Path::new("/srv/app/master.log")));
    assert_eq!(settings.control_socket, Path::new("/srv/app/jobexecute.sock"));
    assert!(settings.daemonize);
}

#[test]
fn defaults_are_those_of_the_reference() {
    let settings = settings("[web]\n");
    assert_eq!(settings.proc_name, "web");
    assert_eq!(settings.leader_key, "web");
    assert_eq!(settings.control_socket, Path::new("/srv/app/web.sock"));
    assert_eq!(settings.boot_timeout, Some(Duration::from_secs(30)));
    assert_eq!(settings.timeout, None);
    assert_eq!(settings.ready_after, Duration::from_millis(500));
    assert_eq!(settings.unix_socket_mode, 0o660);
    assert_eq!((settings.max_surge, settings.max_unavailable), (1, 0));
    assert_eq!(settings.max_workers, settings.number_workers);
    assert_eq!(settings.cpu_affinity, CpuAffinity::None);
    assert_eq!(settings.python, Path::new("python3"));
    assert_eq!(settings.stop_signal.number(), 15);
    assert_eq!(settings.leader_ttl, Duration::from_secs(10));
    for key in KEYS {
        assert!(settings.text(key.name).is_some(), "{} is shown", key.name);
    }
}

#[test]
fn a_canonical_text_gives_the_same_value() {
    let text = "[web]\nbind = LOCALHOST:80, [::1]:81,\n  :82\ncommand = sh -c 'exit \"3\"'\n\
        environment = A=1 'B=x y'\ntimeout = 90\nmax_memory = 1.5g\ncpu_affinity = 1,0;2-3\n\
        user = www:adm\nkeep_capabilities = net_raw, CHOWN\nrlimit_core = 0\nrlimit_nofile = unlimited\n\
        umask = 27\nnice = -5\nmax_greenlets = 7\nstop_signal = 35\nkill_interval = 1.5h\n\
        leader_endpoints = http://a:1, b:2\nleader = etcd\nnumber_workers = AUTO\napp.x = 1\n";
    let settings = settings(text);
    let set: Vec<(String, String)> = KEYS
        .iter()
        .map(|key| (key.name.to_owned(), settings.text(key.name).expect("every key has a text")))
        .chain([("app.x".to_owned(), "1".to_owned())])
        .collect();
    let request = LoadRequest { overrides: set, ..request() };
    let again = layers("[web]\n", &request).settings().unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(again, settings);
    assert_eq!(settings.worker_class, WorkerClass::Exec);
    assert_eq!(settings.max_workers, Count::Auto);
    assert_eq!(settings.max_coroutines, 7);
    assert_eq!(settings.max_lifetime, Some(Duration::from_secs(5400)));
    assert_eq!(settings.user, Some(User { name: "www".into(), group: Some("adm".into()) }));
    assert_eq!(settings.umask, Some(0o27));
}

#[test]
fn every_problem_is_told_at_once() {
    let text = "[DEFAULT]\nnumber_worker = 4\n\n[app]\nbind = a,\n  b\nnumber_workers\n  =\n";
    assert_eq!(
        told_with(text, &request()),
        "conf/app.ini:7: expected \"key = value\" or a [section] header, found \"number_workers\""
            .to_owned()
    );
    let text = "[DEFAULT]\nnumber_worker = 4\n[app]\nbind = 1.2.3.4:1,\n  [::1]:2,\n  c\n\
        number_workers =\n  -1\ndaemonize = perhaps\nmax_surge = 0\n";
    let request = request()
        .environment([
            ("PH_NICE".into(), "low".into()),
            ("PH_THREADS".into(), OsString::from_vec(vec![b'4', 0xff])),
        ])
        .set("colour", "red")
        .set("umask", "8");
    let told = told_with(text, &request);
    let lines: Vec<&str> = told.lines().collect();
    assert_eq!(
        lines,
        [
            "conf/app.ini:2: unknown key number_worker; did you mean number_workers?",
            "conf/app.ini:4: bind = 1.2.3.4:1,\\n[::1]:2,\\nc: no port in \"c\"; expected host:port \
         (127.0.0.1:8000, [::1]:8000, localhost:8000, :8000), several with commas between them, or none",
            "conf/app.ini:7: number_workers = -1: expected a whole number from 1 to 65536, or auto",
            "conf/app.ini:9: daemonize = perhaps: expected true or false (1, yes, on or 0, no, off)",
            "conf/app.ini:10: max_surge and max_unavailable are both 0, so no worker could ever be replaced; raise one",
            "environment PH_THREADS: threads = 4\u{fffd}: expected UTF-8",
            "--set colour: unknown key colour; a key of the application itself is written app.colour",
            "--set umask: umask = 8: expected an octal number from 0000 to 0777, or none",
            "environment PH_NICE: nice = low: expected a whole number from -20 to 19, or none",
        ]
    );
}

#[test]
fn rules_between_keys_hold() {
    for (lines, expected) in [
        (
            "scaling = dynamic\nmin_workers = 3\nmax_workers = 2\n",
            "min_workers = 3 is more than max_workers = 2",
        ),
        ("min_workers = 3\nmax_workers = 2\n", "min_workers = 3 is more than max_workers = 2"),
        (
            "scaling = dynamic\nnumber_workers = 9\nmax_workers = 8\n",
            "number_workers = 9 must lie between",
        ),
        (
            "scaling = dynamic\nmin_workers = 2\nmax_workers = 8\n",
            "number_workers = 1 must lie between",
        ),
        ("scaling = dynamic\nmin_workers = 0\n", "min_workers = 0 needs scaling = ondemand"),
        ("command = a\npython_class = m:C\n", "command and python_class are both set"),
        ("worker_class = thread\ncommand = a\n", "worker_class = thread does not go with command"),
        ("user = a:b\ngroup = c\n", "group = c and user = …:b name two groups"),
        ("leader = etcd\nleader_key = a/last-leader\n", "another election keeps its record"),
        ("leader_tls_cert = a\n", "leader_tls_cert and leader_tls_key belong together"),
        (
            "accept = reuseport\nscaling = ondemand\n",
            "with scaling = ondemand make it exclusive or lock",
        ),
        ("restart_backoff = 1m\n", "restart_backoff_max is below restart_backoff"),
        ("pidfile = conf/app.ini\n", "pidfile is the configuration itself, /srv/app/conf/app.ini"),
        ("log_file = ./conf/app.ini\n", "log_file is the configuration itself"),
        ("pidfile = x\nlog_file = ./y/../x\n", "pidfile and log_file are both /srv/app/x"),
        ("unix_socket = app.sock\n", "unix_socket and control_socket are both /srv/app/app.sock"),
    ] {
        let told = told(lines);
        assert!(told.starts_with("conf/app.ini:") && told.contains(expected), "{lines}{told}");
        assert_eq!(told.lines().count(), 1, "{told}");
    }
    for lines in [
        "min_workers = 3\n",
        "scaling = ondemand\nmin_workers = 0\nmax_workers = 9\n",
        "scaling = dynamic\nnumber_workers = auto\nmin_workers = 2\n",
        "max_surge = 0\nmax_unavailable = 1\n",
        "worker_class = exec\n",
        "leader = file\nleader_key = run/last-leader\n",
        "user = a:b\ngroup = b\n",
    ] {
        settings(&format!("[app]\n{lines}"));
    }
}

#[test]
fn what_a_command_needs_is_checked_when_it_needs_it() {
    let told = |lines: &str| {
        settings(&format!("[app]\n{lines}")).check_runnable().unwrap_err().to_string()
    };
    assert_eq!(
        told("worker_class = exec\n"),
        "conf/app.ini [app]: worker_class = exec needs a program; set command or python_class"
    );
    assert!(told("leader = etcd\n").contains("needs leader_endpoints"));
    settings("[app]\npython_class = jobs:Mail\n").check_runnable().unwrap();
}

#[test]
fn derived_keys_follow_and_may_be_set() {
    let at = |lines: &str| settings(&format!("[app]\n{lines}")).control_socket;
    assert_eq!(at("base_path = run\n"), Path::new("/srv/app/run/app.sock"));
    assert_eq!(at("base_path = run\npidfile = x/a.pid\n"), Path::new("/srv/app/x/app.sock"));
    assert_eq!(at("pidfile = /a.pid\nproc_name = w\n"), Path::new("/w.sock"));
    assert_eq!(at("pidfile = a.pid\nbase_path = run\n"), Path::new("/srv/app/app.sock"));
    assert_eq!(at("control_socket = c\n"), Path::new("/srv/app/c"));
    assert_eq!(at("control_socket = none\n"), Path::new("/srv/app/app.sock"));
    let python = settings("[app]\npython_class = m:C\nnotify = none\n");
    assert_eq!(python.notify.to_string(), "ready");
    assert_eq!(told("proc_name = a/b\n").lines().count(), 1, "consequences are not told");
}

#[test]
fn limits_are_switched_off_by_zero_and_none() {
    for off in ["0", "none", "None", "0s", "0.0", ""] {
        let text = format!("[app]\nboot_timeout = {off}\ngraceful_timeout ={off}\n");
        let settings = settings(&text);
        assert_eq!((settings.boot_timeout, settings.graceful_timeout), (None, None), "{off}");
    }
    assert_eq!(settings("[app]\nmax_requests = 0\nmax_memory = none\n").max_requests, None);
    for lines in
        ["threads = none\n", "restart_backoff = 0\n", "leader_ttl = 1.9\n", "timeout = -1\n"]
    {
        told(lines);
    }
}

#[test]
fn changes_name_texts_and_effects() {
    let old = settings("[app]\ntimeout = 60\nbind = :1\npidfile = a\napp.x = 1\napp.y = 1\n");
    let new =
        settings("[app]\ntimeout = 1m\nbind = :2\npidfile = b\nnumber_workers = 2\napp.x = 2\n");
    let changes: Vec<_> = new
        .changes_from(&old)
        .into_iter()
        .map(|c| (c.key, c.old_text, c.new_text, c.effect))
        .collect();
    let change =
        |key: &str, old: &str, new: &str, effect| (key.into(), old.into(), new.into(), effect);
    assert_eq!(
        changes,
        [
            change("pidfile", "/srv/app/a", "/srv/app/b", Effect::Restart),
            change("number_workers", "1", "2", Effect::Live),
            change("max_workers", "1", "2", Effect::Live),
            change("bind", "0.0.0.0:1", "0.0.0.0:2", Effect::NewListeners),
            change("app.x", "1", "2", Effect::NewWorkers),
            change("app.y", "1", "none", Effect::NewWorkers),
        ]
    );
    assert_eq!(new.changes_from(&new), []);
}
