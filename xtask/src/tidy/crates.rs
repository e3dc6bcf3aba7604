//! Which crate may be built from which, and what every crate has.

use std::collections::BTreeSet;
use std::path::Path;

use super::Finding;
use crate::workspace::{Package, Workspace};

const LEAVES: [&str; 4] = ["ph-config", "ph-leader", "ph-rpc", "ph-signal"];

/// A crate and, beside the leaves where `leaves` says so, those of ours that it may use. A crate
/// that is not here has not been thought about yet.
struct Rule {
    name: &'static str,
    leaves: bool,
    others: &'static [&'static str],
}

const RULES: [Rule; 10] = [
    Rule { name: "ph-config", leaves: false, others: &[] },
    Rule { name: "ph-leader", leaves: false, others: &[] },
    Rule { name: "ph-rpc", leaves: false, others: &[] },
    Rule { name: "ph-signal", leaves: false, others: &[] },
    Rule { name: "ph-core", leaves: false, others: &["ph-config", "ph-rpc", "ph-signal"] },
    Rule {
        name: "ph-worker",
        leaves: false,
        others: &["ph-config", "ph-core", "ph-rpc", "ph-signal"],
    },
    Rule { name: "ph-cli", leaves: false, others: &["ph-config", "ph-rpc"] },
    Rule { name: "processhandler", leaves: true, others: &["ph-cli", "ph-core", "ph-worker"] },
    Rule { name: "ph-tests", leaves: true, others: &["processhandler"] },
    Rule { name: "xtask", leaves: true, others: &["processhandler"] },
];

pub(super) fn check(workspace: &Workspace, files: &BTreeSet<String>) -> Vec<Finding> {
    let ours: BTreeSet<&str> =
        workspace.packages.iter().map(|package| package.name.as_str()).collect();
    let mut findings = Vec::new();
    for package in &workspace.packages {
        let manifest = package.manifest.to_string_lossy();
        let text =
            std::fs::read_to_string(workspace.root.join(&package.manifest)).unwrap_or_default();
        findings.extend(direction(package, &ours).into_iter().map(|(about, says)| {
            let line =
                text.lines().position(|line| line.starts_with(&about)).map_or(1, |at| at + 1);
            Finding::new(&manifest, line, says)
        }));
        let lacking = lacking(package, |path| files.contains(path));
        findings.extend(lacking.into_iter().map(|says| Finding::new(&manifest, 1, says)));
    }
    findings
}

/// What points the wrong way: the dependency's name, and a sentence.
fn direction(package: &Package, ours: &BTreeSet<&str>) -> Vec<(String, String)> {
    let Some(rule) = RULES.iter().find(|rule| rule.name == package.name) else {
        let says = format!(
            "{} has no rule; say in xtask/src/tidy/crates.rs what it may use",
            package.name
        );
        return vec![("name".to_owned(), says)];
    };
    let may = |name: &str| rule.others.contains(&name) || (rule.leaves && LEAVES.contains(&name));
    let wrong =
        package.dependencies.iter().filter(|name| ours.contains(name.as_str()) && !may(name));
    wrong
        .map(|name| {
            (
                name.clone(),
                format!("{} must not use {name}; the arrow points the other way", rule.name),
            )
        })
        .collect()
}

fn lacking(package: &Package, exists: impl Fn(&str) -> bool) -> Vec<String> {
    let readme = package.manifest.parent().unwrap_or(Path::new("")).join("README.md");
    let mut says = Vec::new();
    if !exists(&readme.to_string_lossy()) {
        says.push(format!("{} has no README.md", package.name));
    }
    for (key, value) in [("description", &package.description), ("license", &package.license)] {
        if value.as_deref().is_none_or(|text| text.trim().is_empty()) {
            says.push(format!("{} has no {key}", package.name));
        }
    }
    says
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::{Package, direction, lacking};

    fn package(name: &str, dependencies: &[&str]) -> Package {
        Package {
            name: name.to_owned(),
            description: Some("A crate".to_owned()),
            license: Some("MIT".to_owned()),
            manifest: PathBuf::from(name).join("Cargo.toml"),
            dependencies: dependencies.iter().map(|&name| name.to_owned()).collect(),
        }
    }

    fn wrong(name: &str, dependencies: &[&str]) -> Vec<String> {
        let ours =
            ["ph-signal", "ph-rpc", "ph-core", "ph-worker", "processhandler", "ph-tests"].into();
        direction(&package(name, dependencies), &ours).into_iter().map(|(about, _)| about).collect()
    }

    #[test]
    fn arrows_point_down() {
        assert!(wrong("ph-core", &["ph-signal", "ph-rpc", "libc"]).is_empty());
        assert!(wrong("ph-tests", &["processhandler", "ph-rpc"]).is_empty());
        assert_eq!(wrong("ph-signal", &["ph-rpc", "libc"]), ["ph-rpc"]);
        assert_eq!(wrong("ph-core", &["ph-worker"]), ["ph-worker"]);
        assert_eq!(wrong("ph-tests", &["ph-core"]), ["ph-core"]);
        assert_eq!(wrong("processhandler", &["ph-worker", "ph-tests"]), ["ph-tests"]);
    }

    #[test]
    fn an_unknown_crate_needs_a_rule() {
        assert_eq!(wrong("ph-new", &[]), ["name"]);
    }

    #[test]
    fn every_crate_says_what_it_is() {
        assert!(lacking(&package("ph-core", &[]), |path| path == "ph-core/README.md").is_empty());
        let mut bare = package("ph-core", &[]);
        bare.description = None;
        bare.license = Some(String::new());
        assert_eq!(lacking(&bare, |_| false).len(), 3);
    }

    #[test]
    fn the_root_package_keeps_its_readme_at_the_root() {
        let mut root = package("processhandler", &[]);
        root.manifest = PathBuf::from("Cargo.toml");
        assert!(lacking(&root, |path| path == "README.md").is_empty());
    }
}
