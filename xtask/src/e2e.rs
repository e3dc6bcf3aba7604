//! `cargo xtask e2e`: the black-box suite, as often as wished, and a look round after each time: a
//! suite about processes that end has failed when one did not.

use std::time::Duration;

use crate::args::Args;
use crate::error::{Context, Error, Result};
use crate::interrupt;
use crate::leftovers::{Before, MARK};
use crate::step::{Step, timed};
use crate::workspace::Workspace;

/// How long the last process of a round may take to be gone, once its test has ended.
const PATIENCE: Duration = Duration::from_secs(5);

/// Where sandboxes lie, if there is enough of it and nobody says otherwise. What else is done on a disk, or was deleted from it,
/// has whoever writes a pidfile or a log line wait: ten seconds were seen, and a master may be silent for five.
const MEMORY: &str = "/dev/shm";

/// How often, how wide, and which tests.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) times: u32,
    pub(crate) threads: Option<u32>,
    /// Tests with any of these in their names; all if there are none.
    pub(crate) filters: Vec<String>,
}

impl Default for Plan {
    fn default() -> Self {
        Self { times: 1, threads: None, filters: Vec::new() }
    }
}

pub(crate) fn command(mut args: Args) -> Result {
    let times = args.option("--times")?.unwrap_or(1);
    let threads = args.option("--test-threads")?;
    let plan = Plan { times, threads, filters: std::iter::from_fn(|| args.word()).collect() };
    args.end()?;
    if plan.times == 0 {
        return Err(Error::new("--times 0 would test nothing"));
    }
    run(&Workspace::load()?, &plan)
}

pub(crate) fn run(workspace: &Workspace, plan: &Plan) -> Result {
    // One selection of packages, so that cargo settles on one set of features for both and builds
    // nothing twice.
    Step::cargo("build --package processhandler --package ph-tests --bins --examples")
        .run(&workspace.root)?;
    Step::cargo("test --package ph-tests --tests --no-run").run(&workspace.root)?;
    // A disk that takes the gigabytes of a fresh build keeps whoever writes a log line waiting for seconds.
    Step::new("sync").run(&workspace.root)?;
    interrupt::watch()?;
    for round in 1..=plan.times {
        let name = format!("e2e round {round} of {}", plan.times);
        timed(&name, || self::round(workspace, plan, round))
            .context(|| format!("round {round}"))?;
    }
    Ok(())
}

fn round(workspace: &Workspace, plan: &Plan, round: u32) -> Result {
    let mark = format!("{}-{round}", std::process::id());
    let before = Before::look(&workspace.target, &mark);
    let mut suite = suite(plan).env(MARK, mark);
    if std::env::var_os("TMPDIR").is_none() && is_roomy(MEMORY) {
        suite = suite.env("TMPDIR", MEMORY);
    }
    let result = suite.run(&workspace.root);
    interrupt::check()?;
    // A failing test often leaves something behind; both are worth reading.
    match (result, before.compare(PATIENCE)) {
        (Err(failed), Err(left)) => Err(Error::new(format!("{failed}; and {left}"))),
        (result, left) => result.and(left),
    }
}

/// Whether this is memory, from which programs may be run, and a good deal of it free.
fn is_roomy(place: &str) -> bool {
    const TMPFS: u64 = 0x0102_1994;
    const ENOUGH: u64 = 4 << 30;
    let (Ok(kind), Ok(found)) = (rustix::fs::statfs(place), rustix::fs::statvfs(place)) else {
        return false;
    };
    let runs = !found.f_flag.contains(rustix::fs::StatVfsMountFlags::NOEXEC);
    kind.f_type as u64 == TMPFS && runs && found.f_bavail * found.f_frsize >= ENOUGH
}

fn suite(plan: &Plan) -> Step {
    let mut step = Step::cargo("test --package ph-tests --tests --no-fail-fast --");
    if let Some(threads) = plan.threads {
        step = step.arg(format!("--test-threads={threads}"));
    }
    plan.filters.iter().fold(step, Step::arg)
}

#[cfg(test)]
mod tests {
    use super::{Plan, suite};

    #[test]
    fn width_and_filters_reach_the_suite() {
        let filters = vec!["s31".to_owned(), "s45".to_owned()];
        let plan = Plan { times: 1, threads: Some(2), filters };
        assert!(suite(&plan).line().ends_with(
            "test --package ph-tests --tests --no-fail-fast -- --test-threads=2 s31 s45"
        ));
        assert!(suite(&Plan::default()).line().ends_with("--no-fail-fast --"));
    }
}
