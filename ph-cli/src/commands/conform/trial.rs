//! A master for the length of a trial, in a directory that goes with it.

use std::fs::{self, DirBuilder, File};
use std::net::SocketAddr;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use ph_rpc::Value;

use super::within;
use crate::exit::{Exit, Failure};
use crate::master::Master;
use crate::output::value;

/// The limit that the program's watchdog has.
pub(super) const WATCHDOG: Duration = Duration::from_secs(2);

/// A master with one worker, the program.
pub(super) struct Trial {
    folder: PathBuf,
    master: Child,
}

/// How a trial's start ended.
pub(super) enum Start {
    Serves(Trial),
    /// The reason that the master gives.
    Failed(String),
}

impl Trial {
    /// Starts one; `notify` as the key has it.
    pub(super) fn begin(
        command: &[String],
        notify: &str,
        limit: Duration,
    ) -> Result<Start, Failure> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("ph-conform-{}-{count}", std::process::id());
        let folder = std::env::temp_dir().join(name);
        let made = DirBuilder::new().mode(0o700).create(&folder);
        made.map_err(|error| failed("make a directory for the trial", &error))?;
        let config = folder.join("config.ini");
        let begun = fs::write(&config, text(command, notify, limit)).and_then(|()| {
            let errors = File::create(folder.join("errors"))?;
            let mut run = Command::new(std::env::current_exe()?);
            // Its settings are those in the file, whatever others the environment has.
            for (name, _) in std::env::vars_os() {
                if name.to_string_lossy().starts_with("PH_") {
                    run.env_remove(name);
                }
            }
            let place = |name: &str, file: &str| format!("{name}={}", folder.join(file).display());
            let places = [place("log_file", "log"), place("control_socket", "control.sock")];
            run.arg("-c").arg(&config).args(places.iter().flat_map(|set| ["--set", set]));
            run.arg("run").stdin(Stdio::null()).stdout(Stdio::null()).stderr(errors).spawn()
        });
        let mut trial = match begun {
            Ok(master) => Self { folder, master },
            Err(error) => {
                let _ = fs::remove_dir_all(&folder);
                return Err(failed("start a master for the trial", &error));
            }
        };
        // The master's own limits end a start; this is for one that hangs.
        let ended = within(limit * 2 + Duration::from_secs(10), || {
            trial.ended().map(Some).or_else(|| trial.serves().then_some(None))
        });
        Ok(match ended {
            Some(None) => Start::Serves(trial),
            Some(Some(_)) => Start::Failed(trial.complaint()),
            None => Start::Failed("the master does not get there".to_owned()),
        })
    }

    fn ended(&mut self) -> Option<ExitStatus> {
        self.master.try_wait().ok().flatten()
    }

    fn serves(&self) -> bool {
        self.status().is_some_and(|status| value::text(&status, "state") == "running")
    }

    fn complaint(&self) -> String {
        let text = fs::read_to_string(self.folder.join("errors")).unwrap_or_default();
        let line = text.lines().last().unwrap_or("the master ended without a word");
        line.split_once(": ").map_or(line, |(_, reason)| reason).to_owned()
    }

    /// Asks the master.
    pub(super) fn ask(&self, method: &str, params: Vec<Value>) -> Result<Value, Failure> {
        Master::connect(&self.folder.join("control.sock"))?.call(method, params)
    }

    fn status(&self) -> Option<Value> {
        self.ask("status", Vec::new()).ok()
    }

    /// The worker's process, while it is ready and the only one.
    pub(super) fn worker(&self) -> Option<u32> {
        let status = self.status()?;
        let [row] = value::get(&status, "workers").as_array()?.as_slice() else { return None };
        let pid = value::get(row, "pid").as_u64()?;
        (value::text(row, "state") == "ready").then(|| u32::try_from(pid).ok()).flatten()
    }

    /// Where the program's socket listens.
    pub(super) fn address(&self) -> Option<SocketAddr> {
        let status = self.status()?;
        let listener = value::get(&status, "listeners").as_array()?.first()?.as_str()?;
        listener.strip_prefix("tcp://")?.parse().ok()
    }

    /// The certificate of the worker's last process.
    pub(super) fn certificate(&self) -> Option<Value> {
        self.ask("why", vec![0.into()]).ok()
    }

    /// What the program has printed, line by line.
    pub(super) fn printed(&self) -> Vec<String> {
        let bytes = fs::read(self.folder.join("log")).unwrap_or_default();
        let log = String::from_utf8_lossy(&bytes);
        let lines =
            log.lines().filter_map(|line| line.split_once(" [worker 0 ")?.1.split_once("] "));
        lines.map(|(_, text)| text.to_owned()).collect()
    }
}

impl Drop for Trial {
    fn drop(&mut self) {
        let gently = self.ask("stop", vec![true.into()]).is_ok();
        let limit = Duration::from_secs(if gently { 10 } else { 0 });
        if within(limit, || self.ended()).is_none() {
            let _ = self.master.kill();
            let _ = self.master.wait();
        }
        let _ = fs::remove_dir_all(&self.folder);
    }
}

fn failed(what: &str, error: &std::io::Error) -> Failure {
    Failure::new(Exit::Failed, format!("cannot {what}: {error}"))
}

/// The trial's configuration.
fn text(command: &[String], notify: &str, limit: Duration) -> String {
    let limit = limit.as_millis();
    // A value goes on in the next line if that is indented; shell words can have a line's end only within quotes.
    let command = ph_config::words::join(command).replace('%', "%%").replace('\n', "\n  ");
    format!(
        "[conform]\nworker_class = exec\ncommand = {command}\nnotify = {notify}\nbind = 127.0.0.1:0\n\
         boot_timeout = {limit}ms\ngraceful_timeout = {limit}ms\ntimeout = {}\n\
         restart_backoff = 100ms\nrestart_backoff_max = 100ms\n",
        WATCHDOG.as_secs(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_told_whatever_is_in_it() {
        let command = ["sh", "-c", "echo 'a  b' \"$1\" %s; # x"].map(str::to_owned);
        let folder = std::env::temp_dir().join(format!("ph-conform-text-{}", std::process::id()));
        fs::write(&folder, text(&command, "none", Duration::from_secs(3))).unwrap();
        let request = ph_config::LoadRequest { file: Some(folder.clone()), ..Default::default() };
        let settings = ph_config::Settings::load(&request);
        fs::remove_file(&folder).unwrap();
        assert_eq!(settings.unwrap().command.as_deref(), Some(&command[..]));
    }
}
