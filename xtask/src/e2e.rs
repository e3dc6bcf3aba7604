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
    let result = suite(plan).env(MARK, mark).run(&workspace.root);
    interrupt::check()?;
    // A failing test often leaves something behind; both are worth reading.
    match (result, before.compare(PATIENCE)) {
        (Err(failed), Err(left)) => Err(Error::new(format!("{failed}; and {left}"))),
        (result, left) => result.and(left),
    }
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
