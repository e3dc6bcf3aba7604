//! What hostile peers cost. A quadratic decoder would need minutes where a linear one needs a moment: the
//! limits on time are generous enough for a busy machine, and far from what re-scanning would take.

use std::time::{Duration, Instant};

use ph_rpc::{Decoder, Limits, Message, Value, encode};

const MOMENT: Duration = Duration::from_secs(10);

#[test]
fn a_byte_at_a_time_is_linear() {
    let items = vec![Value::from(1); Limits::CONTROL.frame - 16];
    let bytes = Message::notification("m", vec![Value::Array(items)]).to_bytes();
    assert!(bytes.len() > Limits::CONTROL.frame - 16);
    let mut decoder = Decoder::default();
    let began = Instant::now();
    let mut messages = 0;
    for byte in &bytes {
        decoder.feed(std::slice::from_ref(byte));
        messages += usize::from(decoder.next_message().unwrap().is_some());
        assert!(began.elapsed() < MOMENT, "a quadratic decoder");
    }
    assert_eq!(messages, 1);
}

#[test]
fn taking_few_of_many_messages_at_a_time_is_linear() {
    // A server that takes one message per turn while the peer sends many: the backlog must not be moved
    // at each turn.
    let mut two = Vec::new();
    let message = Message::request(1, "m", vec!["x".repeat(200).into()]);
    encode(&message, &mut two);
    encode(&message, &mut two);
    let turns = 200_000;
    let mut decoder = Decoder::default();
    let began = Instant::now();
    for _ in 0..turns {
        decoder.feed(&two);
        assert!(decoder.next_message().unwrap().is_some());
        assert!(began.elapsed() < MOMENT, "a quadratic buffer");
    }
    for _ in 0..turns {
        assert_eq!(decoder.next_message().unwrap().as_ref(), Some(&message));
    }
    assert_eq!(decoder.next_message(), Ok(None));
    assert_eq!(decoder.buffered(), 0);
}
