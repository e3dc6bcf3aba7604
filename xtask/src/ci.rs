//! `cargo xtask ci`: everything that a change must pass, in the order in which it fails soonest.

use crate::args::Args;
use crate::error::{Context, Error, Result};
use crate::step::{Step, timed};
use crate::workspace::Workspace;
use crate::{docs, e2e, setup, tidy};

/// A step's name, and what it does. A command is built anew each time, since the environment
/// belongs to it.
type Named = (&'static str, fn(&Workspace) -> Result);

const STEPS: [Named; 10] = [
    ("setup", |workspace| setup::run(&workspace.root)),
    ("fmt", |workspace| Step::cargo("fmt --all -- --check").run(&workspace.root)),
    ("tidy", tidy::run),
    // Denied here and not by RUSTFLAGS, which would build every dependency a second time.
    ("clippy", |workspace| {
        Step::cargo("clippy --workspace --all-targets -- -D warnings").run(&workspace.root)
    }),
    ("docs", |workspace| {
        Step::cargo("doc --workspace --no-deps")
            .env("RUSTDOCFLAGS", "-D warnings")
            .run(&workspace.root)
    }),
    ("pages", docs::check),
    // The black-box suite is the next step: it needs programs built first, and leaves nothing
    // behind.
    ("test", |workspace| Step::cargo("test --workspace --exclude ph-tests").run(&workspace.root)),
    ("python", |workspace| {
        // Those of Debian; what is first on PATH may be neither.
        ["/usr/bin/python3", "/usr/bin/pypy3"].iter().try_for_each(|interpreter| {
            Step::new(*interpreter)
                .words("-B -W error -m unittest discover -s tests")
                .run(&workspace.root.join("python"))
        })
    }),
    // What the product leaves out: nothing else builds these.
    ("features", |workspace| {
        Step::cargo("clippy -p ph-worker --no-default-features -- -D warnings")
            .run(&workspace.root)?;
        for package in ["ph-rpc", "ph-leader"] {
            Step::cargo(&format!(
                "clippy -p {package} --all-features --all-targets -- -D warnings"
            ))
            .run(&workspace.root)?;
            Step::cargo(&format!("doc -p {package} --all-features --no-deps"))
                .env("RUSTDOCFLAGS", "-D warnings")
                .run(&workspace.root)?;
            Step::cargo(&format!("test -p {package} --all-features")).run(&workspace.root)?;
        }
        Ok(())
    }),
    ("e2e", |workspace| e2e::run(workspace, &e2e::Plan::default())),
];

pub(crate) fn command(mut args: Args) -> Result {
    let only: Option<String> = args.option("--only")?;
    let from: Option<String> = args.option("--from")?;
    args.end()?;
    let chosen = chosen(only.as_deref(), from.as_deref())?;
    let workspace = Workspace::load()?;
    let mut times = Vec::new();
    for (name, work) in chosen {
        times.push((name, timed(name, || work(&workspace))?));
    }
    println!("==> all passed");
    for (name, took) in times {
        println!("    {name:<8} {:>7.1} s", took.as_secs_f64());
    }
    Ok(())
}

fn chosen(only: Option<&str>, from: Option<&str>) -> Result<&'static [Named]> {
    let at = |name: &str| {
        let names = || STEPS.map(|(name, _)| name).join(", ");
        STEPS
            .iter()
            .position(|(step, _)| *step == name)
            .context(|| format!("no step {name}; there are {}", names()))
    };
    match (only, from) {
        (None, None) => Ok(&STEPS),
        (Some(name), None) => at(name).map(|at| &STEPS[at..=at]),
        (None, Some(name)) => at(name).map(|at| &STEPS[at..]),
        (Some(_), Some(_)) => {
            Err(Error::new("--only and --from are two different wishes; give one"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{STEPS, chosen};

    fn names(only: Option<&str>, from: Option<&str>) -> Vec<&'static str> {
        chosen(only, from).unwrap().iter().map(|(name, _)| *name).collect()
    }

    #[test]
    fn all_one_or_the_rest() {
        assert_eq!(names(None, None).len(), STEPS.len());
        assert_eq!(names(Some("tidy"), None), ["tidy"]);
        assert_eq!(names(None, Some("test")), ["test", "python", "features", "e2e"]);
    }

    #[test]
    fn an_unknown_step_names_the_known_ones() {
        let says = chosen(Some("lint"), None).unwrap_err().to_string();
        assert!(says.contains("lint") && says.contains("clippy"), "{says}");
        assert!(chosen(Some("fmt"), Some("fmt")).is_err());
    }
}
