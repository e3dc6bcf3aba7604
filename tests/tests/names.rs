//! Names in `bind`: looked up by a child, so that the master never waits for an answer.
//!
//! The name service is a preloaded one of the test's own: it answers when the test has written the answer.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;

use nix::sys::signal::Signal;
use ph_tests::listeners::{own_address, reach};
use ph_tests::{Output, Process, Sandbox, finish, until, until_some};

/// Reads the address of a name from the file that has that name, as soon as there is one; `?` for no address.
const NAMES: &str = r#"
#define _GNU_SOURCE
#include <dlfcn.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int getaddrinfo(const char *node, const char *service, const struct addrinfo *hints,
                struct addrinfo **found)
{
    int (*real)(const char *, const char *, const struct addrinfo *, struct addrinfo **) =
        dlsym(RTLD_NEXT, "getaddrinfo");
    char path[4096], address[64] = "";
    FILE *answer;
    snprintf(path, sizeof path, "%s/%s", getenv("FIXTURE_NAMES"), node);
    while (!(answer = fopen(path, "r")))
        usleep(1000);
    fgets(address, sizeof address, answer);
    fclose(answer);
    return strcmp(address, "?") ? real(address, service, hints, found) : EAI_NONAME;
}
"#;

/// A sandbox whose programs ask that name service.
struct Service {
    sandbox: Sandbox,
    library: std::path::PathBuf,
}

impl Service {
    fn new(test: &str, section: &str) -> Self {
        let sandbox = Sandbox::named(test, section);
        let library = sandbox.library("names", NAMES);
        Self { sandbox, library }
    }

    /// Writes the whole of an answer at once.
    fn answer(&self, name: &str, answer: &str) {
        fs::write(self.sandbox.path("answer"), answer).unwrap();
        fs::rename(self.sandbox.path("answer"), self.sandbox.path(name)).unwrap();
    }

    fn forget(&self, name: &str) {
        fs::remove_file(self.sandbox.path(name)).unwrap();
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = self.sandbox.command(arguments);
        command.env("LD_PRELOAD", &self.library).env("FIXTURE_NAMES", self.sandbox.folder());
        command
    }

    fn start(&self) -> Output {
        let output = finish(&mut self.command(&["start"]));
        self.sandbox.remember();
        output
    }
}

fn resolvers(master: Process) -> Vec<Process> {
    let mut children = master.children();
    children.retain(|child| child.title().starts_with("ph: resolver ["));
    children
}

fn url(address: SocketAddr) -> String {
    format!("tcp://{address}")
}

/// By the machine's own name service: RFC 6761 keeps `.invalid` from ever being a name.
#[test]
fn a_name_that_nobody_knows_ends_the_start() {
    for daemonize in ["true", "false"] {
        let section = format!("daemonize = {daemonize}\nbind = nowhere.invalid:8000\n");
        let sandbox = Sandbox::named("unknown", &section);
        let output = finish(&mut sandbox.command(&["start"]));
        sandbox.adopt_all();
        assert_eq!(output.code, Some(78), "{output:?}");
        let said = "bind = nowhere.invalid:8000: cannot resolve nowhere.invalid: ";
        assert!(output.err.contains(said) && output.err.lines().count() == 1, "{output:?}");
        sandbox.nothing_runs();
    }
}

/// The C library takes this for an address in hexadecimal, without a file or a server that a machine may lack.
#[test]
fn the_machines_own_name_service_is_asked() {
    let sandbox = Sandbox::new("hexadecimal", "bind = 0x7f000001:0\n");
    sandbox.ok(&["start"]);
    let [listener] = &sandbox.listeners()[..] else { panic!("one listener") };
    assert!(listener.starts_with("tcp://127.0.0.1:"), "{listener}");
    reach(listener).unwrap();
    sandbox.ok(&["stop"]);
}

/// The service would never answer for this name.
#[test]
fn localhost_is_not_looked_up() {
    let service = Service::new("localhost", "bind = localhost:0\n");
    assert_eq!(service.start().code, Some(0));
    let [listener] = &service.sandbox.listeners()[..] else { panic!("one listener") };
    assert!(listener.starts_with("tcp://127.0.0.1:"), "{listener}");
    service.sandbox.ok(&["stop"]);
}

#[test]
fn a_start_waits_for_a_slow_answer() {
    let address = own_address();
    let port = address.port();
    let service = Service::new("slow-start", &format!("bind = slow.example:{port}\n"));
    let mut start = service.command(&["start"]).spawn().unwrap();
    let resolver = until_some("a resolver", || {
        let all = service.sandbox.processes();
        all.into_iter().find(|process| process.title().starts_with("ph: resolver ["))
    });
    service.sandbox.adopt_all();
    assert!(start.try_wait().unwrap().is_none(), "start did not wait");
    service.answer("slow.example", &address.ip().to_string());
    assert!(until_some("start returns", || start.try_wait().unwrap()).success());
    until("the look-up has ended", || !resolver.is_alive());
    assert_eq!(service.sandbox.listeners(), [url(address)]);
    service.sandbox.ok(&["stop"]);
}

/// While a reload waits for a name, the master does all that it is there for.
#[test]
fn a_reload_that_waits_for_a_name_holds_nobody_up() {
    let (kept, moved) = (own_address(), own_address());
    let service = Service::new("slow-reload", &format!("bind = {kept}\n"));
    let sandbox = &service.sandbox;
    assert_eq!(service.start().code, Some(0));
    let master = sandbox.master();
    let section = format!("bind = {kept}, slow.example:{}\n", moved.port());
    sandbox.configure(&format!("proc_name = {}\n{section}", sandbox.name()));
    let mut reload = sandbox.begin("reload", &["reload"]);
    let resolver = until_some("a resolver", || resolvers(master).pop());
    assert_eq!(sandbox.status()["state"], "reloading");
    sandbox.ok(&["scale", "3"]);
    let first = sandbox.settled(3)[0].1;
    first.signal(Signal::SIGKILL);
    until("it is replaced", || sandbox.workers("ready").iter().all(|(_, worker)| *worker != first));
    // A death makes the master look for orphans, and this is none.
    assert!(sandbox.settled(3).iter().all(|(_, worker)| *worker != resolver));
    assert!(resolver.is_alive() && reload.is_running());
    assert_eq!(sandbox.listeners(), [url(kept)]);
    service.answer("slow.example", &moved.ip().to_string());
    let (output, _) = sandbox.end(reload);
    assert_eq!(output.code, Some(0), "{output:?}");
    assert_eq!(sandbox.listeners(), [url(kept), url(moved)]);
    until("the look-up is reaped", || !resolver.is_alive() && !resolver.is_zombie());
    // The next answer is another.
    service.answer("slow.example", "?");
    let output = sandbox.run(&["reload"]);
    assert_eq!(output.code, Some(5), "{output:?}");
    assert!(output.err.contains("cannot resolve slow.example"), "{output:?}");
    reach(&url(moved)).unwrap();
    let other = own_address();
    service.answer("slow.example", &other.ip().to_string());
    sandbox.ok(&["reload"]);
    assert_eq!(sandbox.listeners(), [url(kept), url(other)]);
    until("the former address is given up", || reach(&url(moved)).is_err());
    sandbox.ok(&["stop"]);
}

/// A stop does not wait for the answer, and neither does the end of the master.
#[test]
fn a_look_up_ends_with_its_master() {
    let address = own_address();
    let service = Service::new("stop", &format!("bind = slow.example:{}\n", address.port()));
    let sandbox = &service.sandbox;
    for ending in [Signal::SIGTERM, Signal::SIGKILL] {
        service.answer("slow.example", &address.ip().to_string());
        assert_eq!(service.start().code, Some(0));
        let master = sandbox.master();
        service.forget("slow.example");
        let reload = sandbox.begin("reload", &["reload"]);
        let resolver = until_some("a resolver", || resolvers(master).pop());
        sandbox.adopt(resolver);
        master.signal(ending);
        until("the master has ended", || !master.is_alive());
        until("its look-up as well", || !resolver.is_alive());
        let (output, _) = sandbox.end(reload);
        assert_eq!(output.code, Some(1), "{output:?}");
    }
    until("nobody is left", || sandbox.processes().is_empty());
}

/// A resolver that is killed is an answer that is missing.
#[test]
fn a_look_up_that_fails_leaves_the_old_generation() {
    let service = Service::new("killed", "bind = 127.0.0.1:0\n");
    let sandbox = &service.sandbox;
    assert_eq!(service.start().code, Some(0));
    let (master, listeners) = (sandbox.master(), sandbox.listeners());
    sandbox.configure(&format!("proc_name = {}\nbind = slow.example:1\n", sandbox.name()));
    let reload = sandbox.begin("reload", &["reload"]);
    until_some("a resolver", || resolvers(master).pop()).signal(Signal::SIGKILL);
    let (output, _) = sandbox.end(reload);
    assert_eq!(output.code, Some(5), "{output:?}");
    assert!(output.err.contains("the look-up ended with"), "{output:?}");
    assert_eq!(sandbox.listeners(), listeners);
    assert!(master.children().iter().all(|child| !child.is_zombie()));
    sandbox.ok(&["stop"]);
    assert!(!Path::new(&sandbox.path("app.pid")).exists());
}
