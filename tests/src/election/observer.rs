//! Who reads what workers write, as they write it, and looks which of them are alive.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::checker::{Checker, Reign, Violation};
use super::now;
use super::record::{Book, Record};
use crate::process::Process;
use crate::traces::running;

/// How often the log is read.
const READ: Duration = Duration::from_millis(5);
/// How often it looks for workers.
const LOOK: Duration = Duration::from_millis(50);

/// A thread that observes until this is dropped.
#[derive(Debug)]
pub struct Observer {
    seen: Arc<Mutex<Seen>>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct Seen {
    checker: Checker,
    violations: Vec<Violation>,
    /// Why it can't observe any more.
    blind: Option<String>,
    is_over: bool,
    /// For how long it could not look, at most.
    away: Duration,
    /// The last record of each worker, as long as nobody has succeeded it.
    workers: BTreeMap<Process, Record>,
}

impl Observer {
    /// Observes the workers that write to this log, and whether two of the masters with these names have some at the same time.
    #[must_use]
    pub fn start(book: Book, masters: Vec<String>) -> Self {
        let seen = Arc::new(Mutex::new(Seen::default()));
        let shared = Arc::clone(&seen);
        let thread = std::thread::spawn(move || observe(book, &masters, &shared));
        Self { seen, thread: Some(thread) }
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        lock(&self.seen)
    }

    /// The latest reign, and its token.
    #[must_use]
    pub fn reign(&self) -> Option<(u64, Reign)> {
        self.seen().checker.reign().map(|(token, reign)| (token, reign.clone()))
    }

    /// That of one token.
    #[must_use]
    pub fn reign_of(&self, token: u64) -> Option<Reign> {
        self.seen().checker.reign_of(token).cloned()
    }

    /// The reign that came after a token.
    #[must_use]
    pub fn successor(&self, token: u64) -> Option<(u64, Reign)> {
        self.seen().checker.successor(token).map(|(token, reign)| (token, reign.clone()))
    }

    /// From `since` on nothing may come from this master, or from anybody.
    pub fn silence(&self, of: Option<&str>, since: Duration) {
        self.seen().checker.silence(of, since);
    }

    /// Whoever had to be silent may work again.
    pub fn speak(&self) {
        self.seen().checker.speak(now());
    }

    /// For how long it could not look, at most, since this was asked last: then the whole machine stood still, most likely, and no time
    /// that was taken meanwhile means anything.
    pub fn was_away(&self) -> Duration {
        std::mem::take(&mut self.seen().away)
    }

    /// By how much workers outlived their deadlines, at most, since this was asked last.
    pub fn overrun(&self) -> Duration {
        self.seen().checker.overrun()
    }

    /// How many records it has read.
    #[must_use]
    pub fn records(&self) -> u64 {
        self.seen().checker.records()
    }

    /// The first token and the last.
    #[must_use]
    pub fn tokens(&self) -> Option<(u64, u64)> {
        self.seen().checker.tokens()
    }

    /// What was wrong until now, a sentence each.
    #[must_use]
    pub fn violations(&self) -> Vec<String> {
        let seen = self.seen();
        let sentences = seen.violations.iter().map(ToString::to_string);
        sentences.chain(seen.blind.clone()).collect()
    }
}

impl Drop for Observer {
    fn drop(&mut self) {
        self.seen().is_over = true;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// A violation leaves nothing half done.
fn lock(seen: &Mutex<Seen>) -> MutexGuard<'_, Seen> {
    seen.lock().unwrap_or_else(PoisonError::into_inner)
}

fn observe(mut book: Book, masters: &[String], seen: &Mutex<Seen>) {
    let mut look = Instant::now();
    let mut round = Instant::now();
    loop {
        {
            let mut seen = lock(seen);
            seen.away = seen.away.max(round.elapsed());
            round = Instant::now();
            if seen.is_over {
                return;
            }
            match book.read() {
                Ok(records) => seen.read(records),
                Err(error) => {
                    seen.blind = Some(error);
                    return;
                }
            }
        }
        if look.elapsed() >= LOOK {
            look = Instant::now();
            let both = both(masters);
            lock(seen).violations.extend(both);
        }
        std::thread::sleep(READ);
    }
}

impl Seen {
    fn read(&mut self, records: Vec<Record>) {
        let highest = self.checker.reign().map_or(0, |(token, _)| token);
        for record in records {
            self.violations.extend(self.checker.read(&record));
            self.workers.insert(record.worker, record);
        }
        let Some((successor, _)) = self.checker.reign().filter(|(token, _)| *token > highest)
        else {
            return;
        };
        // Whoever has written with a smaller token should be gone by now, and will not be looked at again.
        let (former, present) = std::mem::take(&mut self.workers)
            .into_iter()
            .partition::<BTreeMap<_, _>, _>(|(_, record)| record.token < successor);
        self.workers = present;
        let alive = former.into_values().filter(|record| record.worker.is_alive());
        self.violations.extend(alive.map(|record| Violation::Alive { record, successor }));
    }
}

/// Two masters of which each has a worker.
fn both(masters: &[String]) -> Option<Violation> {
    let of = |process: Process| {
        let title = process.title();
        let is_worker = title.starts_with("ph: worker ");
        masters.iter().filter(|_| is_worker).find(|name| title.contains(&format!("[{name}]")))
    };
    let workers: Vec<(Process, &String)> = running(|process| of(process).is_some())
        .into_iter()
        .filter_map(|process| Some((process, of(process)?)))
        .collect();
    // Those who are alive still now that all were seen were alive together.
    let alive = workers.iter().filter(|(process, _)| process.is_alive());
    let masters: BTreeSet<&String> = alive.map(|(_, master)| *master).collect();
    let mut masters = masters.into_iter().cloned();
    Some(Violation::Both(masters.next()?, masters.next()?))
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::io::Write as _;
    use std::process::{Child, Command};
    use std::time::Duration;

    use super::{Observer, both};
    use crate::election::record::{Book, Record};
    use crate::process::Process;
    use crate::wait::until;

    /// A process that `ps` shows like this.
    fn titled(title: &str) -> Child {
        let script = format!("exec -a '{title}' sleep 60");
        Command::new("bash").args(["-c", &script]).spawn().unwrap()
    }

    fn end(mut child: Child) {
        child.kill().unwrap();
        child.wait().unwrap();
    }

    #[test]
    fn two_masters_with_workers_are_seen() {
        let name = |which: &str| format!("observed-{}-{which}", std::process::id());
        let masters = vec![name("a"), name("b")];
        let worker = |slot: u32, master: &str| titled(&format!("ph: worker {slot} [{master}]"));
        let (first, second) = (worker(0, &masters[0]), worker(1, &masters[0]));
        let guard = titled(&format!("ph: guard [{}]", masters[1]));
        assert_eq!(both(&masters), None);
        let other = worker(0, &masters[1]);
        until("both are seen", || both(&masters).is_some());
        end(first);
        assert!(both(&masters).is_some());
        end(second);
        assert_eq!(both(&masters), None);
        end(other);
        end(guard);
    }

    #[test]
    fn a_former_worker_that_lives_is_seen_and_one_that_is_gone_is_not() {
        let path = std::env::temp_dir().join(format!("ph-observed-{}", std::process::id()));
        let observer = Observer::start(Book::create(&path).unwrap(), Vec::new());
        let log = File::options().append(true).open(&path).unwrap();
        std::fs::remove_file(&path).unwrap();
        let write = |token: u64, worker: Process| {
            let at = Duration::from_secs(token);
            let record = Record { token, at, worker, leading: true, master: token.to_string() };
            record.append(&log).unwrap();
            until("it is read", || observer.reign().is_some_and(|(last, _)| last == token));
        };
        let worker = |child: &Child| Process::find(child.id() as i32).unwrap();
        let (first, second) = (titled("first"), titled("second"));
        write(1, worker(&first));
        end(first);
        write(2, worker(&second));
        assert_eq!(observer.violations(), Vec::<String>::new());
        write(3, Process::myself());
        let told = observer.violations();
        end(second);
        assert!(told.len() == 1 && told[0].contains("lived on beside token 3"), "{told:?}");
        assert_eq!((observer.records(), observer.tokens()), (3, Some((1, 3))));
        (&log).write_all(b"what?\n").unwrap();
        until("it says so", || observer.violations().len() == 2);
    }
}
