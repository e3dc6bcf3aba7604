//! Fencing tokens: two candidates for one job, and a store that refuses who has been succeeded.
//!
//! A lease alone can't keep two from writing: a worker may be stopped between its last look at the lease and its write, and go on
//! when another leads. So what it writes carries the token of its leader, and the store refuses one that is smaller than the
//! largest it has seen. Try it, with `leader = file` or `etcd` in two configurations (`examples/fencing/one.ini`, `two.ini`):
//!
//! ```text
//! cargo run --example fencing -- store 127.0.0.1:7000 &
//! cargo run --example fencing -- -c examples/fencing/one.ini start
//! cargo run --example fencing -- -c examples/fencing/two.ini start
//! ```
//!
//! The store prints what it takes and what it refuses. To see it refuse, take `leader = etcd`, stop all processes of the leader
//! at once (`kill -STOP`: its worker, its guard, its elector, itself), as a machine that is suspended does, wait until the other leads, and continue the
//! worker (`kill -CONT`): it finishes what it was about to write.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::process::ExitCode;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use processhandler::{App, Context, Error, JobWorker, tracing};

/// Writes a count to the store, a number a job.
struct Writer {
    store: String,
    written: u64,
    pause: Duration,
}

impl Writer {
    fn new(cx: &Context) -> Result<Self, Error> {
        let store = cx.app("store").unwrap_or("127.0.0.1:7000").to_owned();
        Ok(Self { store, written: 0, pause: Duration::from_millis(cx.app_or("pause_ms", 500)?) })
    }
}

impl JobWorker for Writer {
    fn handle_request(&mut self, cx: &Context) -> Result<(), Error> {
        // None under `leader = none`: then nobody else writes.
        let token = cx.fencing_token().unwrap_or(0);
        // Between the look at the lease, which came before this job, and the write: a good place to be stopped in.
        tracing::debug!(token, "about to write");
        cx.sleep(self.pause);
        let mut store = TcpStream::connect(&self.store)?;
        writeln!(store, "{token} {} {}", std::process::id(), self.written)?;
        let mut answer = String::new();
        BufReader::new(store).read_line(&mut answer)?;
        match answer.trim_end() {
            "taken" => self.written += 1,
            refusal => tracing::warn!(token, "the store says: {refusal}"),
        }
        Ok(())
    }
}

/// The store: it takes what comes with the largest token that it has seen, or a larger one.
fn keep(address: &str) -> Result<(), Error> {
    let listener = TcpListener::bind(address)?;
    println!("listens on {}", listener.local_addr()?);
    let largest = Mutex::new(0);
    std::thread::scope(|scope| {
        for client in listener.incoming().flatten() {
            scope.spawn(|| answer(client, &largest));
        }
    });
    Ok(())
}

fn answer(mut client: TcpStream, largest: &Mutex<u64>) {
    let mut line = String::new();
    // One that says nothing has had its time.
    let patience = client.set_read_timeout(Some(Duration::from_secs(10)));
    let read = patience.and_then(|()| BufReader::new(&client).read_line(&mut line));
    let token = line.split(' ').next().and_then(|token| token.parse::<u64>().ok());
    let (Ok(_), Some(token)) = (read, token) else { return };
    // Looking at the largest and writing are one step: that is what a store must be able to do.
    let mut largest = largest.lock().unwrap_or_else(PoisonError::into_inner);
    let answer = if token < *largest {
        format!("refused: {token} is less than {largest}")
    } else {
        *largest = token;
        "taken".to_owned()
    };
    println!("{}: {answer}", line.trim_end());
    let _ = writeln!(client, "{answer}");
}

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    if arguments.next().as_deref() == Some("store") {
        let address = arguments.next().unwrap_or_else(|| "127.0.0.1:7000".to_owned());
        return match keep(&address) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                eprintln!("{error}");
                ExitCode::FAILURE
            }
        };
    }
    App::new("fencing").job(Writer::new).main()
}
