//! The decoder as a peer sees it: whole, in pieces, byte by byte, and with hostile bytes.

use ph_rpc::{CodecError, Decoder, Limits, Message, Rest, Service, Session, Value, encode};
use proptest::collection::vec;
use proptest::prelude::*;

/// Everything a decoder says about these pieces, up to the error that ends the stream.
fn decode<'a>(
    limits: Limits,
    pieces: impl IntoIterator<Item = &'a [u8]>,
) -> Vec<Result<Message, CodecError>> {
    let mut decoder = Decoder::new(limits);
    let mut said = Vec::new();
    for piece in pieces {
        decoder.feed(piece);
        loop {
            match decoder.next_message() {
                Ok(None) => break,
                Ok(Some(message)) => said.push(Ok(message)),
                Err(error) if error.is_fatal() => {
                    said.push(Err(error));
                    return said;
                }
                Err(error) => said.push(Err(error)),
            }
        }
    }
    said
}

fn values() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Nil),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f32>().prop_filter("equal to itself", |x| !x.is_nan()).prop_map(Value::from),
        any::<f64>().prop_filter("equal to itself", |x| !x.is_nan()).prop_map(Value::from),
        ".{0,40}".prop_map(Value::from),
        vec(any::<u8>(), 0..300).prop_map(Value::Binary),
        (any::<i8>(), vec(any::<u8>(), 0..40)).prop_map(|(kind, bytes)| Value::Ext(kind, bytes)),
    ];
    leaf.prop_recursive(5, 60, 20, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..20).prop_map(Value::Array),
            vec((inner.clone(), inner), 0..10).prop_map(Value::Map),
        ]
    })
}

fn messages() -> impl Strategy<Value = Message> {
    let method = || "[a-z_]{0,40}";
    let params = || vec(values(), 0..20);
    prop_oneof![
        (any::<u32>(), method(), params()).prop_map(|(id, m, p)| Message::request(id, m, p)),
        (method(), params()).prop_map(|(m, p)| Message::notification(m, p)),
        (any::<u32>(), values()).prop_map(|(id, v)| Message::success(id, v)),
        (any::<u32>(), values().prop_filter("an error", |v| !v.is_nil()))
            .prop_map(|(msgid, v)| Message::Response { msgid, result: Err(v) }),
    ]
}

/// Bytes that get further than noise does: markers of everything, and what begins a message.
fn hostile() -> impl Strategy<Value = Vec<u8>> {
    let byte = prop_oneof![
        3 => any::<u8>(),
        3 => prop_oneof![Just(0x94u8), Just(0x93), Just(0x91), Just(0x81), Just(0)],
        1 => 0xc0u8..=0xdf,
        1 => Just(0xa1u8),
    ];
    vec(byte, 0..200)
}

proptest! {
    #[test]
    fn messages_survive_a_cut_at_any_byte(sent in vec(messages(), 1..4)) {
        let mut wire = Vec::new();
        sent.iter().for_each(|message| encode(message, &mut wire));
        let expected: Vec<_> = sent.into_iter().map(Ok).collect();
        // Every boundary of a short stream, and some of a long one.
        for cut in (0..=wire.len()).step_by(wire.len() / 256 + 1) {
            let (head, tail) = wire.split_at(cut);
            prop_assert_eq!(&decode(Limits::CONTROL, [head, tail]), &expected);
        }
        prop_assert_eq!(&decode(Limits::CONTROL, wire.chunks(1)), &expected);
    }

    #[test]
    fn what_is_said_does_not_depend_on_how_the_bytes_come(
        bytes in hostile(),
        sizes in vec(1usize..30, 200),
        frame in 1usize..100,
        depth in 0u16..6,
    ) {
        let limits = Limits { frame, depth };
        let whole = decode(limits, [bytes.as_slice()]);
        prop_assert_eq!(&decode(limits, bytes.chunks(1)), &whole);
        let mut rest = bytes.as_slice();
        let pieces = sizes.iter().map_while(|&size| {
            let (piece, after) = rest.split_at_checked(size.min(rest.len()))?;
            rest = after;
            Some(piece)
        });
        prop_assert_eq!(&decode(limits, pieces.collect::<Vec<_>>()), &whole);
    }

    /// By serde, which is another reader and another writer than the codec's.
    #[test]
    fn every_type_survives_a_service(params in vec(values(), 0..10)) {
        let service = Service::new().method("all", |all: Rest<Value>| Ok(all.0));
        let mut session = Session::default();
        session.feed(&Message::request(1, "all", params.clone()).to_bytes());
        let _ = service.dispatch(&mut session, &mut (), &mut Vec::new()).unwrap();
        let said = decode(Limits { frame: 1 << 30, ..Limits::CONTROL }, [session.output()]);
        prop_assert_eq!(said, [Ok(Message::success(1, Value::Array(params)))]);
    }

    /// The scan and the reader are two opinions on where a value ends: the decoder reports a
    /// disagreement as malformed, for a reason other than the one byte that begins nothing.
    #[test]
    fn the_scan_agrees_with_the_reader(bytes in hostile()) {
        for said in decode(Limits::CONTROL, [bytes.as_slice()]) {
            if let Err(CodecError::Malformed { what }) = said {
                prop_assert!(what.contains("0xc1"), "{}", what);
            }
        }
    }
}

#[test]
fn a_claim_of_four_gigabytes_is_refused_at_its_header() {
    let refused = Err(CodecError::TooLarge { limit: Limits::CONTROL.frame });
    let headers: [&[u8]; 7] = [
        b"\xdb\xff\xff\xff\xff",                     // str 32
        b"\xc6\xff\xff\xff\xff",                     // bin 32
        b"\xc9\xff\xff\xff\xff",                     // ext 32
        b"\xdd\xff\xff\xff\xff",                     // array 32
        b"\xdf\xff\xff\xff\xff",                     // map 32
        b"\x94\x00\x01\xdb\x00\x10\x00\x00",         // within the limit alone, not with the rest
        b"\xdd\x00\x08\x00\x00\xdd\x00\x08\x00\x00", // two claims that break it together
    ];
    for header in headers {
        let mut decoder = Decoder::default();
        for (at, byte) in header.iter().enumerate() {
            decoder.feed(&[*byte]);
            let said = decoder.next_message();
            if at + 1 < header.len() {
                assert_eq!(said, Ok(None), "{header:x?} at {at}");
            } else {
                assert_eq!(said, refused, "{header:x?}");
            }
        }
        // It stays so, and holds nothing.
        decoder.feed(&Message::notification("late", vec![]).to_bytes());
        assert_eq!(decoder.next_message(), refused);
        assert_eq!(decoder.buffered(), 0);
    }
}

#[test]
fn the_frame_limit_is_exact() {
    let bytes = Message::request(1, "m", vec![Value::Binary(vec![7; 300]), 5.into(), "x".into()])
        .to_bytes();
    for (frame, fits) in [(bytes.len(), true), (bytes.len() - 1, false)] {
        let said = decode(Limits { frame, depth: 9 }, [bytes.as_slice()]);
        assert_eq!(said[0].is_ok(), fits, "{frame}: {said:?}");
    }
}

#[test]
fn depth_is_refused_without_recursion_and_exactly() {
    let nested = |levels: usize| [vec![0x91; levels - 1], vec![0x90]].concat();
    for depth in [1, 2, 64, 500] {
        let limits = Limits { depth, ..Limits::CONTROL };
        let fits = decode(limits, [nested(depth.into()).as_slice()]);
        assert!(matches!(fits[..], [Err(CodecError::NotRpc { .. })]), "{depth}: {fits:?}");
        let deeper = decode(limits, [nested(usize::from(depth) + 1).as_slice()]);
        assert_eq!(deeper, [Err(CodecError::TooDeep { limit: depth })]);
    }
    // More than a stack could hold, with a limit that asks for it.
    let limits = Limits { depth: u16::MAX, ..Limits::CONTROL };
    assert_eq!(
        decode(limits, [nested(200_000).as_slice()]),
        [Err(CodecError::TooDeep { limit: Limits::MAX_DEPTH })],
    );
}

#[test]
fn values_as_deep_as_any_limit_allows_are_read() {
    let leaves = [Value::Nil, "text".into(), Value::Ext(1, vec![1, 2, 3]), Value::Map(vec![])];
    for leaf in leaves {
        let inner = usize::from(Limits::MAX_DEPTH) - 2 - usize::from(leaf.is_map());
        let deep = (0..inner).fold(leaf, |value, _| Value::Array(vec![value]));
        let message = Message::notification("m", vec![deep]);
        let limits = Limits { depth: Limits::MAX_DEPTH, ..Limits::CONTROL };
        assert_eq!(decode(limits, [message.to_bytes().as_slice()]), [Ok(message)]);
    }
}

#[test]
fn the_stream_stays_in_step_after_a_frame_that_is_no_message() {
    let mut wire = b"\x94\x00\x07\xa6status\xc0".to_vec(); // params nil
    encode(&Message::request(8, "status", vec![]), &mut wire);
    let said = decode(Limits::CONTROL, [wire.as_slice()]);
    assert!(matches!(said[0], Err(CodecError::NotRpc { msgid: Some(7), .. })), "{said:?}");
    assert_eq!(said[1], Ok(Message::request(8, "status", vec![])));
}

#[test]
fn a_stream_that_ends_inside_a_message_is_told_from_one_that_does_not() {
    let bytes = Message::notification("m", vec![1.into()]).to_bytes();
    let mut decoder = Decoder::default();
    assert!(!decoder.is_mid_message());
    for byte in &bytes[..bytes.len() - 1] {
        decoder.feed(&[*byte]);
        assert_eq!(decoder.next_message(), Ok(None));
        assert!(decoder.is_mid_message());
    }
    decoder.feed(&bytes[bytes.len() - 1..]);
    assert!(decoder.next_message().unwrap().is_some());
    assert!(!decoder.is_mid_message());
}
