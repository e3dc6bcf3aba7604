//! Everything that an election takes: masters, an etcd, the lines between them, and who watches.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use nix::sys::signal::Signal;

use super::record::Book;
use super::{COUNT, Candidate, Cluster, Network, Observer, now};
use crate::process::Process;

/// How old the last record of one who leads may be.
const FRESH: Duration = Duration::from_secs(1);

/// Three masters that campaign in an etcd of three members, in a network that the calling thread enters.
pub struct Field {
    // In the order of their end.
    /// The masters.
    pub candidates: Vec<Candidate>,
    /// Who reads what their workers write.
    pub observer: Observer,
    /// The etcd.
    pub cluster: Cluster,
    /// What lies between them.
    pub network: Network,
    /// Electors that were stopped.
    electors: Vec<Process>,
    log: PathBuf,
}

/// Who leads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sitting {
    /// The master's number.
    pub leader: usize,
    /// Its token.
    pub token: u64,
}

impl Field {
    /// All of it started; the masters may not have found a leader yet.
    #[track_caller]
    pub fn open() -> Self {
        Self::with(false)
    }

    /// The same, of masters whose workers are there before they lead, and wait.
    #[track_caller]
    pub fn warm() -> Self {
        Self::with(true)
    }

    #[track_caller]
    fn with(warm: bool) -> Self {
        static COUNTER: AtomicU32 = AtomicU32::new(0);
        let number = COUNTER.fetch_add(1, Ordering::Relaxed);
        let network = Network::enter();
        let cluster = Cluster::start();
        let log = std::env::temp_dir().join(format!("ph-records-{}-{number}", std::process::id()));
        let book = Book::create(&log).unwrap();
        let mut candidates: Vec<_> =
            (0..COUNT).map(|number| Candidate::new(number, &log, warm)).collect();
        candidates.iter_mut().for_each(Candidate::launch);
        // Who has workers leads, unless they wait.
        let cold = candidates.iter().filter(|_| !warm);
        let names = cold.map(|candidate| candidate.name().to_owned()).collect();
        let observer = Observer::start(book, names);
        Self { candidates, observer, cluster, network, electors: Vec::new(), log }
    }

    /// Who leads, if everybody is well: one has workers that work, the others stand by, and so says each of them.
    #[must_use]
    pub fn sitting(&self) -> Option<Sitting> {
        let (token, reign) = self.observer.reign()?;
        let leader = self.candidates.iter().position(|it| it.name() == reign.master)?;
        if now().saturating_sub(reign.last) > FRESH || !self.cluster.is_whole() {
            return None;
        }
        let mut candidates = self.candidates.iter().enumerate();
        let is_well = candidates.all(|(number, candidate)| {
            let wanted = if number == leader { "leader" } else { "standby" };
            candidate.role().as_deref() == Some(wanted)
        });
        is_well.then_some(Sitting { leader, token })
    }

    /// Sends a signal to the process by which a master campaigns.
    #[track_caller]
    pub fn signal_elector(&mut self, master: usize, signal: Signal) {
        let elector = self.candidates[master].elector().expect("a candidate has an elector");
        elector.signal(signal);
        self.electors.push(elector);
    }

    /// Has electors go on that were stopped.
    pub fn continue_electors(&mut self) {
        for elector in self.electors.drain(..) {
            elector.signal(Signal::SIGCONT);
        }
    }

    /// All is as it was before, but for who leads: whoever was stopped goes on, whoever has ended is started again, and lines that were cut
    /// are whole.
    #[track_caller]
    pub fn mend(&mut self) {
        self.observer.speak();
        self.network.mend();
        self.cluster.mend();
        self.continue_electors();
        for candidate in &mut self.candidates {
            candidate.signal(Signal::SIGCONT);
            candidate.launch();
        }
    }

    /// Copies what tells of the past to a folder that stays.
    ///
    /// # Errors
    ///
    /// What the kernel says.
    pub fn keep(&self, folder: &Path) -> std::io::Result<()> {
        std::fs::create_dir_all(folder)?;
        std::fs::copy(&self.log, folder.join("records"))?;
        for (number, candidate) in self.candidates.iter().enumerate() {
            let master = folder.join(format!("m{}.log", number + 1));
            std::fs::write(master, candidate.last_words(usize::MAX))?;
            let member = folder.join(format!("etcd{}.log", number + 1));
            std::fs::write(member, self.cluster.last_words(number))?;
        }
        Ok(())
    }
}

impl Drop for Field {
    fn drop(&mut self) {
        // Who is stopped answers nobody.
        self.candidates.iter().for_each(|candidate| candidate.signal(Signal::SIGCONT));
        let _ = std::fs::remove_file(&self.log);
    }
}
