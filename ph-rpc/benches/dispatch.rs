//! What a call costs in memory: from bytes that were read to bytes that can be written, in nanoseconds.
//!
//! `cargo bench -p ph-rpc`, or with `PH_RPC_ROUNDS=n` for more rounds. The least of many rounds is shown: what else
//! the machine does only adds.

use std::hint::black_box;
use std::time::{Duration, Instant};

use ph_rpc::{Bytes, Message, Pending, RpcError, Service, Session, Str, Value, encode};

/// Calls in one batch, as a client that pipelines sends them.
const BATCH: u32 = 32;
/// Batches in one round.
const BATCHES: u32 = 500;

fn echo(text: Str<'_>) -> Result<Str<'_>, RpcError> {
    Ok(text)
}

fn echo_bytes(bytes: Bytes<'_>) -> Result<Bytes<'_>, RpcError> {
    Ok(bytes)
}

fn main() {
    let service = Service::new()
        .method("echo", echo)
        .method("echo_bytes", echo_bytes)
        .method("echo_owned", |text: String| Ok(text))
        .method("echo_value", |value: Value| Ok(value))
        .method_async("echo_async", |text: String| async move { Ok(text) })
        .method("add", |a: i64, b: i64| Ok(a + b))
        .method("nothing", || Ok(()));
    let text = Value::from("0123456789abcdef0123456789abcdef");
    let bytes = Value::Binary(vec![0xa5; 32]);
    for (method, params) in [
        ("echo", vec![text.clone()]),
        ("echo_bytes", vec![bytes]),
        ("echo_owned", vec![text.clone()]),
        ("echo_value", vec![text.clone()]),
        ("echo_async", vec![text]),
        ("add", vec![1_000_000.into(), (-7).into()]),
        ("nothing", vec![]),
    ] {
        let took = measure(&service, method, &params);
        println!("{method:<12} {:>7.1} ns per call", took.as_secs_f64() * 1e9);
    }
}

/// The least time that a call took on average in any round.
fn measure(service: &Service, method: &str, params: &[Value]) -> Duration {
    let rounds = std::env::var("PH_RPC_ROUNDS").ok().and_then(|n| n.parse().ok()).unwrap_or(200);
    let mut batch = Vec::new();
    for msgid in 0..BATCH {
        encode(&Message::request(msgid + 100_000, method, params.to_vec()), &mut batch);
    }
    let mut session = Session::default();
    let mut driver: Vec<Pending> = Vec::new();
    let mut least = Duration::MAX;
    for _ in 0..rounds {
        let began = Instant::now();
        for _ in 0..BATCHES {
            session.feed(black_box(&batch));
            service.dispatch(&mut session, &mut (), &mut driver).expect("calls");
            let length = black_box(session.output()).len();
            session.sent(length);
        }
        least = least.min(began.elapsed());
    }
    assert!(driver.is_empty() && session.is_idle());
    least / (BATCH * BATCHES)
}
