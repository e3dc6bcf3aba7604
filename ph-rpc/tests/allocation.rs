//! The fast path takes no memory: counted by the allocator itself.

use allocation_counter::measure;
use ph_rpc::{Bytes, Message, Pending, RpcError, Service, Session, Str, Value, encode};

fn echo(text: Str<'_>) -> Result<Str<'_>, RpcError> {
    Ok(text)
}

fn echo_bytes(bytes: Bytes<'_>) -> Result<Bytes<'_>, RpcError> {
    Ok(bytes)
}

/// How often the second of two batches of 100 calls takes memory: the first has the buffers grow.
fn allocations(method: &str, params: &[Value]) -> u64 {
    let service = Service::new()
        .method("echo", echo)
        .method("echo_bytes", echo_bytes)
        .method("echo_owned", |text: String| Ok(text))
        .method("add", |a: i64, b: i64| Ok(a + b))
        .method_async("add_async", |a: i64, b: i64| async move { Ok(a + b) })
        .method_async("twice", |a: i64| async move {
            let a = async { a + a }.await;
            Ok(a)
        });
    let mut batch = Vec::new();
    for msgid in 0..50 {
        encode(&Message::request(msgid * 1_000, method, params.to_vec()), &mut batch);
        encode(&Message::notification(method, params.to_vec()), &mut batch);
    }
    let mut session = Session::default();
    let mut turn = || {
        session.feed(&batch);
        let mut pending: Vec<Pending> = Vec::new();
        service.dispatch(&mut session, &mut (), &mut pending).unwrap();
        assert!(pending.is_empty());
        assert!(session.output().len() > 50 * 5);
        session.sent(session.output().len());
    };
    turn();
    measure(turn).count_total
}

#[test]
fn a_call_that_borrows_takes_no_memory() {
    let text = Value::from("0123456789abcdef0123456789abcdef");
    assert_eq!(allocations("echo", std::slice::from_ref(&text)), 0);
    assert_eq!(allocations("echo_bytes", &[Value::Binary(vec![7; 32])]), 0);
    assert_eq!(allocations("add", &[1.into(), (-1_000_000).into()]), 0);
    // The counter counts: a `String` is taken for each call.
    assert_eq!(allocations("echo_owned", &[text]), 100);
}

#[test]
fn a_future_that_is_ready_at_once_takes_no_memory() {
    assert_eq!(allocations("add_async", &[1.into(), 2.into()]), 0);
    assert_eq!(allocations("twice", &[3.into()]), 0);
}
