//! `cargo xtask drill leader`: masters, an etcd, and hundreds of things that go wrong between them. The drill itself is a
//! program of the suite (`tests/src/bin/drill`); here it is built and run, and looked after.

use std::time::Duration;

use crate::args::Args;
use crate::error::{Error, Result};
use crate::interrupt;
use crate::leftovers::{Before, MARK};
use crate::step::{Step, timed};
use crate::workspace::Workspace;

/// How long the last process may take to be gone, once the drill has ended.
const PATIENCE: Duration = Duration::from_secs(5);

pub(crate) fn command(mut args: Args) -> Result {
    if args.word().as_deref() != Some("leader") {
        return Err(Error::new("there is one drill: cargo xtask drill leader"));
    }
    let mut words = vec!["leader"];
    words.extend(["--warm", "--spare-decider"].into_iter().filter(|word| args.switch(word)));
    let rounds: u32 = args.option("--rounds")?.unwrap_or(200);
    let seed: Option<u64> = args.option("--seed")?;
    args.end()?;
    if rounds == 0 {
        return Err(Error::new("--rounds 0 would prove nothing"));
    }
    let workspace = Workspace::load()?;
    Step::cargo("build --package processhandler --package ph-tests --bins").run(&workspace.root)?;
    // It cleans up after itself when it is interrupted, and is waited for.
    interrupt::watch()?;
    let mark = format!("drill-{}", std::process::id());
    let before = Before::look(&workspace.target, &mark);
    let drill = step(&workspace, &words, rounds, seed).env(MARK, mark);
    let result = timed("drill leader", || drill.run(&workspace.root));
    let left = before.compare(PATIENCE);
    if left.is_err() {
        before.kill_leftovers();
    }
    result.map(|_| ()).and(left)
}

fn step(workspace: &Workspace, words: &[&str], rounds: u32, seed: Option<u64>) -> Step {
    let program = workspace.target.join("debug/ph-drill");
    let step = words.iter().fold(Step::new(program), Step::arg);
    let step = step.arg("--rounds").arg(rounds.to_string());
    seed.iter().fold(step, |step, seed| step.arg("--seed").arg(seed.to_string()))
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::step;
    use crate::workspace::Workspace;

    #[test]
    fn rounds_and_seed_reach_the_drill() {
        let workspace =
            Workspace { root: PathBuf::new(), target: PathBuf::from("/t"), packages: Vec::new() };
        let line = step(&workspace, &["leader", "--warm"], 5, Some(7)).line();
        assert_eq!(line, "ph-drill leader --warm --rounds 5 --seed 7");
        assert_eq!(step(&workspace, &["leader"], 5, None).line(), "ph-drill leader --rounds 5");
    }
}
