//! A server on the crate `msgpack-rpc`, as its own example has one: `NAME…` are methods that give their bytes back. Prints
//! "port N".

use std::collections::HashSet;
use std::future::{Ready, ready};
use std::sync::Arc;

use msgpack_rpc::{Service, Value, serve};
use tokio::net::TcpListener;
use tokio_util::compat::TokioAsyncReadCompatExt as _;

#[derive(Clone)]
struct Echo(Arc<HashSet<String>>);

impl Service for Echo {
    type RequestFuture = Ready<Result<Value, Value>>;

    fn handle_request(&mut self, method: &str, params: &[Value]) -> Self::RequestFuture {
        ready(match params {
            [bytes @ Value::Binary(_)] if self.0.contains(method) => Ok(bytes.clone()),
            _ => Err("no such call".into()),
        })
    }

    fn handle_notification(&mut self, _: &str, _: &[Value]) {}
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> std::io::Result<()> {
    let echo = Echo(Arc::new(std::env::args().skip(1).collect()));
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    println!("port {}", listener.local_addr()?.port());
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        tokio::spawn(serve(stream.compat(), echo.clone()));
    }
}
