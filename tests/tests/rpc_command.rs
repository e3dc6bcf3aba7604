//! `ph call`: a client of any msgpack-RPC server, for people.

use std::net::TcpListener;

use ph_tests::rpc::Rpc;
use ph_tests::until;

#[test]
fn results_are_json_and_parameters_too() {
    let server = Rpc::start("call", "number_workers = 1\nunix_socket = calls.sock\n");
    let call = |words: &[&str]| server.run(&[&["call", server.address()], words].concat());
    let says = |words: &[&str], expected: &str| {
        let output = call(words);
        assert_eq!((output.code, output.out.as_str()), (Some(0), expected), "{output:?}");
        assert_eq!(output.err, "");
    };
    says(&["add", "-1", "3"], "2\n");
    says(&["echo", "hello there"], "\"hello there\"\n");
    says(&["echo", "\"5\""], "\"5\"\n");
    says(&["kv_set", "a", r#"{"b": [1.5, null]}"#], "null\n");
    let kept = serde_json::json!({"b": [1.5, null]});
    let output = call(&["kv_get", "a"]);
    assert_eq!(serde_json::from_str::<serde_json::Value>(&output.out).unwrap(), kept);
    assert_eq!(server.ok(&["call", "--unix", "calls.sock", "add", "1", "2"]), "3\n");
    // It has no result, and it was executed.
    assert_eq!(server.ok(&["call", "--notify", server.address(), "kv_set", "n", "7"]), "");
    until("the notification has come", || call(&["kv_get", "n"]).out == "7\n");
    server.ok(&["stop"]);
}

#[test]
fn what_goes_wrong_is_a_sentence_and_exit_code_1() {
    let server = Rpc::start("call-errors", "number_workers = 1\n");
    let fails = |words: &[&str], code: i32, told: &str| {
        let output = server.run(&[&["call"], words].concat());
        assert_eq!((output.code, output.out.as_str()), (Some(code), ""), "{output:?}");
        assert!(output.err.contains(told), "{output:?}");
    };
    let address = server.address();
    fails(&[address, "fail", "78", "no more coffee"], 1, "no more coffee");
    fails(&[address, "fly"], 1, "no method \"fly\"");
    fails(&["--timeout", "0.2", address, "sleep", "60000"], 1, "no answer");
    fails(&["--unix", "nobody.sock", "add", "1", "2"], 1, "cannot connect to nobody.sock");
    // A port that is nobody's: it was just given up.
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    fails(&[&free, "add", "1", "2"], 1, &format!("cannot connect to {free}"));
    fails(&[address], 2, "the method is missing");
    fails(&["--timeout", "0", address, "pid"], 2, "expected seconds");
    server.ok(&["stop"]);
}
