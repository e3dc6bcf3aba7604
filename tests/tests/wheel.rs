//! The wheel: `ph` and the classes in a fresh virtual environment, and the ancestor's example run from there.

use std::fs;
use std::path::Path;
use std::process::Command;

use ph_tests::python::example;
use ph_tests::wheel::{installed, wheel};
use ph_tests::{Output, Sandbox, each_interpreter, until};

each_interpreter![s47_the_ancestors_example_runs_from_a_fresh_environment];

const CONFIG: &str = "[DEFAULT]\ngraceful_timeout = 1\nbase_path = .\n\n[jobexecute]\ndaemonize = true\n\
    pidfile = %(base_path)s/master.pid\nlog_file = %(base_path)s/master.log\nnumber_workers = 2\n";

/// A directory with the example, its configuration and its environment, and with no way to any other package.
fn installation(test: &str, python: &str) -> Sandbox {
    let name = format!("{test}-{}", python.rsplit('/').next().unwrap());
    let mut sandbox = Sandbox::for_program("ph", &name, "");
    let programs = installed(python, &sandbox.path("venv"));
    sandbox.use_program(programs.join("ph"));
    fs::write(sandbox.path("config.ini"), CONFIG).unwrap();
    fs::write(sandbox.path("jobexecute.py"), example("JobExecute")).unwrap();
    sandbox
}

/// Both workers are of the environment's interpreter, and at work.
#[track_caller]
fn works(sandbox: &Sandbox, python: &str) {
    let workers = sandbox.settled(2);
    for (slot, worker) in &workers {
        let program = fs::read_link(format!("/proc/{}/exe", worker.pid())).unwrap();
        assert_eq!(program, fs::canonicalize(python).unwrap());
        assert!(worker.title().starts_with(sandbox.path("venv").to_str().unwrap()), "{worker:?}");
        let mark = format!("[worker {slot} {}]", worker.pid());
        until("it prints and logs, as itself", || {
            let log = sandbox.read("master.log");
            log.contains(&format!("{mark} printed"))
                && log.contains(&format!("{mark} INFO jobexecute: logged"))
        });
    }
    let master = fs::read_link(format!("/proc/{}/exe", sandbox.master().pid())).unwrap();
    assert_eq!(master, sandbox.path("venv/bin/ph"));
    assert!(sandbox.ok(&["status"]).contains("jobexecute"));
    sandbox.ok(&["stop"]);
    sandbox.nothing_runs();
}

fn s47_the_ancestors_example_runs_from_a_fresh_environment(python: &str) {
    let sandbox = installation("wheel", python);
    // The environment is not activated: the interpreter on PATH is none that has the package.
    let arguments = ["-c", "config.ini", "-s", "jobexecute", "start", "--python"];
    let mut start = sandbox.command(&arguments);
    let output: Output = start.arg("jobexecute:JobExecute").output().unwrap().into();
    sandbox.remember();
    assert_eq!(output.code, Some(0), "{output:?}\n{}", sandbox.read("master.log"));
    works(&sandbox, python);

    // The ancestor's own way in.
    let run = "from ProcessHandler.lib.arbiter import Arbiter\nfrom ProcessHandler.lib.utils import parse_args\n\n\
        args = parse_args()\nArbiter(\"jobexecute:JobExecute\", args.config, args.section).run()\n";
    fs::write(sandbox.path("run.py"), run).unwrap();
    let mut run = Command::new(sandbox.path("venv/bin/python"));
    run.args(["run.py", "-c", "config.ini", "-s", "jobexecute"]).current_dir(sandbox.folder());
    let output: Output = run.env_remove("PYTHONPATH").output().unwrap().into();
    sandbox.remember();
    assert_eq!(output.code, Some(0), "{output:?}\n{}", sandbox.read("master.log"));
    works(&sandbox, python);
}

/// One for each interpreter and version of one, since it is bound to none.
#[test]
fn the_wheel_is_of_this_version_and_for_any_interpreter() {
    let name = wheel().file_name().unwrap().to_str().unwrap();
    let version = env!("CARGO_PKG_VERSION");
    let begins = format!("processhandler-{version}-py3-none-linux_");
    assert!(name.starts_with(&begins), "{name}");
    let package = Path::new(env!("CARGO_MANIFEST_DIR")).join("../python/processhandler");
    let package = fs::read_to_string(package.join("__init__.py")).unwrap();
    assert!(package.contains(&format!("__version__ = \"{version}\"")));
}
