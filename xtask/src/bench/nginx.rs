//! nginx, for comparison: it does more for a request, and has been at it for longer.

use std::net::TcpStream;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use super::group::Group;
use crate::error::{Context, Result};
use crate::wait;

/// With the empty line after it, 64 bytes.
pub(super) const ASK: &str = "GET / HTTP/1.1\r\nHost: localhost\r\nX-Padding: 0123456789abcdef";

/// For the table: what it does instead of an echo.
pub(super) const SAY: &str = "  nginx, `return 200`";

pub(super) fn is_installed() -> bool {
    version().is_some()
}

/// What it says of itself, where it is installed.
pub(super) fn version() -> Option<String> {
    let output = Command::new("nginx").arg("-v").output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stderr).trim().to_owned())
}

/// Starts it by `command` with a configuration of its own: the answer to a request is the path that
/// was asked for. `None` where it is not installed.
pub(super) fn start(
    mut command: Command,
    scratch: &Path,
    port: u16,
    workers: usize,
) -> Result<Option<Group>> {
    if !is_installed() {
        return Ok(None);
    }
    let directory = scratch.join(format!("nginx-{port}"));
    std::fs::create_dir(&directory).context(|| directory.display())?;
    let here = directory.display();
    let text = format!(
        "daemon off;\nworker_processes {workers};\npid {here}/pid;\nerror_log {here}/log;\n\
         user root;\n\
         events {{ worker_connections 1024; }}\n\
         http {{\n\
         access_log off;\nkeepalive_requests 1000000000;\nclient_body_temp_path {here}/body;\n\
         proxy_temp_path {here}/proxy;\nfastcgi_temp_path {here}/fastcgi;\n\
         uwsgi_temp_path {here}/uwsgi;\nscgi_temp_path {here}/scgi;\n\
         server {{ listen 127.0.0.1:{port} backlog=1024; location / {{ return 200 $request_uri; }} }}\n\
         }}\n"
    );
    let file = directory.join("conf");
    std::fs::write(&file, text).context(|| file.display())?;
    command.arg("-e").arg(directory.join("log")).arg("-p").arg(&directory).arg("-c").arg(&file);
    let group = Group::spawn_session(&command)?;
    let ready = || {
        TcpStream::connect(("127.0.0.1", port)).is_ok()
            && group.master().children().len() == workers
    };
    wait::until("nginx starts", Duration::from_secs(10), ready)?;
    Ok(Some(group))
}

#[cfg(test)]
mod tests {
    #[test]
    fn both_are_asked_with_as_many_bytes() {
        assert_eq!(super::ASK.len() + "\r\n\r\n".len(), 64);
    }
}
