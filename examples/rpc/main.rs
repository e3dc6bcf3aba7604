//! A msgpack-RPC server: `cargo run --release --example rpc -- run` listens on 127.0.0.1:8008.
//!
//! Then, in another terminal: `ph call 127.0.0.1:8008 add 1 2`.

use std::collections::HashMap;
use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use processhandler::rpc::{Raw, RpcError, Service, Str, Value};
use processhandler::tokio::time::sleep;
use processhandler::{App, Context, Error};

/// What was set in this worker. The others have their own.
type Store = Arc<Mutex<HashMap<String, Value>>>;

/// Of whatever type the value is, it goes back from where it lies.
fn echo(value: Raw<'_>) -> Result<Raw<'_>, RpcError> {
    Ok(value)
}

fn service(_cx: &Context) -> Result<Service<Context>, Error> {
    let store = Store::default();
    let (getter, setter) = (Arc::clone(&store), store);
    Ok(Service::with_context()
        .method("add", |a: i64, b: i64| {
            a.checked_add(b).ok_or_else(|| RpcError::failed("the sum is out of range"))
        })
        .doc("The sum of two integers.")
        .method("echo", echo)
        .doc("The value that it is given.")
        .method_async("sleep", |ms: u64| async move {
            sleep(Duration::from_millis(ms)).await;
            Ok(ms)
        })
        .doc("Waits for so many milliseconds, and returns them.")
        .method("work", |ms: u64| {
            std::thread::sleep(Duration::from_millis(ms));
            Ok(ms)
        })
        .blocking()
        .doc("As sleep, with a function that blocks: on one of `threads` threads.")
        .method("block", |ms: u64| {
            std::thread::sleep(Duration::from_millis(ms));
            Ok(ms)
        })
        .doc("As sleep, but as it should not be done: nobody else is answered meanwhile.")
        .method("fail", |code: i64, message: String| Err::<(), _>(RpcError::new(code, message)))
        .doc("The error [code, message].")
        .method("pid", || Ok(std::process::id()))
        .doc("The process of the worker that answers.")
        .method_with("worker", |cx: &mut Context| Ok((cx.id(), cx.generation())))
        .doc("That worker's id and generation.")
        .method("panic", |message: String| -> Result<(), RpcError> { panic!("{message}") })
        .doc("Panics: the worker answers what it has, and is replaced.")
        .method("kv_set", move |key: String, value: Value| {
            let mut store = setter.lock().unwrap_or_else(PoisonError::into_inner);
            Ok(store.insert(key, value))
        })
        .doc("Sets a value in this worker; returns the former one.")
        .method("kv_get", move |key: Str<'_>| {
            let store = getter.lock().unwrap_or_else(PoisonError::into_inner);
            Ok(store.get(&*key).cloned())
        })
        .doc("The value that was set in this worker, or nil."))
}

fn main() -> ExitCode {
    App::new("rpc").default_config("examples/rpc/config.ini").rpc(service).main()
}
