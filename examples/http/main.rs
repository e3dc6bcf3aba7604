//! Just enough HTTP/1.1 to be asked by any client: the answer to `GET /a/path` is `/a/path`.
//!
//! `cargo run --release --example http -- run` listens on 127.0.0.1:8007. Connections stay, requests may be sent without
//! waiting for answers, and a reload in the midst of it all costs neither: what a worker that leaves has read of the next
//! request goes with its connection to the one that stays.

mod request;

use std::io::{Read as _, Write as _};
use std::process::ExitCode;

use processhandler::tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use processhandler::{
    App, AsyncConnectionWorker, AsyncStream, ConnectionWorker, Context, Error, Next, Stream,
};

use request::Input;

const BUFFER: usize = 16 << 10;

/// The handler for `sync` and `thread`.
struct Http;

impl ConnectionWorker for Http {
    fn handle_request(&mut self, mut stream: Stream, cx: &Context) -> Result<Next, Error> {
        // Answers to requests that came together are not to wait for each other's acknowledgement.
        stream.set_nodelay(true)?;
        let mut input = Input::default();
        let mut buffer = [0; BUFFER];
        loop {
            let count = stream.read(&mut buffer)?;
            if count == 0 {
                // If this worker leaves, another goes on, with the half of a request that has come.
                stream.unread(input.rest());
                return Ok(Next::HandOff(stream));
            }
            input.push(&buffer[..count]);
            while let Some(request) = input.next() {
                let _request = cx.request();
                cx.tag(request.name());
                stream.write_all(request.answer().as_bytes())?;
                if request.is_last() {
                    return Ok(Next::Close);
                }
            }
        }
    }
}

/// The handler for `async`.
struct AsyncHttp;

impl AsyncConnectionWorker for AsyncHttp {
    async fn handle_request(
        &self,
        mut stream: AsyncStream,
        cx: Context,
    ) -> Result<Next<AsyncStream>, Error> {
        stream.set_nodelay(true)?;
        let mut input = Input::default();
        let mut buffer = [0; BUFFER];
        loop {
            let count = stream.read(&mut buffer).await?;
            if count == 0 {
                stream.unread(input.rest());
                return Ok(Next::HandOff(stream));
            }
            input.push(&buffer[..count]);
            while let Some(request) = input.next() {
                let _request = cx.request();
                cx.tag(request.name());
                stream.write_all(request.answer().as_bytes()).await?;
                if request.is_last() {
                    return Ok(Next::Close);
                }
            }
        }
    }
}

fn main() -> ExitCode {
    App::new("http")
        .default_config("examples/http/config.ini")
        .connection(|_cx| Ok(Http))
        .async_connection(|_cx| Ok(AsyncHttp))
        .main()
}
