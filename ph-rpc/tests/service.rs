//! Typed methods, as a client meets them: arguments, results, errors.

mod common;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};

use common::{answers, ask, outcome};
use ph_rpc::{
    Bytes, Message, Optional, Raw, Rest, RpcError, Service, Session, Str, Ticket, Value, code,
};
use serde::{Deserialize, Serialize};

#[derive(Debug, Serialize, Deserialize)]
struct Point {
    x: i64,
    #[serde(default)]
    y: i64,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Shape {
    Dot,
    Circle { radius: f64 },
}

fn echo(text: Str<'_>) -> Result<Str<'_>, RpcError> {
    Ok(text)
}

fn longer<'a>(_: &mut (), one: Str<'a>, two: Str<'a>) -> Result<Str<'a>, RpcError> {
    Ok(if two.len() > one.len() { two } else { one })
}

fn reverse(bytes: Bytes<'_>) -> Result<Vec<u8>, RpcError> {
    Ok(bytes.iter().rev().copied().collect())
}

fn again(raw: Raw<'_>) -> Result<Raw<'_>, RpcError> {
    Ok(raw)
}

fn map(entries: &[(&str, Value)]) -> Value {
    Value::Map(entries.iter().map(|(key, value)| ((*key).into(), value.clone())).collect())
}

#[test]
fn from_none_to_ten_arguments() {
    let service = Service::new()
        .method("a0", || Ok("none"))
        .method("a1", |a: i64| Ok(a))
        .method("a2", |a: i64, b: i64| Ok(a + b))
        .method("a8", |a: u8, b: u8, c: u8, d: u8, e: u8, f: u8, g: u8, h: u8| {
            Ok([a, b, c, d, e, f, g, h].iter().map(|&n| u32::from(n)).sum::<u32>())
        })
        .method(
            "a10",
            |a: u8, b: u8, c: u8, d: u8, e: u8, f: u8, g: u8, h: u8, i: u8, j: String| {
                Ok((a + b + c + d + e + f + g + h + i, j))
            },
        );
    let numbers = |count: i64| (1..=count).map(Value::from).collect::<Vec<_>>();
    assert_eq!(ask(&service, "a0", vec![]), Ok("none".into()));
    assert_eq!(ask(&service, "a1", numbers(1)), Ok(1.into()));
    assert_eq!(ask(&service, "a2", numbers(2)), Ok(3.into()));
    assert_eq!(ask(&service, "a8", numbers(8)), Ok(36.into()));
    let mut ten = numbers(9);
    ten.push("x".into());
    assert_eq!(ask(&service, "a10", ten), Ok(Value::Array(vec![45.into(), "x".into()])));
}

#[test]
fn structs_are_maps_bytes_are_bin_and_values_are_themselves() {
    let service = Service::new()
        .method("echo", echo)
        .method_with("longer", longer)
        .method("reverse", reverse)
        .method("mirror", |p: Point| Ok(Point { x: p.y, y: p.x }))
        .method("area", |shape: Shape| {
            Ok(match shape {
                Shape::Dot => 0.0,
                Shape::Circle { radius } => radius * radius * 3.0,
            })
        })
        .method("shape", || Ok(Shape::Dot))
        .method("buf", |bytes: serde_bytes::ByteBuf| Ok(bytes))
        .method("value", |value: Value| Ok(value))
        .method("raw", |raw: Raw<'_>| Ok((raw.as_bytes().len(), raw.value())))
        .method("again", again)
        .method("table", |table: BTreeMap<String, i64>| Ok(table.values().sum::<i64>()))
        .method("address", |address: std::net::IpAddr| Ok(address))
        .raw("count", |(), params| Ok((params.len(), params.values())));
    let bin = |bytes: &[u8]| Value::Binary(bytes.to_vec());

    assert_eq!(ask(&service, "echo", vec!["grüße".into()]), Ok("grüße".into()));
    assert_eq!(ask(&service, "longer", vec!["ab".into(), "abc".into()]), Ok("abc".into()));
    // Old peers have no str of their own.
    assert_eq!(ask(&service, "echo", vec![bin(b"old")]), Ok("old".into()));
    assert_eq!(ask(&service, "reverse", vec![bin(b"\x01\x02\xff")]), Ok(bin(b"\xff\x02\x01")));
    let point = |x: i64, y: i64| map(&[("x", x.into()), ("y", y.into())]);
    assert_eq!(ask(&service, "mirror", vec![point(3, 4)]), Ok(point(4, 3)));
    assert_eq!(ask(&service, "mirror", vec![map(&[("x", 3.into())])]), Ok(point(0, 3)));
    assert_eq!(ask(&service, "area", vec!["dot".into()]), Ok(0.0.into()));
    let circle = map(&[("circle", map(&[("radius", 2.0.into())]))]);
    assert_eq!(ask(&service, "area", vec![circle]), Ok(12.0.into()));
    assert_eq!(ask(&service, "shape", vec![]), Ok("dot".into()));
    assert_eq!(ask(&service, "buf", vec![bin(b"\0\x01")]), Ok(bin(b"\0\x01")));
    assert_eq!(
        ask(&service, "table", vec![map(&[("a", 1.into()), ("b", 2.into())])]),
        Ok(3.into())
    );
    assert_eq!(ask(&service, "address", vec!["127.0.0.1".into()]), Ok("127.0.0.1".into()));
    let odd = map(&[("k", Value::Ext(7, vec![1, 2, 3]))]);
    for value in [Value::Nil, (-5).into(), f64::INFINITY.into(), bin(b"x"), odd.clone()] {
        assert_eq!(ask(&service, "value", vec![value.clone()]), Ok(value.clone()));
        assert_eq!(ask(&service, "again", vec![value.clone()]), Ok(value));
    }
    assert_eq!(ask(&service, "raw", vec![odd.clone()]), Ok(Value::Array(vec![9.into(), odd])));
    let two = vec![Value::Nil, Value::Array(vec![])];
    let counted = Value::Array(vec![2.into(), Value::Array(two.clone())]);
    assert_eq!(ask(&service, "count", two), Ok(counted));
}

#[test]
fn arguments_may_be_optional_or_any_number() {
    let service = Service::new()
        .method("stop", |quick: Optional<bool>| Ok(quick.0.unwrap_or(false)))
        .method("sum", |first: i64, more: Rest<i64>| Ok(first + more.0.iter().sum::<i64>()));
    assert_eq!(ask(&service, "stop", vec![]), Ok(false.into()));
    assert_eq!(ask(&service, "stop", vec![Value::Nil]), Ok(false.into()));
    assert_eq!(ask(&service, "stop", vec![true.into()]), Ok(true.into()));
    assert_eq!(ask(&service, "sum", vec![1.into(), 2.into(), 3.into()]), Ok(6.into()));
    let says =
        |method: &str, params: Vec<Value>| ask(&service, method, params).unwrap_err().message;
    assert_eq!(says("stop", vec![true.into(), 1.into()]), "stop takes 0 to 1 argument, not 2");
    assert_eq!(says("sum", vec![]), "sum takes 1 argument or more, not none");
}

#[test]
fn an_invalid_call_says_what_was_expected() {
    let service = Service::new()
        .method("add", |a: i64, b: i64| Ok(a + b))
        .method("echo", echo)
        .method("hash", |bytes: Bytes<'_>| Ok(bytes.len()))
        .method("mirror", |p: Point| Ok(p));
    let error = |method: &str, params: Vec<Value>| {
        let error = ask(&service, method, params).unwrap_err();
        assert_eq!(error.code, code::INVALID_CALL, "{error}");
        error.message
    };
    assert_eq!(error("add", vec![1.into()]), "add takes 2 arguments, not 1");
    assert_eq!(
        error("add", vec![1.into(), "x".into()]),
        "add: argument 2: invalid type: string \"x\", expected i64"
    );
    assert_eq!(
        error("add", vec![1.into(), u64::MAX.into()]),
        "add: argument 2: invalid value: integer `18446744073709551615`, expected i64"
    );
    assert_eq!(
        error("echo", vec![7.into()]),
        "echo: argument 1: invalid type: integer `7`, expected a string"
    );
    assert!(error("echo", vec![Value::Binary(vec![0xff])]).contains("utf-8"));
    assert_eq!(
        error("hash", vec![Value::Array(vec![])]),
        "hash: argument 1: invalid type: sequence, expected bytes"
    );
    assert_eq!(
        error("mirror", vec![map(&[("x", "far".into())])]),
        "mirror: argument 1: invalid type: string \"far\", expected i64"
    );
    assert_eq!(error("mirror", vec![Value::Map(vec![])]), "mirror: argument 1: missing field `x`");
    assert_eq!(error("fly", vec![]), "no method \"fly\"; there are add, echo, hash, mirror");
    assert!(error(&"x".repeat(5_000), vec![]).len() < 200);
    assert!(error("add", vec!["x".repeat(500_000).into(), 1.into()]).len() < 400);
}

#[test]
fn errors_are_pairs_with_the_handlers_own_code() {
    let service = Service::new()
        .method("fail", |code: i64, text: String| Err::<(), _>(RpcError::new(code, text)))
        .method("open", |path: String| Ok(std::fs::read(path)?.len()))
        .method("unwritable", || {
            Ok(BTreeMap::from([(u128::MAX, f64::NAN)]).into_iter().map(|_| Unwritable).next())
        });
    assert_eq!(ask(&service, "fail", vec![77.into(), "no".into()]), Err(RpcError::new(77, "no")));
    assert_eq!(ask(&service, "fail", vec![(-1).into(), "".into()]), Err(RpcError::new(-1, "")));
    let failed = ask(&service, "open", vec!["/there/is/no/such/file".into()]).unwrap_err();
    assert_eq!(failed.code, code::FAILED);
    assert!(failed.message.contains("No such file"), "{failed}");
    let failed = ask(&service, "unwritable", vec![]).unwrap_err();
    assert_eq!((failed.code, failed.message.contains("not today")), (code::FAILED, true));
}

struct Unwritable;

impl Serialize for Unwritable {
    fn serialize<S: serde::Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
        Err(serde::ser::Error::custom("not today"))
    }
}

#[test]
fn state_is_captured_or_handed_through() {
    let total = Arc::new(AtomicI64::new(0));
    let sum = Arc::clone(&total);
    let service = Service::<Vec<String>>::with_context()
        .method("add", move |n: i64| Ok(sum.fetch_add(n, Ordering::Relaxed) + n))
        .method_with("push", |list: &mut Vec<String>, item: String| {
            list.push(item);
            Ok(list.len())
        })
        .method_async_with("length", |list: &mut Vec<String>| {
            let length = list.len();
            async move { Ok(length) }
        });
    let mut list = vec!["zero".to_owned()];
    let mut session = Session::default();
    let said = [
        Message::request(1, "add", vec![40.into()]),
        Message::request(2, "push", vec!["one".into()]),
        Message::notification("push", vec!["two".into()]),
        Message::notification("push", vec![]),
        Message::notification("fly", vec![]),
        Message::request(3, "length", vec![]),
        Message::request(4, "add", vec![2.into()]),
    ];
    let answers = answers(&service, &mut session, &mut list, &said);
    assert_eq!(
        answers,
        [(1, 40), (2, 2), (3, 3), (4, 42)].map(|(id, result)| Message::success(id, result))
    );
    assert_eq!(list, ["zero", "one", "two"]);
    assert_eq!(total.load(Ordering::Relaxed), 42);
}

#[test]
fn an_answer_may_come_later() {
    type Desk = Vec<(Ticket, i64)>;
    let service = Service::<Desk>::with_context().later(
        "scale",
        |desk: &mut Desk, ticket: Ticket, number: i64| {
            if number < 0 {
                return Err(RpcError::invalid_call("fewer than none"));
            }
            desk.push((ticket, number));
            Ok(())
        },
    );
    let (mut desk, mut session) = (Desk::new(), Session::default());
    let said = [
        Message::request(1, "scale", vec![3.into()]),
        Message::request(2, "scale", vec![(-1).into()]),
        Message::notification("scale", vec![5.into()]),
    ];
    let at_once = answers(&service, &mut session, &mut desk, &said);
    assert_eq!(at_once, [Message::failure(2, RpcError::invalid_call("fewer than none"))]);
    assert_eq!((session.in_flight(), desk.len()), (2, 2));
    for (ticket, number) in desk {
        let _ = session.answer(ticket, &Ok(number * 2));
    }
    assert_eq!(session.in_flight(), 0);
    assert_eq!(outcome(&mut session, 1), Ok(6.into()));
    assert!(session.is_idle());
}

#[test]
fn discover_lists_what_there_is() {
    let service = Service::new()
        .method("add", |a: i64, b: i64| Ok(a + b))
        .doc("The sum of two numbers.")
        .method("stop", |quick: Optional<bool>| Ok(quick.0))
        .method("sum", |numbers: Rest<i64>| Ok(numbers.0.len()));
    let arity = |least: i64, most: Value| map(&[("least", least.into()), ("most", most)]);
    let method = |name: &str, arity: Value, doc: &str| {
        map(&[("name", name.into()), ("arity", arity), ("doc", doc.into())])
    };
    let listed = Value::Array(vec![
        method("add", arity(2, 2.into()), "The sum of two numbers."),
        method("stop", arity(0, 1.into()), ""),
        method("sum", arity(0, Value::Nil), ""),
    ]);
    assert_eq!(ask(&service, "rpc.discover", vec![]), Ok(listed));
}

#[test]
fn a_method_of_the_same_name_replaces_the_former() {
    let calls = Arc::new(Mutex::new(Vec::new()));
    let (one, two) = (Arc::clone(&calls), Arc::clone(&calls));
    let service = Service::new()
        .method("m", move || {
            one.lock().unwrap().push(1);
            Ok(())
        })
        .method("n", || Ok(()))
        .method("m", move || {
            two.lock().unwrap().push(2);
            Ok(())
        });
    assert_eq!(ask(&service, "m", vec![]), Ok(Value::Nil));
    assert_eq!(*calls.lock().unwrap(), [2]);
    let names: Vec<_> = service.methods().map(|method| method.name.clone()).collect();
    assert_eq!(names, ["n", "m"]);
}
