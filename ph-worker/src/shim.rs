//! The shim: this program in the process of a worker that is to be another. It makes the process what its orders say, and
//! executes the program; until then nothing of the master is in it but what it was given.

use std::env;
use std::io;
use std::os::unix::process::CommandExt as _;
use std::process::Command;

use nix::unistd::Pid;
use ph_core::orders::{ORDERS, Orders};
use ph_core::report::{Report, Reporter};
use ph_core::slots;
use ph_core::sys::{cpu, fds, fork};

/// The exit code of a worker that could not boot (`EX_SOFTWARE`).
const UNFIT: u8 = 70;

/// Whether this process was started as a shim: then its orders are there.
pub fn is_called(argument: Option<&std::ffi::OsString>) -> bool {
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
    let reporter = Reporter::new(std::sync::Arc::new(say.into()), orders.serial);
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
    let Some((program, arguments)) = orders.command.split_first() else {
        return "there is no command".to_owned();
    };
    let mut command = Command::new(program);
    command.args(arguments).current_dir(&orders.directory).env_remove(ORDERS);
    for name in &orders.unset {
        command.env_remove(name);
    }
    let pid = std::process::id().to_string();
    if !orders.sockets.is_empty() {
        command.env("LISTEN_FDS", orders.sockets.len().to_string()).env("LISTEN_PID", &pid);
        command.env("LISTEN_FDNAMES", orders.sockets.join(":"));
    }
    let watched = orders.set.iter().any(|(name, _)| name == "WATCHDOG_USEC");
    command.envs(orders.set);
    if watched {
        command.env("WATCHDOG_PID", &pid);
    }
    let error = command.exec();
    why_not(program, &orders.directory, &error)
}

/// Says which of the two that are looked for was not to be had.
fn why_not(program: &str, directory: &std::path::Path, error: &io::Error) -> String {
    if !directory.is_dir() {
        return format!("cannot start in working_directory {}: {error}", directory.display());
    }
    format!("cannot run {program}: {error}")
}
