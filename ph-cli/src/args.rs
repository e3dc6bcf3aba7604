//! The arguments, as clap reads them. Help texts are for operators: what it does, when it returns.

use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args as ClapArgs, CommandFactory as _, FromArgMatches as _, Parser, Subcommand};
use clap_complete::Shell;

/// A master and its workers: run them, look at them, change them.
#[derive(Debug, Parser)]
#[command(
    version,
    propagate_version = false,
    subcommand_required = true,
    arg_required_else_help = true
)]
#[command(after_help = "Exit codes: 0 done, 1 failed, 2 usage, 3 not running, 4 refused, \
    5 new generation failed, 70 workers could not boot, 78 configuration invalid")]
pub(crate) struct Args {
    #[command(flatten)]
    pub(crate) place: PlaceArgs,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Which configuration.
#[derive(ClapArgs, Clone, Debug)]
pub(crate) struct PlaceArgs {
    /// The configuration file [default: $PH_CONFIG, ./config.ini, ./conf/config.ini]
    #[arg(short, long, value_name = "FILE", global = true)]
    pub(crate) config: Option<PathBuf>,
    /// The section: one application, one master [default: the only one of the file]
    #[arg(short, long, value_name = "SECTION", global = true)]
    pub(crate) section: Option<String>,
    /// Set a key above file and environment; may be repeated
    #[arg(long, value_name = "KEY=VALUE", value_parser = pair)]
    pub(crate) set: Vec<(String, String)>,
}

/// Parses the program's arguments under its own name.
pub(crate) fn parse(
    name: &str,
    arguments: impl IntoIterator<Item = OsString>,
) -> Result<Args, clap::Error> {
    let matches = definitions(name).try_get_matches_from(arguments)?;
    let mut args = Args::from_arg_matches(&matches)?;
    let mut deeper = matches.subcommand();
    while let Some((_, matches)) = deeper {
        args.place.set.extend(matches.get_many(SET).into_iter().flatten().cloned());
        deeper = matches.subcommand();
    }
    Ok(args)
}

/// Every command and its arguments, as the program of this name has them.
pub(crate) fn definitions(name: &str) -> clap::Command {
    set_everywhere(Args::command().name(name.to_owned()).bin_name(name.to_owned()))
}

const SET: &str = "set";

/// Takes `--set` behind the command as well. clap's own `global` would drop those before it.
fn set_everywhere(mut command: clap::Command) -> clap::Command {
    let set = command.get_arguments().find(|arg| arg.get_id() == SET).cloned();
    let deeper = |sub: clap::Command| match &set {
        Some(set) => set_everywhere(sub.arg(set.clone())),
        None => sub,
    };
    if set.is_some() {
        command = command.mut_subcommands(deeper);
    }
    command
}

fn pair(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.trim().is_empty() => {
            Ok((key.trim().to_owned(), value.to_owned()))
        }
        _ => Err("expected KEY=VALUE".to_owned()),
    }
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run in the foreground until told to stop
    Run(WorkerArgs),
    /// Start as `daemonize` says; returns when the workers are ready, or have failed
    Start(WorkerArgs),
    /// Stop gracefully; returns when the master is gone
    Stop {
        /// Workers get a second to finish, not graceful_timeout
        #[arg(long)]
        quick: bool,
    },
    /// Stop if running, then start
    Restart(WorkerArgs),
    /// Read the configuration again and replace the workers, new before old
    Reload,
    /// Have the program as it is on disk now take over; returns when it serves
    Upgrade,
    /// Show the master and its workers
    Status {
        /// As one JSON object
        #[arg(long)]
        json: bool,
        /// Look again each second, until interrupted; with --json, an object a line
        #[arg(short, long)]
        watch: bool,
    },
    /// Watch the master and its workers on the whole terminal; restart, stop and scale them by keys
    #[cfg(feature = "top")]
    Top,
    /// Change the number of workers: N exactly, +N more, -N fewer; returns when they are ready
    Scale {
        /// N, +N or -N
        #[arg(value_name = "N", allow_hyphen_values = true, value_parser = Scale::parse)]
        by: Scale,
        /// Then write the number into the configuration file, as number_workers
        #[arg(long)]
        save: bool,
    },
    /// List, restart or stop single workers
    #[command(subcommand)]
    Worker(WorkerCommand),
    /// Check, show and edit the configuration
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Which of several masters has the workers: look, let others, or wait for it
    #[command(subcommand)]
    Leader(LeaderCommand),
    /// Reopen the log, after it was renamed
    #[command(subcommand)]
    Log(LogCommand),
    /// Print what has happened, one line an event
    Events {
        /// Go on with what happens next, until interrupted or the master is gone
        #[arg(short, long)]
        follow: bool,
        /// Each as a JSON object
        #[arg(long)]
        json: bool,
    },
    /// Say how and why the last process of a worker ended, and what was seen of it before
    Why {
        /// The worker's id
        id: u32,
        /// The ends before that too, as many as are kept; --json always has them
        #[arg(long)]
        all: bool,
        /// As one JSON object
        #[arg(long)]
        json: bool,
    },
    /// Print the master's figures as OpenMetrics text, for Prometheus and the like
    Metrics {
        /// Go on, and answer HTTP requests for /metrics at this address
        #[arg(long, value_name = "ADDR")]
        listen: Option<SocketAddr>,
    },
    /// Call a method of a msgpack-RPC server, and print its result as JSON
    Call(CallArgs),
    /// Put a program through the contract of a worker, and tell which points of it it keeps
    Conform(ConformArgs),
    /// Print a completion script
    Completions {
        /// For this shell
        shell: Shell,
    },
}

/// What is to be run.
#[derive(Debug, ClapArgs)]
pub(crate) struct WorkerArgs {
    /// Workers are this Python class; as --set python_class=MODULE:CLASS
    #[arg(long, value_name = "MODULE:CLASS")]
    pub(crate) python: Option<String>,
}

/// A call of any server.
#[derive(Debug, ClapArgs)]
#[command(override_usage = "ph call [OPTIONS] ADDR METHOD [JSON]...\n       \
    ph call [OPTIONS] --unix PATH METHOD [JSON]...")]
pub(crate) struct CallArgs {
    /// Connect to this Unix socket instead of ADDR
    #[arg(long, value_name = "PATH")]
    pub(crate) unix: Option<PathBuf>,
    /// How long the call may take, connecting included
    #[arg(long, value_name = "SECONDS", default_value = "5", value_parser = seconds)]
    pub(crate) timeout: Duration,
    /// Send a notification, to which there is no answer
    #[arg(long)]
    pub(crate) notify: bool,
    /// HOST:PORT, the method, and its parameters: each is JSON, or a word that stands for itself
    #[arg(value_name = "WORD", required = true, allow_negative_numbers = true)]
    pub(crate) words: Vec<String>,
}

/// A program to be tried.
#[derive(Debug, ClapArgs)]
pub(crate) struct ConformArgs {
    /// As one JSON object
    #[arg(long)]
    pub(crate) json: bool,
    /// How long it may take to be ready, and to leave
    #[arg(long, value_name = "SECONDS", default_value = "10", value_parser = seconds)]
    pub(crate) timeout: Duration,
    /// The program and its arguments, after `--`
    #[arg(value_name = "COMMAND", required = true, last = true)]
    pub(crate) command: Vec<String>,
}

fn seconds(text: &str) -> Result<Duration, String> {
    let seconds = text.parse().ok().and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    seconds.filter(|time| !time.is_zero()).ok_or_else(|| "expected seconds, above 0".to_owned())
}

#[derive(Debug, Subcommand)]
pub(crate) enum WorkerCommand {
    /// List the workers
    List {
        /// As a JSON array
        #[arg(long)]
        json: bool,
    },
    /// Replace workers by fresh ones, new before old
    #[command(arg_required_else_help = true)]
    Restart {
        /// Their ids
        #[arg(required_unless_present = "all")]
        ids: Vec<u32>,
        /// All of them
        #[arg(long, conflicts_with = "ids")]
        all: bool,
    },
    /// Retire a worker for good: the number of workers goes down by one
    Stop {
        /// Its id
        id: u32,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum ConfigCommand {
    /// Say whether the configuration is valid
    Check,
    /// Show every key, its value, and where that comes from
    Show {
        /// As one JSON object
        #[arg(long)]
        json: bool,
    },
    /// Print the value of one key alone
    Get {
        /// The key
        key: String,
    },
    /// Write a value into the file, if the configuration is valid with it; nothing else in the file changes
    Set {
        /// The key
        key: String,
        /// Its value, as it is: a % is a %
        #[arg(allow_hyphen_values = true)]
        value: String,
        /// In [DEFAULT], for all sections
        #[arg(long)]
        default: bool,
        /// Let %(KEY)s in the value stand for another key; %% is a %
        #[arg(long)]
        interpolate: bool,
    },
    /// Take a key out of the file; the comments around it stay
    Unset {
        /// The key
        key: String,
        /// Out of [DEFAULT], for all sections
        #[arg(long)]
        default: bool,
    },
    /// Compare the file, the running master and the defaults
    Diff {
        /// As one JSON object
        #[arg(long)]
        json: bool,
    },
    /// Put back what the last set, unset or scale --save has changed; again, what the one before has
    Undo,
}

#[derive(Debug, Subcommand)]
pub(crate) enum LeaderCommand {
    /// Say whether this master leads, until when and by which token; or who does
    Status {
        /// As one JSON object
        #[arg(long)]
        json: bool,
    },
    /// Let another master lead; returns when no worker is left here
    Resign,
    /// Wait until this master leads and its workers are ready
    Wait {
        /// Give up after so long [default: never]
        #[arg(long, value_name = "SECONDS", value_parser = seconds)]
        timeout: Option<Duration>,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum LogCommand {
    /// Have the master and its workers open their log by its name again
    Reopen,
}

/// A number of workers: exact, or relative to what is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scale {
    To(u32),
    By(i64),
}

impl Scale {
    const MOST: u32 = 65_536;

    fn parse(text: &str) -> Result<Self, String> {
        let expected = || format!("expected a number from 1 to {}, or +N or -N", Self::MOST);
        let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
        if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(expected());
        }
        let number: i64 = text.parse().map_err(|_| expected())?;
        if digits.len() < text.len() {
            return Ok(Self::By(number));
        }
        let number = u32::try_from(number).map_err(|_| expected())?;
        if (1..=Self::MOST).contains(&number) { Ok(Self::To(number)) } else { Err(expected()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_definitions_are_consistent() {
        Args::command().debug_assert();
    }

    #[test]
    fn set_stands_anywhere_and_adds_up() {
        let words = ["ph", "--set", "a=1", "worker", "--set", "b=2", "list", "--set=c=3"];
        let args = parse("ph", words.map(OsString::from)).unwrap();
        let pairs: Vec<String> = args.place.set.iter().map(|(k, v)| format!("{k}{v}")).collect();
        assert_eq!(pairs, ["a1", "b2", "c3"]);
    }

    #[test]
    fn scale_takes_three_forms() {
        assert_eq!(Scale::parse("4"), Ok(Scale::To(4)));
        assert_eq!(Scale::parse("+3"), Ok(Scale::By(3)));
        assert_eq!(Scale::parse("-3"), Ok(Scale::By(-3)));
        for bad in ["0", "65537", "", "+", "x", "--3", "1.5", "99999999999999999999"] {
            assert!(Scale::parse(bad).is_err(), "{bad}");
        }
        let args = Args::try_parse_from(["ph", "scale", "-2"]).unwrap();
        assert!(matches!(args.command, Command::Scale { by: Scale::By(-2), save: false }));
    }
}
