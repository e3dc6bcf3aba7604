//! Those that are reloaded.

use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use super::gunicorn::Gunicorn;
use crate::bench::application::Application;
use crate::bench::end::End;
use crate::bench::stamps::{self, Stamps};
use crate::bench::{nginx, port};
use crate::error::{Context, Error, Result};
use crate::process::{Handle, Process};
use crate::wait;

/// Until the last of the old workers must have gone, whoever's they are.
const PATIENCE: Duration = Duration::from_secs(60);

/// How to make them.
#[derive(Debug)]
pub(super) struct Servers {
    pub(super) http: Application,
    pub(super) gunicorn: Option<Gunicorn>,
    pub(super) scratch: PathBuf,
}

/// One that listens, until it is dropped.
#[derive(Debug)]
pub(super) struct Server {
    pub(super) port: u16,
    /// From before it was started until all its workers were ready.
    pub(super) launch: Duration,
    master: Process,
    workers: usize,
    /// Where workers tell that they are ready, if that is not certain when the old ones have gone.
    stamps: Option<Stamps>,
    _end: End,
}

impl Servers {
    /// The http example.
    pub(super) fn ours(&self, class: &str, workers: usize, settings: &str) -> Result<Server> {
        let port = port::free()?;
        let settings = format!(
            "bind = 127.0.0.1:{port}\nworker_class = {class}\nnumber_workers = {workers}\n\
             {settings}"
        );
        let daemon = self.http.start(&format!("{class}-{port}"), &settings)?;
        let master = daemon.master().context(|| "no pidfile after start")?;
        let launch = daemon.launch;
        Ok(Server { port, launch, master, workers, stamps: None, _end: End::Daemon(daemon) })
    }

    /// nginx, where it is installed.
    pub(super) fn nginx(&self, workers: usize) -> Result<Option<Server>> {
        let port = port::free()?;
        let start = Instant::now();
        let group = nginx::start(Command::new("nginx"), &self.scratch, port, workers)?;
        let Some(group) = group else { return Ok(None) };
        let launch = start.elapsed();
        let (master, end) = (group.master(), End::Group(group));
        Ok(Some(Server { port, launch, master, workers, stamps: None, _end: end }))
    }

    /// gunicorn, where it could be installed.
    pub(super) fn gunicorn(&self, workers: usize) -> Result<Option<Server>> {
        let Some(gunicorn) = &self.gunicorn else { return Ok(None) };
        let port = port::free()?;
        let directory = self.scratch.join(format!("gunicorn-{port}"));
        std::fs::create_dir(&directory).context(|| directory.display())?;
        let mut stamps = Stamps::create(directory.join("stamps"))?;
        let start = stamps::now();
        let group = gunicorn.start(&directory, port, workers, stamps.path())?;
        let ready = last(&mut stamps, workers)?;
        let launch = Duration::from_nanos(ready.saturating_sub(start));
        let (master, end) = (group.master(), End::Group(group));
        Ok(Some(Server { port, launch, master, workers, stamps: Some(stamps), _end: end }))
    }
}

impl Server {
    /// Asks for a reload and waits until nobody is left of those who were there, and all successors
    /// are ready; how long that took.
    ///
    /// Ours and nginx ask the old ones to leave when the new ones are there: when the last of those
    /// has ended, so has the reload. `mark` is called as it begins and as it ends, with nothing of ours in between.
    pub(super) fn reload(&mut self, mut mark: impl FnMut() -> Result) -> Result<Duration> {
        let old = self.master.children();
        let handles: Vec<Handle> = old.iter().map(|worker| worker.open()).collect::<Result<_>>()?;
        let master = self.master.open()?;
        mark()?;
        let start = stamps::now();
        master.hang_up()?;
        let deadline = Instant::now() + PATIENCE;
        for handle in &handles {
            if !wait::readable(handle, deadline)? {
                return Err(Error::new(format!(
                    "{} has not replaced its workers within {} s",
                    self.master.title(),
                    PATIENCE.as_secs()
                )));
            }
        }
        let mut end = stamps::now();
        if let Some(stamps) = &mut self.stamps {
            end = end.max(last(stamps, self.workers)?);
        }
        mark()?;
        // Those that have ended are its children until it has noticed.
        let master = self.master;
        wait::until("the master has its new workers and no others", PATIENCE, || {
            let there = master.children();
            there.len() == self.workers && !there.iter().any(|worker| old.contains(worker))
        })?;
        Ok(Duration::from_nanos(end - start))
    }
}

/// When the last of so many was ready.
fn last(stamps: &mut Stamps, workers: usize) -> Result<u64> {
    let each = (0..workers).map(|_| stamps.next(PATIENCE));
    Ok(each.collect::<Result<Vec<_>>>()?.into_iter().max().unwrap_or_default())
}
