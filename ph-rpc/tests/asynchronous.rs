//! The client for tasks, and the server in one.

use std::sync::Arc;
use std::time::Duration;

use ph_rpc::client::{AsyncClient, CallError, Options};
use ph_rpc::{Bounds, Message, RpcError, Service, Session, Value, serve_async};
use tokio::net::{TcpListener, UnixStream};
use tokio::task::JoinHandle;

fn run(test: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        tokio::time::timeout(Duration::from_secs(120), test).await.expect("it hangs");
    });
}

fn service() -> Service {
    Service::new()
        .method("add", |a: i64, b: i64| Ok(a + b))
        .method("echo", |value: Value| Ok(value))
        .method("fail", |code: i64, text: String| Err::<(), _>(RpcError::new(code, text)))
        .method_async("sleep", |ms: u64| async move {
            tokio::time::sleep(Duration::from_millis(ms)).await;
            Ok(ms)
        })
        .method_async("panic", || async {
            tokio::task::yield_now().await;
            if true {
                panic!("on purpose");
            }
            Ok(())
        })
}

async fn pair(options: Options) -> (AsyncClient, JoinHandle<std::io::Result<()>>) {
    let (ours, mut theirs) = UnixStream::pair().unwrap();
    let server = tokio::spawn(async move {
        let bounds = Bounds { in_flight: 50, ..Bounds::default() };
        serve_async(&service(), &mut Session::new(bounds), &mut theirs, &mut ()).await
    });
    (AsyncClient::on_unix(ours, options).await.unwrap(), server)
}

#[test]
fn calls_that_wait_go_on_beside_each_other() {
    run(async {
        let (client, server) = pair(Options::default()).await;
        assert_eq!(client.call::<i64, _>("add", &(40, 2)).await.unwrap(), 42);
        let slow = client.clone();
        let slow = tokio::spawn(async move { slow.call::<u64, _>("sleep", &(2_000,)).await });
        tokio::task::yield_now().await;
        let began = std::time::Instant::now();
        assert_eq!(client.call::<u64, _>("sleep", &(1,)).await.unwrap(), 1);
        assert!(began.elapsed() < Duration::from_millis(2_000));
        assert!(!slow.is_finished());
        assert_eq!(slow.await.unwrap().unwrap(), 2_000);
        let refused = client.call::<(), _>("fail", &(9, "no")).await.unwrap_err();
        assert_eq!(refused.refusal(), Some(&RpcError::new(9, "no")));
        drop(client);
        server.await.unwrap().unwrap();
    });
}

#[test]
fn a_thousand_calls_at_once_beyond_both_limits() {
    run(async {
        let (client, server) = pair(Options { in_flight: 200, ..Options::default() }).await;
        let mut calls = tokio::task::JoinSet::new();
        for n in 0..1_000u64 {
            let client = client.clone();
            calls.spawn(async move {
                let text = Value::from("x".repeat(10_000));
                if n % 2 == 0 {
                    assert_eq!(client.call::<u64, _>("sleep", &(n % 7,)).await.unwrap(), n % 7);
                } else {
                    assert_eq!(
                        client.call_values("echo", std::slice::from_ref(&text)).await.unwrap(),
                        text
                    );
                }
            });
        }
        while let Some(call) = calls.join_next().await {
            call.unwrap();
        }
        drop(client);
        server.await.unwrap().unwrap();
    });
}

#[test]
fn a_call_that_is_late_or_dropped_costs_no_other() {
    run(async {
        let options = Options { timeout: Duration::from_secs(1), ..Options::default() };
        let (client, server) = pair(options).await;
        let late = client.call::<u64, _>("sleep", &(2_500,)).await;
        assert!(matches!(late, Err(CallError::TimedOut)));
        let dropped = client.call::<u64, _>("sleep", &(5,));
        drop(dropped);
        assert_eq!(client.call::<i64, _>("add", &(1, 2)).await.unwrap(), 3);
        let bad = client.call::<i64, _>("add", &7).await;
        assert!(matches!(bad, Err(CallError::Params(_))));
        assert_eq!(client.call::<i64, _>("add", &(1, 2)).await.unwrap(), 3);
        drop(client);
        // The late answer finds nobody.
        let gone = server.await.unwrap().map_err(|error| error.kind());
        assert!(matches!(gone, Ok(()) | Err(std::io::ErrorKind::BrokenPipe)), "{gone:?}");
    });
}

#[test]
fn a_panic_ends_its_connection_and_its_callers_are_told() {
    run(async {
        let (client, server) = pair(Options::default()).await;
        let ended = client.call::<(), _>("panic", &()).await;
        assert!(matches!(ended, Err(CallError::Closed { .. })), "{ended:?}");
        assert!(server.await.unwrap().is_err());
        let ended = client.call::<(), _>("add", &(1, 2)).await;
        assert!(matches!(ended, Err(CallError::Closed { .. })), "{ended:?}");
        assert!(matches!(client.notify("add", &(1, 2)), Err(CallError::Closed { .. })));
        assert!(matches!(client.receive().await, Err(CallError::Closed { .. })));
    });
}

#[test]
fn tcp_and_notifications_from_the_server() {
    run(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let server = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut session = Session::default();
            session.notify("event", &(1, "x")).unwrap();
            assert!(session.notify("event", &"no array").is_err());
            session.notify("event", &()).unwrap();
            serve_async(&service(), &mut session, &mut stream, &mut ()).await
        });
        let options = Options { notices: 10, ..Options::default() };
        let client = AsyncClient::tcp(address, options).await.unwrap();
        let first = client.receive().await.unwrap();
        assert_eq!((first.method.as_str(), first.params), ("event", vec![1.into(), "x".into()]));
        assert!(client.receive().await.unwrap().params.is_empty());
        drop(client);
        server.await.unwrap().unwrap();
    });
}

#[test]
fn a_half_closed_client_has_its_answers() {
    run(async {
        use tokio::io::Interest;
        let (ours, mut theirs) = UnixStream::pair().unwrap();
        let service = Arc::new(service());
        let server = tokio::spawn(async move {
            serve_async(&service, &mut Session::default(), &mut theirs, &mut ()).await
        });
        let said = [
            Message::request(1, "sleep", vec![50.into()]),
            Message::request(2, "add", vec![1.into(), 2.into()]),
        ];
        let bytes: Vec<u8> = said.iter().flat_map(Message::to_bytes).collect();
        assert_eq!(ours.try_write(&bytes).unwrap(), bytes.len());
        let ours = ours.into_std().unwrap();
        ours.shutdown(std::net::Shutdown::Write).unwrap();
        let ours = UnixStream::from_std(ours).unwrap();
        let mut decoder = ph_rpc::Decoder::default();
        let mut answers = Vec::new();
        while answers.len() < 2 {
            ours.ready(Interest::READABLE).await.unwrap();
            match ours.try_read(decoder.space()) {
                Ok(length) => decoder.filled(length),
                Err(error) => assert_eq!(error.kind(), std::io::ErrorKind::WouldBlock),
            }
            while let Some(answer) = decoder.next_message().unwrap() {
                answers.push(answer);
            }
        }
        assert_eq!(answers, [Message::success(2, 3), Message::success(1, 50)]);
        server.await.unwrap().unwrap();
    });
}
