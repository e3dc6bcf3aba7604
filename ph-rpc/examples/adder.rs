//! A server and a client in one: `adder serve PATH` adds what `adder call PATH 1 2 3` sends.
//!
//! Any msgpack-RPC client can be the other side. The server takes one connection at a time and shows the
//! whole use of the codec: feed, take every message, answer, close after an error that ends the stream.

use std::env;
use std::error::Error;
use std::io::{self, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::time::Duration;

use ph_rpc::client::Connection;
use ph_rpc::{CodecError, Decoder, Message, RpcError, Value};

fn main() -> Result<(), Box<dyn Error>> {
    let args: Vec<String> = env::args().skip(1).collect();
    match args.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["serve", path] => {
            for stream in UnixListener::bind(path)?.incoming() {
                if let Err(error) = serve(stream?) {
                    eprintln!("a client is gone: {error}");
                }
            }
            Ok(())
        }
        ["call", path, numbers @ ..] => {
            let stream = UnixStream::connect(path)?;
            stream.set_read_timeout(Some(Duration::from_secs(5)))?;
            let numbers: Result<Vec<i64>, _> =
                numbers.iter().map(|number| number.parse()).collect();
            let params = numbers?.into_iter().map(Value::from).collect();
            println!("{}", Connection::new(stream).call("add", params)??);
            Ok(())
        }
        _ => Err("usage: adder serve PATH | adder call PATH NUMBER...".into()),
    }
}

fn serve(mut stream: UnixStream) -> io::Result<()> {
    let mut decoder = Decoder::default();
    while decoder.read_from(&mut stream)? > 0 {
        loop {
            let answer = match decoder.next_message() {
                Ok(Some(Message::Request { msgid, method, params })) => {
                    Message::response(msgid, dispatch(&method, &params))
                }
                Ok(Some(_)) => continue,
                Ok(None) => break,
                Err(CodecError::NotRpc { what, msgid: Some(msgid) }) => {
                    Message::failure(msgid, RpcError::invalid_call(what))
                }
                Err(error) => return Err(io::Error::other(error)),
            };
            stream.write_all(&answer.to_bytes())?;
        }
    }
    Ok(())
}

fn dispatch(method: &str, params: &[Value]) -> Result<Value, RpcError> {
    if method != "add" {
        return Err(RpcError::invalid_call(format!("no method {method:?}, only \"add\"")));
    }
    params
        .iter()
        .try_fold(0_i64, |sum, param| {
            let number = param.as_i64().ok_or_else(|| {
                RpcError::invalid_call(format!("add takes integers, not {param}"))
            })?;
            sum.checked_add(number).ok_or_else(|| RpcError::failed("the sum does not fit 64 bits"))
        })
        .map(Value::from)
}
