//! The ancestor's programs: its example, its way in, and the reference program where that is at hand.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use ph_tests::python::{Python, example, sources};
use ph_tests::{Output, each_interpreter, until, until_some};

each_interpreter![s47_the_ancestors_example_runs, s47_the_reference_program_runs];

fn s47_the_ancestors_example_runs(python: &str) {
    let server = Python::new("ancestor", python, "number_workers = 2\ngraceful_timeout = 500ms\n");
    fs::create_dir(server.path("code")).unwrap();
    fs::write(server.path("code/pump.py"), example("Pump")).unwrap();
    let run = r#"
from ProcessHandler.lib.arbiter import Arbiter
from ProcessHandler.lib.utils import parse_args

args = parse_args()
Arbiter("pump:Pump", args.config, args.section).run()
"#;
    fs::write(server.path("code/run.py"), run).unwrap();
    let ph = ph_tests::sandbox::programs();
    let path = format!("{}:{}", ph.display(), std::env::var("PATH").unwrap());
    let mut command = Command::new(python);
    command.args(["code/run.py", "-c", "config.ini", "-s", "fixture"]).current_dir(server.folder());
    command.env("PYTHONPATH", sources()).env("PATH", path).env("PYTHONDONTWRITEBYTECODE", "1");
    let output: Output = command.output().unwrap().into();
    server.remember();
    assert_eq!(output.code, Some(0), "{output:?}\n{}", server.read("app.log"));
    let workers = server.settled(2);
    until_some("each prints and logs, as itself", || {
        let log = server.read("app.log");
        let all = workers.iter().all(|(slot, worker)| {
            let mark = format!("[worker {slot} {}]", worker.pid());
            log.contains(&format!("{mark} printed"))
                && log.contains(&format!("{mark} INFO pump: logged"))
        });
        all.then_some(())
    });
    let program = fs::read_link(format!("/proc/{}/exe", workers[0].1.pid())).unwrap();
    assert_eq!(program, fs::canonicalize(python).unwrap());
    server.ok(&["stop"]);
}

/// Where the reference program and its configuration lie, if they are on this machine: beside what `PH_REFERENCE_CONFIG` names, or
/// in a folder `reference` of one that lies beside the repository.
fn reference() -> Option<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent()?;
    let named = std::env::var_os("PH_REFERENCE_CONFIG").map(PathBuf::from);
    let named = named.and_then(|file| file.parent().map(Path::to_owned));
    let beside = fs::read_dir(root.parent()?).into_iter().flatten().flatten();
    let beside = beside.map(|entry| entry.path().join("reference"));
    named.into_iter().chain(beside).find(|folder| {
        folder.join("jobexecute.py").is_file() && folder.join("config.ini").is_file()
    })
}

/// With `print` as Python 3 has it, and the logger that it means; its configuration is read where it lies.
fn s47_the_reference_program_runs(python: &str) {
    let Some(reference) = reference() else { return };
    let server = Python::new("reference", python, "");
    let text = fs::read_to_string(reference.join("jobexecute.py")).unwrap();
    let text = text.replace("print 'go....'", "print('go....')");
    let text = text.replace(" logger.info", " self.logger.info");
    fs::write(server.path("jobexecute.py"), text).unwrap();
    // What `status` finds; the start is given the original.
    fs::copy(reference.join("config.ini"), server.path("config.ini")).unwrap();
    let config = reference.join("config.ini");
    let interpreter = format!("python={python}");
    let mut start = server.command(&["-c", config.to_str().unwrap(), "-s", "jobexecute"]);
    start.args(["--set", &interpreter, "start", "--python", "jobexecute:JobExecute"]);
    let output: Output = start.output().unwrap().into();
    server.remember();
    assert_eq!(output.code, Some(0), "{output:?}\n{}", server.read("master.log"));
    let workers = server.settled(2);
    for (slot, worker) in &workers {
        let mark = format!("[worker {slot} {}]", worker.pid());
        until("it goes, and goes on", || {
            let log = server.read("master.log");
            log.matches(&format!("{mark} go....\n")).count() >= 2
                && log.contains(&format!("{mark} INFO jobexecute: go..."))
        });
    }
    // It sleeps on and hears nothing: its `graceful_timeout` of 3 seconds ends it.
    server.ok(&["stop"]);
    assert!(!workers.iter().any(|(_, worker)| worker.is_alive()));
    server.nothing_runs();
}
