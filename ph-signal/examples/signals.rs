//! Prints the signals that arrive, until `SIGTERM`: try `kill -HUP`, Ctrl-C, resizing the terminal.
//!
//! `signals pipe` uses handlers and a pipe instead of this system's best source.

use std::env;
use std::error::Error;
use std::process;

use ph_signal::{Signal, SignalSet, Source};

const WATCHED: SignalSet = SignalSet::of(&[
    Signal::HUP,
    Signal::INT,
    Signal::TERM,
    Signal::USR1,
    Signal::USR2,
    Signal::WINCH,
    Signal::CHLD,
]);

fn main() -> Result<(), Box<dyn Error>> {
    let mut source = match env::args().nth(1).as_deref() {
        None => Source::new(WATCHED)?,
        Some("pipe") => Source::pipe(WATCHED)?,
        Some(other) => return Err(format!("usage: signals [pipe], not {other:?}").into()),
    };
    println!("{}: waiting for {WATCHED:?}", process::id());
    loop {
        let arrived = source.wait(None)?;
        for signal in arrived {
            println!("{signal}");
        }
        if arrived.contains(Signal::TERM) {
            return Ok(());
        }
    }
}
