//! Scenario 48 for `MsgpackRpcWorker`: neovim and pynvim call it, with PyPI's `msgpack` in its interpreter and without.

use ph_rpc::Value;
use ph_rpc::client::{Client, Options};
use ph_tests::foreign::{Foreign, environment_of};
use ph_tests::python::{INTERPRETERS, Python};
use ph_tests::wait::DEADLINE;

/// Where a class runs: an interpreter of a virtual environment of its own, since Debian's have Debian's msgpack.
#[derive(Clone, Copy, Debug)]
enum Place {
    CPython,
    CPythonWithMsgpack,
    PyPy,
    PyPyWithMsgpack,
}

impl Place {
    /// The interpreter, and whose codec a class has there.
    fn interpreter(self) -> (String, &'static str) {
        const MSGPACK: &str = "msgpack==1.1.2";
        let (python, name, packages): (_, _, &[&str]) = match self {
            Self::CPython => (INTERPRETERS[0], "no-msgpack", &[]),
            Self::CPythonWithMsgpack => (INTERPRETERS[0], "msgpack", &[MSGPACK]),
            Self::PyPy => (INTERPRETERS[1], "pypy-no-msgpack", &[]),
            Self::PyPyWithMsgpack => (INTERPRETERS[1], "pypy-msgpack", &[MSGPACK]),
        };
        let codec = if packages.is_empty() { "processhandler" } else { "msgpack" };
        (environment_of(python, name, packages).display().to_string(), codec)
    }
}

/// All that a client does but for the reload, which ends the connections of a class.
#[track_caller]
fn every_journey(who: Foreign, place: Place) {
    let (python, codec) = place.interpreter();
    for (journey, expected) in
        [("types", 71..200), ("error", 4..5), ("notification", 1..2), ("thousand", 1000..1001)]
    {
        let test = format!("{journey}-{who:?}-{place:?}");
        let server = Python::new(&test, &python, "bind = 127.0.0.1:0\n");
        let output = server.try_start("service:Service");
        assert_eq!(output.code, Some(0), "{output:?}\n{}", server.read("app.log"));
        let worker = server.settled(1)[0].1;
        let options = Options { timeout: DEADLINE, ..Options::default() };
        let client = Client::tcp(server.address(), options).unwrap();
        assert_eq!(client.call_values("codec", &[]).unwrap(), Value::from(codec));
        for (key, value) in [
            ("bin", Value::Binary(vec![b'b'; 300])),
            ("float32", Value::F32(1.5)),
            ("beyond", Value::Array(vec![u64::MAX.into(), Value::Ext(7, vec![1, 2, 3])])),
        ] {
            client.call_values("kv_set", &[key.into(), value]).unwrap();
        }
        let counted = server.returns(server.send(who, journey, &server.address()));
        assert!(expected.contains(&counted), "{journey}: {counted}");
        assert_eq!(server.settled(1)[0].1, worker);
        let log = server.read("app.log");
        assert!(!log.contains("ERROR") && !log.contains("WARN"), "{log}");
        server.ok(&["stop"]);
    }
}

macro_rules! each_place {
    ($($name:ident: $place:ident,)+) => {$(
        mod $name {
            use super::{Foreign, Place, every_journey};

            #[test]
            fn s48_neovim_calls_a_class() {
                every_journey(Foreign::Neovim, Place::$place);
            }

            #[test]
            fn s48_pynvim_calls_a_class() {
                every_journey(Foreign::Pynvim, Place::$place);
            }
        }
    )+};
}

each_place! {
    cpython: CPython,
    cpython_with_msgpack: CPythonWithMsgpack,
    pypy: PyPy,
    pypy_with_msgpack: PyPyWithMsgpack,
}
