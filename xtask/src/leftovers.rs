//! Processes that outlived the round that started them.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::error::{Error, Result};
use crate::interrupt;
use crate::process::{self, Process};

/// A variable that every process of a round inherits. It names those who run a program from
/// elsewhere (`sleep`, a Python worker); those who clear their environment, or write a title over
/// it, are known by their program.
pub(crate) const MARK: &str = "XTASK_E2E_ROUND";

/// What was running before the round began: somebody else's, and none of the round's business.
#[derive(Debug)]
pub(crate) struct Before {
    target: PathBuf,
    mark: String,
    /// With the moment each began: a number is used again within a few busy rounds.
    there: BTreeSet<(Process, Option<u64>)>,
}

impl Before {
    pub(crate) fn look(target: &Path, mark: &str) -> Self {
        Self {
            target: target.to_owned(),
            mark: mark.to_owned(),
            there: process::all().map(dated).collect(),
        }
    }

    /// Fails with the name of everyone who is still there at the end of `patience`. Some may be on
    /// their way out: a guard learns of its master's death from the kernel, not before it.
    pub(crate) fn compare(&self, patience: Duration) -> Result {
        let deadline = Instant::now() + patience;
        loop {
            let left = self.leftovers();
            if left.is_empty() {
                return Ok(());
            }
            if Instant::now() >= deadline {
                return Err(Error::new(sentence(&left)));
            }
            interrupt::check()?;
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Ends whoever is left, for those who have no use for the evidence.
    pub(crate) fn kill_leftovers(&self) {
        for process in self.leftovers() {
            // Gone in the meantime is as good.
            let _ = process.open().and_then(|handle| handle.kill());
        }
    }

    fn leftovers(&self) -> Vec<Process> {
        process::all().filter(|&process| self.is_leftover(process)).collect()
    }

    fn is_leftover(&self, process: Process) -> bool {
        if process == Process::myself() || self.there.contains(&dated(process)) {
            return false;
        }
        let from_target = process.program().is_some_and(|program| is_ours(&self.target, &program));
        from_target || carries(&process.environment(), &self.mark)
    }
}

fn dated(process: Process) -> (Process, Option<u64>) {
    (process, process.began())
}

/// Whether a program was built by us to be run: not one of cargo's own build scripts.
fn is_ours(target: &Path, program: &Path) -> bool {
    let Ok(inside) = program.strip_prefix(target) else { return false };
    !inside.components().any(|part| part.as_os_str() == "build")
}

fn carries(environment: &[u8], mark: &str) -> bool {
    let wanted = format!("{MARK}={mark}");
    environment.split(|byte| *byte == 0).any(|variable| variable == wanted.as_bytes())
}

fn sentence(left: &[Process]) -> String {
    let who = left.iter().map(|process| format!("\n    {} {}", process.0, process.title()));
    let pids = left.iter().map(|process| process.0.to_string()).collect::<Vec<_>>().join(" ");
    format!(
        "processes are left over:{}\nlook at them, then end them: kill -9 {pids}",
        who.collect::<String>()
    )
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::process::Command;
    use std::time::Duration;

    use super::{Before, MARK, is_ours};
    use crate::process::Process;
    use crate::wait;

    #[test]
    fn someone_who_stays_is_named_and_someone_who_goes_is_not() {
        let mark = format!("test-{}", std::process::id());
        let before = Before::look(Path::new("/nowhere"), &mark);
        let mut child = Command::new("sleep").arg("60").env(MARK, &mark).spawn().unwrap();
        // Its environment is there a moment after its program.
        let started = || !Process(child.id()).environment().is_empty();
        wait::until("the child has started", Duration::from_secs(10), started).unwrap();
        let says = before.compare(Duration::ZERO).unwrap_err().to_string();
        assert!(says.contains(&format!("{} sleep 60", child.id())), "{says}");

        let later = Before::look(Path::new("/nowhere"), &mark);
        later.compare(Duration::ZERO).expect("who was there before is nobody's leftover");

        before.kill_leftovers();
        assert_eq!(child.wait().unwrap().code(), None, "ended by a signal");
        before.compare(Duration::ZERO).unwrap();
    }

    #[test]
    fn a_program_is_known_by_where_it_was_built() {
        let target = Path::new("/w/target");
        assert!(is_ours(target, Path::new("/w/target/debug/ph-fixture")));
        assert!(is_ours(target, Path::new("/w/target/debug/examples/jobexecute")));
        assert!(!is_ours(target, Path::new("/w/target/debug/build/libc-1/build-script-build")));
        assert!(!is_ours(target, Path::new("/usr/bin/sleep")));
    }
}
