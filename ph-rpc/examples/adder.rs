//! A server and a client in one: `adder serve PATH` adds what `adder call PATH 1 2` sends.
//!
//! Any msgpack-RPC client can be the other side. `adder list PATH` shows what a server has to offer.

use std::env;
use std::error::Error;
use std::os::unix::net::UnixListener;
use std::sync::Mutex;
use std::thread;

use ph_rpc::client::{Client, Options};
use ph_rpc::{Rest, RpcError, Service, Session, serve};

fn main() -> Result<(), Box<dyn Error>> {
    let args: Vec<String> = env::args().skip(1).collect();
    match args.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["serve", path] => answer(path),
        ["call", path, numbers @ ..] => {
            let numbers: Result<Vec<i64>, _> = numbers.iter().map(|n| n.parse()).collect();
            let client = Client::unix(path, Options::default())?;
            println!("{}", client.call::<i64, _>("add", &numbers?)?);
            Ok(())
        }
        ["list", path] => {
            let client = Client::unix(path, Options::default())?;
            println!("{}", client.call_values("rpc.discover", &[])?);
            Ok(())
        }
        _ => Err("usage: adder serve PATH | adder call PATH NUMBER... | adder list PATH".into()),
    }
}

fn answer(path: &str) -> Result<(), Box<dyn Error>> {
    let total = Mutex::new(0);
    let service = Service::new()
        .method("add", |numbers: Rest<i64>| sum(&numbers.0))
        .doc("The sum of any numbers.")
        .method("count", move |number: i64| {
            let mut total = total.lock().map_err(|_| "a panic has left the total undefined")?;
            *total = sum(&[*total, number])?;
            Ok(*total)
        })
        .doc("The sum of all numbers that were ever counted.");
    thread::scope(|scope| {
        for stream in UnixListener::bind(path)?.incoming() {
            let (service, mut stream) = (&service, stream?);
            scope.spawn(move || {
                if let Err(error) = serve(service, &mut Session::default(), &mut stream, &mut ()) {
                    eprintln!("a client is gone: {error}");
                }
            });
        }
        Ok(())
    })
}

fn sum(numbers: &[i64]) -> Result<i64, RpcError> {
    let sum = numbers.iter().try_fold(0_i64, |sum, &number| sum.checked_add(number));
    sum.ok_or_else(|| RpcError::failed("the sum does not fit 64 bits"))
}
