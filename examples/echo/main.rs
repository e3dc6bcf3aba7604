//! An echo server, blocking or asynchronous as its configuration says, that misbehaves on request.
//!
//! `cargo run --release --example echo -- run` listens on 127.0.0.1:7007 and on the Unix socket `clients.sock`; try
//! `--set worker_class=thread` or `async`. Bytes come back as they arrive. A read that begins with `!` is a command:
//!
//! | command | effect |
//! | --- | --- |
//! | `!sleep MS` | waits, then answers `slept MS` |
//! | `!pid` | answers the worker's pid |
//! | `!crash`, `!panic`, `!exit N` | aborts, panics, exits |
//! | `!block` | never returns |
//! | `!eat BYTES` | allocates and touches so much, and keeps it |

mod command;

use std::io::{Read as _, Write as _};
use std::process::ExitCode;
use std::thread;

use processhandler::tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use processhandler::{
    App, AsyncConnectionWorker, AsyncStream, ConnectionWorker, Context, Error, Next, Stream, tokio,
};

use command::{Command, Reply};

const BUFFER: usize = 16 << 10;

/// The handler for `sync` and `thread`.
struct Echo;

impl ConnectionWorker for Echo {
    fn handle_request(&mut self, mut stream: Stream, cx: &Context) -> Result<Next, Error> {
        let mut buffer = [0; BUFFER];
        loop {
            let count = stream.read(&mut buffer)?;
            if count == 0 {
                // If this worker leaves, another goes on.
                return Ok(Next::HandOff(stream));
            }
            let _request = cx.request();
            let bytes = &buffer[..count];
            cx.tag(String::from_utf8_lossy(bytes).trim_end());
            match Command::parse(bytes).map(|command| command.perform(bytes)) {
                None => stream.write_all(bytes)?,
                Some(Reply::Text(answer, pause)) => {
                    thread::sleep(pause);
                    stream.write_all(answer.as_bytes())?;
                }
                Some(Reply::Never) => loop {
                    thread::park();
                },
            }
        }
    }
}

/// The handler for `async`.
struct AsyncEcho;

impl AsyncConnectionWorker for AsyncEcho {
    async fn handle_request(
        &self,
        mut stream: AsyncStream,
        cx: Context,
    ) -> Result<Next<AsyncStream>, Error> {
        let mut buffer = [0; BUFFER];
        loop {
            let count = stream.read(&mut buffer).await?;
            if count == 0 {
                // If this worker leaves, another goes on.
                return Ok(Next::HandOff(stream));
            }
            let _request = cx.request();
            let bytes = &buffer[..count];
            cx.tag(String::from_utf8_lossy(bytes).trim_end());
            match Command::parse(bytes).map(|command| command.perform(bytes)) {
                None => stream.write_all(bytes).await?,
                Some(Reply::Text(answer, pause)) => {
                    tokio::time::sleep(pause).await;
                    stream.write_all(answer.as_bytes()).await?;
                }
                Some(Reply::Never) => std::future::pending().await,
            }
        }
    }
}

fn main() -> ExitCode {
    App::new("echo")
        .default_config("examples/echo/config.ini")
        .connection(|_cx| Ok(Echo))
        .async_connection(|_cx| Ok(AsyncEcho))
        .main()
}
