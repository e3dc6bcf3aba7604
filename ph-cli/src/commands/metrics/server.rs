//! As much of HTTP/1.1 (RFC 9112) as those need who come for figures.

use std::io::{self, Read, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use crate::exit::{Exit, Failure};
use crate::output;

/// A client has so long to ask, and so long to take its answer.
const PATIENCE: Duration = Duration::from_secs(2);
/// Bytes of a request's head.
const MOST: usize = 8 << 10;
/// After an error of accept(2), which is most likely a lack of descriptors.
const PAUSE: Duration = Duration::from_millis(100);

const TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Answers `GET /metrics` with the text of that moment, one client after another, and never returns but with an error.
pub(super) fn serve(address: SocketAddr, text: &dyn Fn() -> String) -> Result<(), Failure> {
    let failed = |error: io::Error| {
        Failure::new(Exit::Failed, format!("cannot listen on {address}: {error}"))
    };
    let listener = TcpListener::bind(address).map_err(failed)?;
    let address = listener.local_addr().map_err(failed)?;
    output::write(&format!("metrics at http://{address}/metrics\n"))?;
    loop {
        match listener.accept() {
            // One that breaks off has its reasons.
            Ok((client, _)) => drop(answer(client, text)),
            Err(_) => thread::sleep(PAUSE),
        }
    }
}

fn answer(mut client: TcpStream, text: &dyn Fn() -> String) -> io::Result<()> {
    client.set_write_timeout(Some(PATIENCE))?;
    let head = head(&mut client)?;
    let (status, kind, body) = respond(&head, text);
    let length = body.len();
    let allow = if status.starts_with("405") { "Allow: GET, HEAD\r\n" } else { "" };
    let body = if head.starts_with("HEAD ") { String::new() } else { body };
    write!(
        client,
        "HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\n{allow}\
         Connection: close\r\n\r\n{body}"
    )?;
    // What it still sends would reset the connection, and the answer with it.
    client.shutdown(std::net::Shutdown::Write)?;
    let end = Instant::now() + PATIENCE;
    let mut rest = [0; 1024];
    while read(&mut client, &mut rest, end)? > 0 {}
    Ok(())
}

/// Everything up to the empty line, or as much as came before it was too much.
fn head(client: &mut TcpStream) -> io::Result<String> {
    let end = Instant::now() + PATIENCE;
    let mut bytes = Vec::new();
    let mut bite = [0; 1024];
    while bytes.len() < MOST && !bytes.windows(4).any(|it| it == b"\r\n\r\n") {
        match read(client, &mut bite, end)? {
            0 => break,
            count => bytes.extend_from_slice(&bite[..count]),
        }
    }
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

fn read(client: &mut TcpStream, bytes: &mut [u8], end: Instant) -> io::Result<usize> {
    let left = end.saturating_duration_since(Instant::now());
    if left.is_zero() {
        return Err(io::ErrorKind::TimedOut.into());
    }
    client.set_read_timeout(Some(left))?;
    client.read(bytes)
}

fn respond(head: &str, text: &dyn Fn() -> String) -> (&'static str, &'static str, String) {
    const PLAIN: &str = "text/plain; charset=utf-8";
    let mut words = head.lines().next().unwrap_or("").split(' ');
    let (method, target, version) = (words.next(), words.next(), words.next());
    let path = target.map(|target| target.split('?').next().unwrap_or(target));
    match (method, path, version) {
        (Some("GET" | "HEAD"), Some("/metrics"), Some(_)) => ("200 OK", TYPE, text()),
        (Some("GET" | "HEAD"), Some(_), Some(_)) => {
            ("404 Not Found", PLAIN, "the figures are at /metrics\n".to_owned())
        }
        (Some(_), Some(_), Some(version)) if version.starts_with("HTTP/") => {
            ("405 Method Not Allowed", PLAIN, "GET /metrics is all there is\n".to_owned())
        }
        _ => ("400 Bad Request", PLAIN, "that is not HTTP/1.1\n".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::respond;

    #[test]
    fn one_thing_is_to_be_had() {
        let status = |head: &str| respond(head, &|| "figures".to_owned()).0;
        assert_eq!(status("GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n"), "200 OK");
        assert_eq!(status("GET /metrics?a=b HTTP/1.0\r\n\r\n"), "200 OK");
        assert_eq!(status("GET / HTTP/1.1\r\n\r\n"), "404 Not Found");
        assert_eq!(status("POST /metrics HTTP/1.1\r\n\r\n"), "405 Method Not Allowed");
        assert_eq!(status("\x16\x03\x01 \x02 x"), "400 Bad Request");
        assert_eq!(status(""), "400 Bad Request");
    }
}
