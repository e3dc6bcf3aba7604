//! What must hold for any bytes at all. Targets of a fuzzer, and of a test with a few of its inputs.
//!
//! Not part of the crate's interface: these panic when something is wrong with the crate.

use std::path::Path;
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use rmpv::Value;

use crate::codec::{CodecError, Decoder, Limits};
use crate::error::RpcError;
use crate::message::{Message, encode};
use crate::service::{Bytes, Optional, Outcome, Pending, Raw, Rest, Service, Str, Ticket};
use crate::session::{Bounds, Session};

/// What is used of the first bytes, before the rest is the input.
const HEADER: usize = 4;

/// The decoder says the same however the bytes are cut; it holds no more than it was fed; and what it has read, it
/// reads again when it is written.
pub fn codec(data: &[u8]) {
    let Some((&[frame, depth, piece, _], input)) = data.split_first_chunk::<HEADER>() else {
        return;
    };
    let limits = Limits { frame: usize::from(frame) * 64, depth: u16::from(depth) };
    let whole = said(limits, [input]);
    let pieces = said(limits, input.chunks(usize::from(piece).max(1)));
    assert!(whole == pieces, "cut, it says something else");
    for (bytes, _) in whole.iter().filter(|(bytes, _)| !bytes.is_empty()) {
        let generous = Limits { frame: usize::MAX, depth: Limits::MAX_DEPTH };
        let again = said(generous, [bytes.as_slice()]);
        assert!(again.len() == 1 && again[0].0 == *bytes, "written, it is another message");
    }
}

/// Each message as it is written, or what was wrong, up to the end of the stream.
fn said<'a>(
    limits: Limits,
    pieces: impl IntoIterator<Item = &'a [u8]>,
) -> Vec<(Vec<u8>, Option<CodecError>)> {
    let mut decoder = Decoder::new(limits);
    let mut said = Vec::new();
    let mut fed = 0;
    for piece in pieces {
        decoder.feed(piece);
        fed += piece.len();
        loop {
            assert!(decoder.buffered() <= fed, "it holds what it was not fed");
            match decoder.next_message() {
                Ok(Some(message)) => said.push((message.to_bytes(), None)),
                Ok(None) => break,
                Err(error) => {
                    let is_fatal = error.is_fatal();
                    said.push((Vec::new(), Some(error)));
                    if is_fatal {
                        return said;
                    }
                }
            }
        }
    }
    said
}

/// Dispatch gives at most one answer for each request, in whole messages, whatever the arguments are; limits hold; and
/// another session goes on where one is left.
pub fn dispatch(data: &[u8]) {
    let Some((&[piece, in_flight, flags, move_at], input)) = data.split_first_chunk::<HEADER>()
    else {
        return;
    };
    let bounds = Bounds {
        frame: Limits { frame: 4096, depth: 16 },
        in_flight: u32::from(in_flight),
        unread: 1 << 16,
    };
    let mut session = open(bounds, flags);
    let mut sent = Vec::new();
    let mut clerk = Clerk::default();
    for (turn, bytes) in input.chunks(usize::from(piece).max(1)).enumerate() {
        if turn == usize::from(move_at) && session.is_idle() {
            let unread = session.take_unread();
            session = open(bounds, flags);
            session.feed(&unread);
        }
        session.feed(bytes);
        let outcome = service().dispatch(&mut session, &mut clerk.tickets, &mut clerk.calls);
        assert!(session.in_flight() <= bounds.in_flight as usize, "more calls than may be");
        assert_eq!(session.in_flight(), clerk.calls.len() + clerk.tickets.len());
        sent.extend_from_slice(session.output());
        session.sent(session.output().len());
        if outcome.is_err() {
            break;
        }
        if flags & 2 != 0 {
            clerk.answer(&mut session);
        }
    }
    clerk.answer(&mut session);
    sent.extend_from_slice(session.output());
    assert_eq!(session.in_flight(), 0);
    let generous = Limits { frame: usize::MAX, depth: Limits::MAX_DEPTH };
    for (bytes, error) in said(generous, [sent.as_slice()]) {
        assert!(error.is_none() && bytes.starts_with(b"\x94\x01"), "not an answer: {error:?}");
    }
}

fn open(bounds: Bounds, flags: u8) -> Session {
    #[allow(unused_mut, reason = "it changes where payloads may be packed")]
    let mut session = Session::new(bounds);
    #[cfg(feature = "zlib")]
    if flags & 1 != 0 {
        session.allow_zlib();
    }
    let _ = flags;
    session
}

/// Who has the calls that are not answered at once.
#[derive(Default)]
struct Clerk {
    tickets: Vec<Ticket>,
    calls: Vec<Pending>,
}

impl Clerk {
    fn answer(&mut self, session: &mut Session) {
        for ticket in self.tickets.drain(..) {
            let _: Outcome = session.answer(ticket, &Ok(ticket.method()));
        }
        for call in self.calls.drain(..) {
            session.push(&call.wait());
        }
    }
}

fn service() -> &'static Service<Vec<Ticket>> {
    fn echo(text: Str<'_>) -> Result<Str<'_>, RpcError> {
        Ok(text)
    }

    fn bytes(bytes: Bytes<'_>) -> Result<Bytes<'_>, RpcError> {
        Ok(bytes)
    }

    static SERVICE: OnceLock<Service<Vec<Ticket>>> = OnceLock::new();
    SERVICE.get_or_init(|| {
        let table: Mutex<std::collections::BTreeMap<String, Value>> = Mutex::default();
        Service::with_context()
            .method("add", |a: i64, b: i64| Ok(a.wrapping_add(b)))
            .method("echo", echo)
            .method("bytes", bytes)
            .method("value", |value: Value| Ok(value))
            .method("raw", |raw: Raw<'_>| Ok(raw.value()))
            .method("mixed", |a: Optional<bool>, rest: Rest<(u8, Option<f64>)>| Ok((a.0, rest.0)))
            .method("map", |map: std::collections::BTreeMap<String, Vec<i16>>| Ok(map))
            .method("fail", |code: i64, text: String| Err::<(), _>(RpcError::new(code, text)))
            .method("keep", move |key: char, value: Value| {
                let mut table = table.lock().unwrap_or_else(PoisonError::into_inner);
                if table.len() > 8 {
                    table.clear();
                }
                Ok(table.insert(key.into(), value))
            })
            .method_async("ready", |text: String| async move { Ok(text) })
            .method_async("later", |number: u32| async move {
                let mut turns = number % 3;
                std::future::poll_fn(|cx| {
                    if turns == 0 {
                        return std::task::Poll::Ready(());
                    }
                    turns -= 1;
                    cx.waker().wake_by_ref();
                    std::task::Poll::Pending
                })
                .await;
                Ok(number)
            })
            .later("ticket", |tickets: &mut Vec<Ticket>, ticket: Ticket, _: Optional<bool>| {
                tickets.push(ticket);
                Ok(())
            })
            .raw("all", |_, params| Ok(params.values()))
    })
}

/// Inputs to begin with, each by the name of its file.
#[must_use]
pub fn seeds() -> Vec<(&'static str, Vec<u8>)> {
    let request = |method: &str, params: Vec<Value>| Message::request(7, method, params);
    let list = vec![Value::Nil, (-1).into(), 1.5.into(), "x".into(), Value::Binary(vec![1, 2])];
    let map = Value::Map(vec![("k".into(), Value::Array(vec![1.into(), (-2).into()]))]);
    let ext = Value::Ext(0x7a, vec![1, 2, 3]);
    let deep = (0..12).fold(Value::Nil, |value, _| Value::Array(vec![value]));
    let seed = |name, messages: &[Message]| {
        let mut bytes = vec![64, 64, 5, 1];
        messages.iter().for_each(|message| encode(message, &mut bytes));
        (name, bytes)
    };
    vec![
        seed("add", &[request("add", vec![1.into(), 2.into()])]),
        seed("texts", &[request("echo", vec!["text".into()]), request("ready", vec!["y".into()])]),
        seed("bytes", &[request("bytes", vec![Value::Binary(vec![0xff; 40])])]),
        seed("value", &[request("value", vec![map.clone()]), request("map", vec![map])]),
        seed("raw", &[request("raw", vec![ext]), request("all", list)]),
        seed(
            "mixed",
            &[request("mixed", vec![true.into(), Value::Array(vec![1.into(), Value::Nil])])],
        ),
        seed("fail", &[request("fail", vec![77.into(), "no".into()]), request("fly", vec![])]),
        seed(
            "keep",
            &[
                request("keep", vec!["k".into(), deep.clone()]),
                request("keep", vec!["k".into(), deep]),
            ],
        ),
        seed("waits", &[request("later", vec![5.into()]), request("ticket", vec![])]),
        seed("notifications", &[Message::notification("add", vec![1.into(), 2.into()])]),
        seed(
            "responses",
            &[Message::success(3, "ok"), Message::failure(4, RpcError::failed("no"))],
        ),
        seed("discover", &[request("rpc.discover", vec![])]),
        seed("compress", &[request("rpc.compress", vec!["zlib".into(), 64.into()])]),
    ]
}

/// Inputs that [`by_chance`] tries, unless time is over before.
const ROUNDS: u32 = 300_000;
const LONG_ENOUGH: Duration = Duration::from_secs(20);

/// Gives a target its seeds, and what becomes of them by chance: of messages, and of what looks like some. The chances are
/// the same each time.
pub fn by_chance(target: fn(&[u8]), seeds: &[(&str, Vec<u8>)], seed: u64) {
    for (_, input) in seeds {
        target(input);
    }
    let mut chance = Chance(seed);
    let began = Instant::now();
    for round in 0..ROUNDS {
        let mut input = seeds[chance.below(seeds.len())].1.clone();
        chance.mutate(&mut input, seeds);
        if let Err(panicked) = std::panic::catch_unwind(|| target(&input)) {
            eprintln!("round {round}: {}", input.escape_ascii());
            std::panic::resume_unwind(panicked);
        }
        if began.elapsed() > LONG_ENOUGH {
            break;
        }
    }
}

/// The files of a folder are these seeds.
pub fn check_seeds(folder: &Path, seeds: &[(&str, Vec<u8>)]) {
    for (name, bytes) in seeds {
        let path = folder.join(name);
        let stored = std::fs::read(&path).unwrap_or_default();
        assert!(stored == *bytes, "{} should be {}", path.display(), bytes.escape_ascii());
    }
}

/// Marsaglia's xorshift.
struct Chance(u64);

impl Chance {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, end: usize) -> usize {
        (self.next() % end.max(1) as u64) as usize
    }

    /// Bytes that begin something in msgpack, or any.
    fn byte(&mut self) -> u8 {
        const MARKERS: &[u8] =
            b"\x00\x01\x02\x7f\x80\x81\x90\x91\x93\x94\xa0\xa1\xc0\xc1\xc4\xc6\xc7\xc9\xca\xcb\xcf\xd3\xd4\xd9\xdb\xdc\xdd\xdf\xff";
        match self.below(2) {
            0 => MARKERS[self.below(MARKERS.len())],
            _ => self.next() as u8,
        }
    }

    fn mutate(&mut self, input: &mut Vec<u8>, others: &[(&str, Vec<u8>)]) {
        for _ in 0..=self.below(4) {
            let at = self.below(input.len());
            match self.below(6) {
                0 => input.truncate(at),
                1 => input.insert(at, self.byte()),
                2 if at < input.len() => drop(input.remove(at)),
                3 if at < input.len() => input[at] = self.byte(),
                4 if at < input.len() => input[at] ^= 1 << self.below(8),
                _ => {
                    let other = &others[self.below(others.len())].1;
                    let from = self.below(other.len());
                    input.splice(at..at, other[from..].iter().copied());
                }
            }
        }
    }
}
