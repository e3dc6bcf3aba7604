//! Scenario 22 with programs that are none, or not ours, or not of this machine: the old master goes on.

use std::fs;
use std::fs::File;
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::process::Stdio;

use nix::sys::signal::Signal;
use nix::sys::socket::{
    AddressFamily, MsgFlags, SockFlag, SockProtocol, SockType, send, socketpair,
};
use ph_tests::release::Release;
use ph_tests::sandbox::programs;
use ph_tests::{Process, Sandbox, finish, until};

const TWO: &str = "number_workers = 2\napp.job = idle\nboot_timeout = 2\n";

/// A master that was started by a link to a copy of the program, so that nobody else misses that.
fn release(test: &str) -> Release {
    let release = Release::new(Sandbox::named(test, TWO));
    release.copy("v1");
    release.lead_to("v1");
    release.begin();
    release
}

/// The next one, after so many that failed.
#[track_caller]
fn upgrades(release: &Release) -> Process {
    let sandbox = &release.sandbox;
    let old = sandbox.master();
    sandbox.ok(&["upgrade"]);
    sandbox.remember();
    until("the old one has gone", || !old.is_alive());
    sandbox.settled(2);
    sandbox.master()
}

/// As a file for ARM on a machine of another make.
#[test]
fn s22_a_program_for_another_machine() {
    let release = release("machine");
    let mut elf = fs::read(programs().join("ph-fixture")).unwrap();
    // e_machine of elf(5): one that Linux was never built for.
    elf[18..20].copy_from_slice(&0x1234_u16.to_le_bytes());
    release.file(&elf, 0o755);
    release.fails(&["cannot start ", "/current: ", "Exec format error"]);
    // Cut off in the middle, as by a full disk.
    release.file(&elf[..64], 0o755);
    release.fails(&["cannot start ", "/current: "]);
    release.file(b"", 0o755);
    release.fails(&["cannot start ", "/current: "]);
}

#[test]
fn s22_a_program_that_cannot_be_executed() {
    let release = release("executed");
    let current = release.sandbox.path("current");
    let says = format!("cannot start {}: ", current.display());
    release.script("exit 0", 0o644);
    release.fails(&[&says, "Permission denied"]);
    fs::create_dir(release.sandbox.path("folder")).unwrap();
    release.lead_to("folder");
    release.fails(&[&says, "Permission denied"]);
    release.file(b"#!/nowhere/interpreter\n", 0o755);
    release.fails(&[&says, "No such file"]);
    release.lead_to("current");
    release.fails(&[&says, "symbolic links"]);
    // One that is still being written.
    let copy = release.copy("busy");
    let open = File::options().append(true).open(copy).unwrap();
    release.lead_to("busy");
    release.fails(&[&says, "busy"]);
    drop(open);
    // Another test's command may hold a copy of that for a moment.
    until("it is not busy any more", || release.sandbox.run(&["upgrade"]).code == Some(0));
    release.sandbox.remember();
}

/// The running master lives on without its file, forks workers without it, and says what is missing.
#[test]
fn s22_a_program_that_was_deleted_under_the_master() {
    let release = release("deleted");
    fs::remove_file(release.sandbox.path("v1")).unwrap();
    let says = format!("cannot start {}: ", release.sandbox.path("current").display());
    release.fails(&[&says, "No such file"]);
    fs::remove_file(release.sandbox.path("current")).unwrap();
    release.fails(&[&says, "No such file"]);
    let before = release.sandbox.settled(2);
    release.sandbox.ok(&["reload"]);
    assert!(!release.sandbox.settled(2).iter().any(|worker| before.contains(worker)));
    release.copy("v1");
    release.lead_to("v1");
    upgrades(&release);
}

#[test]
fn s22_programs_that_know_nothing_of_masters() {
    let release = release("others");
    for program in ["/bin/true", "/bin/false", "/bin/cat"] {
        release.lead_to(program);
        release.fails(&["ended before it was ready"]);
    }
    release.script("kill -SEGV $$", 0o755);
    release.fails(&["ended before it was ready"]);
    // One that lets go of the socket, and lives.
    release.script("exec sleep 1000 < /dev/null", 0o755);
    release.fails(&["ended before it was ready"]);
    // One that has a child to hold the socket, and ends.
    release.script("exec 3<&0; sleep 1000 & exit 0", 0o755);
    release.fails(&["not ready within boot_timeout (2s)"]);
}

/// Whatever it says, only a master that has taken over is one.
#[test]
fn s22_programs_that_speak_nonsense() {
    let release = release("nonsense");
    for words in ["garbage", "failedwithout a space", "yours", "\\0\\0\\0"] {
        release.script(&format!("printf '{words}' >&0; exec sleep 1000"), 0o755);
        release.fails(&["/current answers what no master of this kind does"]);
    }
    release.script("head -c 100000 /dev/zero >&0; exec sleep 1000", 0o755);
    release.fails(&["/current answers what no master of this kind does"]);
    release.script("printf 'failed it is Sunday' >&0; exec sleep 1000", 0o755);
    release.fails(&["it is Sunday"]);
    // It is given the estate, and does nothing with it.
    release.script("printf ready >&0; exec sleep 1000", 0o755);
    release.fails(&["not ready within boot_timeout"]);
    release.script("printf ready >&0; exit 0", 0o755);
    release.fails(&["ended before it was ready"]);
    release.lead_to("v1");
    upgrades(&release);
}

/// Links are followed when the new master starts, not as they were when the old one did.
#[test]
fn s22_the_program_that_the_link_leads_to_now_takes_over() {
    let release = release("switch");
    let old = release.sandbox.master();
    let runs = |master: Process, name: &str| {
        let program = fs::read_link(format!("/proc/{}/exe", master.pid())).unwrap();
        assert_eq!(program, release.sandbox.path(name));
    };
    runs(old, "v1");
    release.copy("v2");
    release.lead_to("v2");
    fs::remove_file(release.sandbox.path("v1")).unwrap();
    let second = upgrades(&release);
    runs(second, "v2");
    // And on from there.
    release.copy("v3");
    release.lead_to("v3");
    let third = upgrades(&release);
    runs(third, "v3");
    // A link that leads to another by way of a directory, as releases often do.
    fs::create_dir(release.sandbox.path("releases")).unwrap();
    release.copy("releases/4");
    fs::remove_file(release.sandbox.path("v3")).unwrap();
    std::os::unix::fs::symlink("releases/4", release.sandbox.path("v3")).unwrap();
    runs(upgrades(&release), "releases/4");
}

/// A pair of sockets as between two masters.
fn sockets() -> (OwnedFd, OwnedFd) {
    let (family, kind) = (AddressFamily::Unix, SockType::SeqPacket);
    socketpair(family, kind, None::<SockProtocol>, SockFlag::SOCK_CLOEXEC).unwrap()
}

/// The other way round: a new program that does not understand what it is left says so, and touches nothing.
#[test]
fn s22_an_estate_that_a_program_does_not_understand() {
    let sandbox = Sandbox::named("estate", TWO);
    sandbox.ok(&["start"]);
    let (workers, files) = (sandbox.settled(2), sandbox.files());
    for (estate, said) in [
        (r#"{"version":9,"what":["follows","is","unknown"]}"#, "speaks version 9"),
        (r#"{"version":3}"#, "missing field"),
        ("nonsense", "expected"),
        ("", "EOF"),
    ] {
        let (ours, theirs) = sockets();
        if !estate.is_empty() {
            send(ours.as_raw_fd(), estate.as_bytes(), MsgFlags::empty()).unwrap();
        }
        drop(ours);
        let mut command = sandbox.command(&["start"]);
        let output = finish(command.env("PH_SUCCESSOR", "1").stdin(Stdio::from(theirs)));
        assert_eq!(output.code, Some(1), "{output:?}");
        let says = "cannot take over from the running master: ";
        assert!(output.err.contains(says) && output.err.contains(said), "{output:?}");
    }
    assert_eq!(sandbox.settled(2), workers);
    assert_eq!(sandbox.files(), files);
}

/// The program says what is wrong and ends, and has heard nothing of what it was told: its word comes through all the same.
#[test]
fn s22_a_configuration_that_is_wrong_by_now() {
    let release = release("configuration");
    let sandbox = &release.sandbox;
    let (master, before) = (sandbox.master(), sandbox.settled(2));
    let good = sandbox.read("config.ini");
    fs::write(sandbox.path("config.ini"), format!("{good}nonsense\n")).unwrap();
    let failures = || -> Vec<String> {
        let log = sandbox.read("app.log");
        log.lines().filter(|line| line.contains("upgrade failed")).map(ToOwned::to_owned).collect()
    };
    for number in 1..=8 {
        master.signal(Signal::SIGUSR2);
        until("it fails", || failures().len() == number);
    }
    assert!(failures().iter().all(|line| line.contains("config.ini:")), "{:?}", failures());
    assert!(failures().iter().all(|line| line.contains("nonsense")), "{:?}", failures());
    fs::write(sandbox.path("config.ini"), good).unwrap();
    assert_eq!((sandbox.master(), sandbox.settled(2)), (master, before));
    upgrades(&release);
}
