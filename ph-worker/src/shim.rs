//! The shim: this program in the process of a worker that is to be another. It makes the process what its orders say, and
//! executes the program; until then nothing of the master is in it but what it was given.

use std::collections::BTreeMap;
use std::env;
use std::ffi::{CString, OsStr, OsString};
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::path::PathBuf;

use nix::errno::Errno;
use nix::unistd::{Pid, execve};
use ph_core::orders::{ORDERS, Orders};
use ph_core::report::{Report, Reporter};
use ph_core::slots;
use ph_core::sys::{cpu, fds, fork, oom};

/// The exit code of a worker that could not boot (`EX_SOFTWARE`).
const UNFIT: u8 = 70;

/// Whether this process was started as a shim: then its orders are there.
pub fn is_called(argument: Option<&OsString>) -> bool {
    argument.is_some_and(|word| word == ph_core::orders::SHIM) && env::var_os(ORDERS).is_some()
}

/// Becomes the program. Returns, with an exit code, if that can't be; the master knows why by then.
pub fn run() -> u8 {
    let orders = env::var(ORDERS).ok().and_then(|text| serde_json::from_str::<Orders>(&text).ok());
    let Some(orders) = orders else {
        eprintln!("the orders of a worker can't be read: is this another version's master?");
        return UNFIT;
    };
    let Ok(say) = fds::adopt(orders.say) else { return UNFIT };
    let reporter = Reporter::new(Box::leak(Box::new(say.into())), orders.serial);
    let reason = become_program(orders);
    let _ = reporter.say(&Report::Failed(reason));
    UNFIT
}

/// Returns only with the reason why not.
fn become_program(orders: Orders) -> String {
    let master = Pid::from_raw(orders.master);
    if !fork::die_with(master) {
        return "its master is gone".to_owned();
    }
    oom::go_first();
    // The master may have been stopped for any time between its decision and this.
    let slots = fds::copy(orders.slots).map_err(|error| error.to_string());
    let slots = slots.and_then(|memory| slots::adopt(memory).map_err(|error| error.to_string()));
    match slots {
        Ok(slots) if slots::board(&slots).lease().is_good() => {}
        Ok(_) => return "its master leads no more".to_owned(),
        Err(error) => return error,
    }
    if let Some(soft) = orders.descriptors {
        fds::set_limit(soft);
    }
    if !orders.cpus.is_empty()
        && let Err(error) = cpu::bind(&cpu::set(orders.cpus))
    {
        return error.to_string();
    }
    if let Some(account) = &orders.privileges.account {
        // For a program that opens it once more, by `/dev/stdout`; one that only writes has no need of it.
        let _ = std::os::unix::fs::fchown(io::stdout(), Some(account.uid), Some(account.gid));
    }
    if let Err(error) = orders.privileges.assume(master) {
        return error.to_string();
    }
    let Some(program) = orders.command.first() else { return "there is no command".to_owned() };
    let mut variables: BTreeMap<OsString, OsString> = env::vars_os().collect();
    variables.remove(OsStr::new(ORDERS));
    for name in &orders.unset {
        variables.remove(OsStr::new(name));
    }
    let mut set = |name: &str, value: String| variables.insert(name.into(), value.into());
    let pid = std::process::id().to_string();
    if !orders.sockets.is_empty() {
        set("LISTEN_FDS", orders.sockets.len().to_string());
        set("LISTEN_PID", pid.clone());
        set("LISTEN_FDNAMES", orders.sockets.join(":"));
    }
    if orders.set.iter().any(|(name, _)| name == "WATCHDOG_USEC") {
        set("WATCHDOG_PID", pid);
    }
    variables.extend(orders.set);
    if let Err(error) = env::set_current_dir(&orders.directory) {
        return why_not(program, &orders.directory, &error);
    }
    let error = execute(&orders.command, &variables);
    why_not(program, &orders.directory, &error)
}

/// Becomes the program, which is looked for along the `PATH` that it gets; returns only with the reason why not.
///
/// Not by `execvp(3)`, which gives to a shell whatever the kernel takes for no program.
fn execute(command: &[String], variables: &BTreeMap<OsString, OsString>) -> io::Error {
    const PATH: &str = "/bin:/usr/bin";
    // Rust's runtime ignores it.
    let _ = ph_signal::disposition::default(ph_signal::Signal::PIPE);
    ph_signal::mask::set_mask(ph_signal::SignalSet::of(&[]));
    let pair = |(name, value): (&OsString, &OsString)| {
        CString::new([name.as_bytes(), b"=", value.as_bytes()].concat())
    };
    let words = command.iter().map(|word| CString::new(word.as_bytes()));
    let words: Result<Vec<_>, _> = words.collect();
    let environment: Result<Vec<_>, _> = variables.iter().map(pair).collect();
    let (Ok(words), Ok(environment)) = (words, environment) else {
        return io::ErrorKind::InvalidInput.into();
    };
    let program = &command[0];
    let path = variables.get(OsStr::new("PATH")).map_or(OsStr::new(PATH), OsString::as_os_str);
    let places: Vec<PathBuf> = match program.contains('/') {
        true => vec![program.into()],
        false => env::split_paths(path).map(|folder| folder.join(program)).collect(),
    };
    let mut reason = Errno::ENOENT;
    for place in places {
        let Ok(place) = CString::new(place.as_os_str().as_bytes()) else { continue };
        let Err(error) = execve(&place, &words, &environment);
        match error {
            Errno::ENOENT | Errno::ENOTDIR => {}
            // There may be another one further on.
            Errno::EACCES => reason = error,
            _ => return error.into(),
        }
    }
    reason.into()
}

/// Says which of the two that are looked for was not to be had.
fn why_not(program: &str, directory: &std::path::Path, error: &io::Error) -> String {
    if !directory.is_dir() {
        return format!("cannot start in working_directory {}: {error}", directory.display());
    }
    let help = match error.raw_os_error() == Some(Errno::ENOEXEC as i32) {
        true => "; the first line of a script names its interpreter, as #!/bin/sh does",
        false => "",
    };
    format!("cannot run {program}: {error}{help}")
}
