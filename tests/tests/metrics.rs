//! `metrics`, `status --watch`: the figures of a master for those who look at it all the time.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, Stdio};
use std::time::Duration;

use nix::sys::signal::Signal;
use ph_tests::{Sandbox, until};

/// The value of a sample.
#[track_caller]
fn sample(text: &str, name: &str) -> f64 {
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    line.unwrap_or_else(|| panic!("no {name} in\n{text}")).parse().unwrap()
}

#[test]
fn the_figures_are_those_of_the_status() {
    let sandbox = Sandbox::new("figures", "number_workers = 2");
    sandbox.ok(&["start"]);
    sandbox.ok(&["reload"]);
    sandbox.settled(2);
    until("a worker has done a job", || sandbox.status()["totals"]["requests"] != 0);
    let before = sandbox.status();
    let text = sandbox.ok(&["metrics"]);
    assert!(text.ends_with("\n# EOF\n"), "{text}");
    assert_eq!(sample(&text, "ph_up"), 1.0);
    assert_eq!(sample(&text, "ph_generation"), 2.0);
    assert_eq!(sample(&text, "ph_workers_wanted"), 2.0);
    assert_eq!(sample(&text, "ph_workers{state=\"ready\"}"), 2.0);
    assert_eq!(sample(&text, "ph_state{ph_state=\"running\"}"), 1.0);
    assert_eq!(sample(&text, "ph_workers_spawned_total"), 4.0);
    assert_eq!(sample(&text, "ph_last_change_ok{kind=\"reload\"}"), 1.0);
    let requests = before["totals"]["requests"].as_f64().unwrap();
    assert!(sample(&text, "ph_requests_total") >= requests);
    for worker in ["0", "1"] {
        let resident = sample(&text, &format!("ph_worker_resident_bytes{{worker=\"{worker}\"}}"));
        assert!(resident > 100_000.0, "{text}");
    }
    // What is said of a family is said once, and before its samples.
    let mut families: Vec<&str> =
        text.lines().filter_map(|line| line.strip_prefix("# TYPE ")).collect();
    let count = families.len();
    families.sort_unstable();
    families.dedup();
    assert_eq!(families.len(), count, "{text}");
}

/// `metrics --listen`, until it is dropped.
struct Exporter {
    child: Child,
    address: SocketAddr,
}

impl Exporter {
    fn of(sandbox: &Sandbox) -> Self {
        let mut command = sandbox.command(&["metrics", "--listen", "127.0.0.1:0"]);
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
        let address = line.trim().strip_prefix("metrics at http://").unwrap();
        let address = address.strip_suffix("/metrics").unwrap().parse().unwrap();
        Self { child, address }
    }

    /// Sends this much and reads to the end.
    fn ask(&self, text: &str) -> String {
        let mut stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        stream.write_all(text.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }

    fn figures(&self) -> String {
        self.ask("GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n")
    }
}

impl Drop for Exporter {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn a_scraper_is_answered_by_a_process_of_its_own() {
    let sandbox = Sandbox::new("scraped", "number_workers = 1\napp.job = idle\n");
    sandbox.ok(&["start"]);
    let exporter = Exporter::of(&sandbox);
    let answer = exporter.figures();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{head}");
    assert!(head.contains("\r\nContent-Type: application/openmetrics-text;"), "{head}");
    assert!(head.contains(&format!("\r\nContent-Length: {}\r\n", body.len())), "{head}");
    assert_eq!(sample(body, "ph_workers{state=\"ready\"}"), 1.0);
    sandbox.ok(&["scale", "2"]);
    assert_eq!(sample(&exporter.figures(), "ph_workers{state=\"ready\"}"), 2.0);

    // One who says nothing, and one who says something else, keep nobody out.
    let silent = TcpStream::connect(exporter.address).unwrap();
    assert!(exporter.ask("POST /metrics HTTP/1.1\r\n\r\n").starts_with("HTTP/1.1 405 "));
    assert!(exporter.ask("GET / HTTP/1.1\r\n\r\n").starts_with("HTTP/1.1 404 "));
    assert!(exporter.ask("nonsense\r\n\r\n").starts_with("HTTP/1.1 400 "));
    drop(silent);

    // The master serves none of this, and that it is gone is a figure.
    sandbox.ok(&["stop"]);
    let answer = exporter.figures();
    assert_eq!(sample(&answer, "ph_up"), 0.0);
    assert!(!answer.contains("ph_workers"), "{answer}");
    sandbox.ok(&["start"]);
    assert_eq!(sample(&exporter.figures(), "ph_up"), 1.0);
}

#[test]
fn metrics_of_nobody() {
    let sandbox = Sandbox::new("nobody", "");
    assert_eq!(sandbox.run(&["metrics"]).code, Some(3));
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let output = sandbox.run(&["metrics", "--listen", &address]);
    assert_eq!(output.code, Some(1), "{output:?}");
    assert!(output.err.contains(&address), "{output:?}");
    assert_eq!(sandbox.run(&["metrics", "--listen", "nowhere"]).code, Some(2));
}

#[test]
fn a_watch_goes_on_until_the_master_is_gone() {
    let sandbox = Sandbox::new("watch", "number_workers = 2\napp.job = idle\n");
    sandbox.ok(&["start"]);
    sandbox.settled(2);
    let pages = sandbox.begin("pages", &["status", "--watch"]);
    let objects = sandbox.begin("objects", &["status", "--watch", "--json"]);
    let mut page_count = 0;
    until("it was looked at thrice", || {
        page_count = sandbox.read("pages.out").matches("2 of 2 ready").count();
        page_count >= 3 && sandbox.read("objects.out").lines().count() >= 3
    });
    for line in sandbox.lines("objects.out").lines() {
        let status: serde_json::Value = serde_json::from_str(line).unwrap();
        assert_eq!(status["wanted"], 2);
    }
    sandbox.master().signal(Signal::SIGTERM);
    for watch in [pages, objects] {
        let (output, _) = sandbox.end(watch);
        assert_eq!(output.code, Some(3), "{}", output.err);
    }
}

/// The table tells what each worker costs and does.
#[test]
fn a_busy_worker_is_seen_at_work() {
    let sandbox = Sandbox::new("doing", "number_workers = 2\napp.job = idle\n");
    sandbox.ok(&["start"]);
    sandbox.settled(2);
    until("both are in their jobs", || {
        let workers = sandbox.status()["workers"].clone();
        workers.as_array().unwrap().iter().all(|worker| worker["oldest_s"].is_number())
    });
    let text = sandbox.ok(&["status"]);
    assert_eq!(text.matches("a request for").count(), 2, "{text}");
    let row = text.lines().find(|line| line.contains("ready  ")).unwrap();
    assert!(row.contains('M') || row.contains('K'), "no memory in {row}");
}
