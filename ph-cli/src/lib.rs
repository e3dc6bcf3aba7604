//! The command line of ProcessHandler: `ph`, and every application built on the facade, have this one.
//!
//! # Theory of operation
//!
//! [`main`] parses the arguments, finds and reads the configuration, and runs one command. Commands fall into three
//! kinds. Those that *become* a master (`run`, `start`) are the [`Host`]'s: this crate doesn't know how to be one.
//! Those that *ask* a master go through its control socket and nothing else: no pidfile is trusted, no signal sent.
//! Those about the configuration touch no process at all.
//!
//! A command ends in an exit code that says how it went ([`Exit`]), with results on standard output and one
//! sentence on standard error when something is wrong.

#![forbid(unsafe_code)]

mod args;
mod commands;
mod exit;
mod master;
mod output;
mod place;
mod procfs;
mod usage;

use std::ffi::OsString;
use std::io::{self, Write as _};
use std::path::Path;

pub use exit::Exit;
pub use ph_config::{ConfigError, LoadRequest, Settings};

/// What can become a master: the facade's `App`, or the `ph` binary.
pub trait Host {
    /// The command's name, for help and completions.
    fn name(&self) -> &str;

    /// A configuration file to fall back to, relative to the working directory.
    fn default_config(&self) -> Option<&Path>;

    /// Runs a master in the foreground until it ends.
    fn run(&self, settings: Settings, request: &LoadRequest) -> Exit;

    /// Starts a master as `daemonize` says; returns when its workers are ready, or when it has failed.
    fn start(&self, settings: Settings, request: &LoadRequest) -> Exit;

    /// Whether a master could start with these settings, as far as that can be told before; the exit code and the sentence if not.
    /// A restart asks, before it ends what runs.
    fn examine(&self, settings: &Settings, request: &LoadRequest) -> Result<(), (Exit, String)> {
        let _ = (settings, request);
        Ok(())
    }

    /// Goes on with the master that this process was when it was another program, if it was one: its settings are not
    /// read, they are known. `request` is for its reloads; without one, its configuration is not to be found any more.
    fn resume(&self, request: Option<&LoadRequest>) -> Option<Exit> {
        let _ = request;
        None
    }

    /// Whether a running master started this process to succeed it: what restarted that one, is a start of this.
    fn succeeds(&self) -> bool {
        false
    }

    /// Tells why a command came to nothing: on standard error, each line with the program's name before it.
    fn complain(&self, reason: &str) {
        complain(self.name(), reason);
    }
}

/// Says why on standard error, each line with the program's name before it. Where that can't be written, the exit code has to do.
pub fn complain(name: &str, reason: &str) {
    for line in reason.lines() {
        let _ = writeln!(io::stderr(), "{name}: {line}");
    }
}

/// The commands and arguments of the program of this name: what man pages and completions are made from.
pub fn definitions(name: &str) -> clap::Command {
    args::definitions(name)
}

/// Runs the command that `arguments` (the program's name first) ask for.
pub fn main(host: &dyn Host, arguments: impl IntoIterator<Item = OsString>) -> Exit {
    // Nothing of the parser is kept: a command may become a master, whose memory each worker copies.
    let args = match args::parse(host.name(), arguments) {
        Ok(args) => args,
        Err(error) => {
            // Help and version are no errors, and go to standard output.
            let _ = error.print();
            return if error.use_stderr() { Exit::Usage } else { Exit::Done };
        }
    };
    match commands::dispatch(host, args) {
        Ok(exit) => exit,
        Err(failure) => {
            host.complain(&failure.reason);
            failure.exit
        }
    }
}
