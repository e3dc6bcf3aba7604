//! gunicorn, in a virtual environment of the benchmark's own, with an application that answers with
//! the path that was asked for.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::bench::environment::Environment;
use crate::bench::group::Group;
use crate::error::{Context, Result};
use crate::workspace::Workspace;

const ENVIRONMENT: &str = "bench-gunicorn";

#[derive(Debug)]
pub(super) struct Gunicorn {
    program: PathBuf,
    /// What it says of itself.
    pub(super) version: String,
}

impl Gunicorn {
    /// Takes what an earlier run has installed, or installs it. The error says how to do it by hand.
    pub(super) fn install(workspace: &Workspace) -> Result<Self> {
        let environment =
            Environment::install(workspace, ENVIRONMENT, &[("gunicorn", "gunicorn")])?;
        let version = environment.version("gunicorn").unwrap_or_default();
        Ok(Self { program: environment.program("gunicorn"), version })
    }

    /// Starts it; each worker writes a stamp when it is ready.
    pub(super) fn start(
        &self,
        directory: &Path,
        port: u16,
        workers: usize,
        stamps: &Path,
    ) -> Result<Group> {
        let file = directory.join("application.py");
        std::fs::write(&file, APPLICATION).context(|| file.display())?;
        let file = directory.join("configuration.py");
        let text = configuration(directory, port, workers, stamps);
        std::fs::write(&file, text).context(|| file.display())?;
        let mut command = Command::new(&self.program);
        command.arg("--config").arg(&file).arg("application:answer");
        Group::spawn_session(&command)
    }
}

const APPLICATION: &str = "\
def answer(environ, start_response):
    body = environ['RAW_URI'].encode()
    start_response('200 OK', [('Content-Type', 'text/plain'), ('Content-Length', str(len(body)))])
    return [body]
";

/// Threads, since a worker that can't keep connections would have nothing to lose: as many as there
/// are clients, so that none of them waits for another's connection to end.
fn configuration(directory: &Path, port: u16, workers: usize, stamps: &Path) -> String {
    let here = directory.display();
    let stamps = stamps.display();
    format!(
        "import time
bind = '127.0.0.1:{port}'
workers = {workers}
worker_class = 'gthread'
threads = 16
keepalive = 65
graceful_timeout = 3
chdir = '{here}'
errorlog = '{here}/log'
loglevel = 'warning'
control_socket_disable = True

def post_worker_init(worker):
    with open('{stamps}', 'w') as stamps:
        stamps.write('%d\\n' % time.monotonic_ns())
"
    )
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::configuration;

    #[test]
    fn the_configuration_is_a_python_file() {
        let text = configuration(Path::new("/tmp/a"), 8000, 4, Path::new("/tmp/b"));
        assert!(text.contains("bind = '127.0.0.1:8000'\nworkers = 4\n"), "{text}");
        assert!(text.contains("    with open('/tmp/b', 'w')"), "{text}");
        assert!(text.contains(r"'%d\n' %"), "{text}");
    }
}
