//! The store over etcd, against a gateway of the test's own that says what a real one would not.

mod common;

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use common::{Runner, within};
use ph_leader::EtcdStore;
use ph_leader::store::{Reply, Request, Store as _, StoreError, Vacancy};

const WITHIN: Duration = Duration::from_secs(2);
const FREE: Reply = Reply::Free { vacancy: Vacancy::Open, record: 0 };
const HEADER: &str = r#""header":{"revision":"7","raft_term":"2"}"#;

/// A gateway: each request is answered by what the function makes of its path and its body, as raw bytes.
struct Fake {
    address: String,
    /// The authorization and path of each request.
    heard: Arc<Mutex<Vec<String>>>,
}

impl Fake {
    fn start(answer: impl Fn(&str, &str) -> Option<Vec<u8>> + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let heard = Arc::new(Mutex::new(Vec::new()));
        let (answer, log) = (Arc::new(answer), Arc::clone(&heard));
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let (answer, log) = (Arc::clone(&answer), Arc::clone(&log));
                std::thread::spawn(move || serve(stream.unwrap(), &*answer, &log));
            }
        });
        Self { address, heard }
    }

    fn store(&self) -> EtcdStore {
        EtcdStore::new(&[&self.address], "app").unwrap()
    }

    fn heard(&self) -> Vec<String> {
        self.heard.lock().unwrap().clone()
    }
}

fn serve(
    stream: TcpStream,
    answer: &dyn Fn(&str, &str) -> Option<Vec<u8>>,
    log: &Mutex<Vec<String>>,
) {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let mut writer = stream;
    loop {
        let (mut path, mut length, mut who) = (String::new(), 0, String::new());
        loop {
            let mut line = String::new();
            if reader.read_line(&mut line).unwrap_or(0) == 0 {
                return;
            }
            let lower = line.to_ascii_lowercase();
            if let Some(rest) = line.strip_prefix("POST /v3/") {
                path = rest.split(' ').next().unwrap().to_owned();
            } else if let Some(value) = lower.strip_prefix("content-length:") {
                length = value.trim().parse().unwrap();
            } else if lower.starts_with("authorization:") {
                who = line["authorization:".len()..].trim().to_owned();
            } else if line == "\r\n" {
                break;
            }
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body).unwrap();
        log.lock().unwrap().push(format!("{who}>{path}"));
        let Some(bytes) = answer(&path, &String::from_utf8(body).unwrap()) else { return };
        if writer.write_all(&bytes).is_err() {
            return;
        }
    }
}

fn http(status: u16, body: &str) -> Option<Vec<u8>> {
    let length = body.len();
    Some(format!("HTTP/1.1 {status} So\r\nContent-Length: {length}\r\n\r\n{body}").into_bytes())
}

fn ok(body: &str) -> Option<Vec<u8>> {
    http(200, &format!("{{{HEADER}{body}}}"))
}

fn pair(value: &str, lease: u64) -> String {
    format!(
        r#"{{"key":"YXBw","create_revision":"5","mod_revision":"6","value":"{value}","lease":"{lease}"}}"#
    )
}

/// What the two keys hold.
fn keys(seat: &str, record: &str) -> String {
    format!(
        r#","responses":[{{"response_range":{{"kvs":[{seat}]}}}},{{"response_range":{{"kvs":[{record}]}}}}]"#
    )
}

/// `held 10000 9`, under another number.
const RECORD: &str =
    r#"{"key":"x","create_revision":"3","mod_revision":"8","value":"aGVsZCAxMDAwMCA5"}"#;

fn look(store: &mut EtcdStore) -> Result<Reply, StoreError> {
    store.perform(&Request::Look, WITHIN)
}

fn sentence(answer: impl Fn(&str, &str) -> Option<Vec<u8>> + Send + Sync + 'static) -> String {
    look(&mut Fake::start(answer).store()).unwrap_err().to_string()
}

#[test]
fn who_has_the_seat() {
    let held = |store: &mut EtcdStore| look(store).unwrap();
    let shows = |seat: &str, record: &str| {
        let answer = keys(seat, record);
        held(&mut Fake::start(move |_, _| ok(&answer)).store())
    };
    assert_eq!(shows("", ""), FREE);
    let by_a = |record| Reply::Held { of: "a".to_owned(), token: 5, record, revision: 7 };
    assert_eq!(shows(&pair("YQ==", 9), RECORD), by_a(8));
    assert_eq!(shows(&pair("YQ==", 9), ""), by_a(6), "somebody has removed the record");
    let vacancy = Vacancy::Deserted { ttl: Duration::from_secs(10) };
    assert_eq!(shows("", RECORD), Reply::Free { vacancy, record: 8 });
    // `released 10000 9`
    let released = RECORD.replace("aGVsZCAxMDAwMCA5", "cmVsZWFzZWQgMTAwMDAgOQ==");
    assert_eq!(shows("", &released), Reply::Free { vacancy: Vacancy::Open, record: 8 });
}

#[test]
fn what_no_candidate_put_there_is_told() {
    // No name: not UTF-8, nothing, not base64; and a name that nobody's lease holds.
    for (value, lease, why) in [
        ("/w==", 9, "it is no name"),
        ("", 9, "it is no name"),
        ("%%", 9, "it is no name"),
        ("YQ==", 0, "it has no lease"),
    ] {
        let answer = keys(&pair(value, lease), "");
        let told = sentence(move |_, _| ok(&answer));
        assert!(told.contains(r#"the key "app" in etcd holds"#) && told.contains(why), "{told}");
    }
    let answer = keys("", &RECORD.replace("aGVs", "%%%%"));
    let told = sentence(move |_, _| ok(&answer));
    assert!(told.contains(r#"the key "app/last-leader" in etcd holds"#), "{told}");
}

#[test]
fn answers_that_are_none_are_told() {
    let told = sentence(|_, _| http(200, "<html>hello</html>"));
    assert!(told.contains("does not speak as etcd") && told.contains("<html>hello"), "{told}");
    let told = sentence(|_, _| http(200, "{}"));
    assert!(told.contains("not what was asked for"), "{told}");
    let told = sentence(|_, _| http(404, "Not Found\n"));
    assert!(told.contains("answers /v3/kv/txn with status 404 and \"Not Found\""), "{told}");
    let told =
        sentence(|_, _| http(200, &format!("{{{HEADER},\"x\":\"{}\"}}", "x".repeat(1 << 20))));
    assert!(told.contains("larger than 64 KiB"), "{told}");
    let told = sentence(|_, _| Some(b"SSH-2.0-OpenSSH\r\n\r\n".to_vec()));
    assert!(told.contains("cannot ask etcd at"), "{told}");
    let told = sentence(|_, _| None);
    assert!(told.contains("cannot ask etcd at"), "{told}");
    // It goes on for ever.
    let told = sentence(|_, _| {
        let mut endless = b"HTTP/1.1 200 So\r\n".to_vec();
        endless.extend(b"x-header: y\r\n".repeat(100_000));
        Some(endless)
    });
    assert!(told.contains("cannot ask etcd at"), "{told}");
    // A redirection is not followed: it may lead anywhere.
    let told = sentence(|_, _| {
        Some(
            b"HTTP/1.1 307 So\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n"
                .to_vec(),
        )
    });
    assert!(told.contains("etcd"), "{told}");
}

#[test]
fn errors_of_etcds_are_told_in_its_words() {
    let refusal =
        |code: u32, said: &str| format!(r#"{{"error":"{said}","message":"{said}","code":{code}}}"#);
    let body = refusal(7, "etcdserver: permission denied");
    let told = sentence(move |_, _| http(403, &body));
    assert!(told.ends_with("refuses: etcdserver: permission denied"), "{told}");
    let body = refusal(14, "etcdserver: no leader");
    let told = sentence(move |_, _| http(503, &body));
    assert!(told.ends_with("etcdserver: no leader"), "{told}");
    let body = refusal(5, "etcdserver: requested lease not found");
    let gone = Fake::start(move |_, _| http(404, &body));
    for request in [
        Request::Renew { lease: 9, token: 5 },
        Request::Claim { lease: 9, ttl: WITHIN, name: "a".to_owned(), record: 0 },
        Request::Release { lease: 9 },
    ] {
        assert_eq!(gone.store().perform(&request, WITHIN), Ok(Reply::Gone), "{request:?}");
    }
}

#[test]
fn a_member_that_does_not_answer_costs_its_share_of_the_time() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let silent = silent.local_addr().map(|address| (silent, address.to_string())).unwrap();
    let refused = {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.local_addr().unwrap().to_string()
    };
    let well = Fake::start(|_, _| ok(&keys("", "")));
    let mut store = EtcdStore::new(&[&silent.1, &refused, &well.address], "app").unwrap();
    let (reply, took) = within(|| store.perform(&Request::Look, WITHIN));
    assert_eq!(reply, Ok(FREE));
    assert!(took < WITHIN, "{took:?}");
    // From then on it is the first one to be asked.
    let (reply, took) = within(|| store.perform(&Request::Look, WITHIN));
    assert!(reply == Ok(FREE) && took < WITHIN / 3, "{reply:?} {took:?}");

    let mut store = EtcdStore::new(&[&silent.1, &refused], "app").unwrap();
    let (reply, took) = within(|| store.perform(&Request::Look, WITHIN));
    let told = reply.unwrap_err().to_string();
    assert!(told.contains("none of etcd's 2 members answers; the last: "), "{told}");
    assert!(took < WITHIN * 2, "{took:?}");
}

#[test]
fn a_lease_is_asked_for_in_whole_seconds_and_taken_as_it_is_granted() {
    let fake = Fake::start(|path, body| {
        assert_eq!((path, body), ("lease/grant", r#"{"TTL":"3"}"#));
        ok(r#","ID":"9","TTL":"2""#)
    });
    let granted =
        fake.store().perform(&Request::Grant { ttl: Duration::from_millis(2_500) }, WITHIN);
    assert_eq!(granted, Ok(Reply::Granted { lease: 9, ttl: Duration::from_secs(2) }));
}

#[test]
fn a_claim_whose_answer_was_lost_is_found_to_be_ours() {
    let claim = Request::Claim { lease: 9, ttl: WITHIN, name: "a".to_owned(), record: 0 };
    let answer = |lease| keys(&pair("Yg==", lease), RECORD);
    let won = Fake::start(|_, _| ok(r#","succeeded":true"#));
    assert_eq!(won.store().perform(&claim, WITHIN), Ok(Reply::Claimed { token: 7 }));
    let (ours, theirs) = (answer(9), answer(8));
    let found = Fake::start(move |_, _| ok(&ours));
    assert_eq!(found.store().perform(&claim, WITHIN), Ok(Reply::Claimed { token: 5 }));
    let lost = Fake::start(move |_, _| ok(&theirs));
    let expected = Reply::Held { of: "b".to_owned(), token: 5, record: 8, revision: 7 };
    assert_eq!(lost.store().perform(&claim, WITHIN), Ok(expected));
    // Others led meanwhile, and are gone: how long ago is not for the store to say.
    let gone = keys("", RECORD);
    let changed = Fake::start(move |_, _| ok(&gone));
    let vacancy = Vacancy::Deserted { ttl: Duration::from_secs(10) };
    let expected = Reply::Free { vacancy, record: 8 };
    assert_eq!(changed.store().perform(&claim, WITHIN), Ok(expected));
}

#[test]
fn a_renewal_counts_only_if_the_key_is_still_ours_in_the_same_term() {
    let renew = |term: &'static str, ttl: &'static str, is_ours: bool| {
        let fake = Fake::start(move |path, body| match path {
            "lease/keepalive" => http(
                200,
                &format!(
                    "{}\n",
                    format_args!(
                        r#"{{"result":{{"header":{{"raft_term":"{term}"}},"ID":"9"{ttl}}}}}"#
                    )
                ),
            ),
            // Both must be as they were: who made it, and whose lease holds it.
            _ if !body.contains(r#""CREATE","create_revision":"5""#)
                || !body.contains(r#""LEASE","lease":"9""#) =>
            {
                http(400, "not what is to be compared")
            }
            _ if is_ours => ok(r#","succeeded":true"#),
            _ => ok(&keys(&pair("YQ==", 8), RECORD)),
        });
        fake.store().perform(&Request::Renew { lease: 9, token: 5 }, WITHIN)
    };
    let ttl = r#","TTL":"10""#;
    assert_eq!(renew("2", ttl, true), Ok(Reply::Renewed { ttl: Duration::from_secs(10) }));
    assert_eq!(renew("2", "", true), Ok(Reply::Gone), "no such lease");
    assert_eq!(renew("2", ttl, false), Ok(Reply::Gone), "the key is another's");
    let told = renew("1", ttl, true).unwrap_err().to_string();
    assert!(told.contains("changed its own leader"), "{told}");
}

#[test]
fn a_release_says_so_before_the_lease_ends_if_the_record_is_still_its_own() {
    let released = |lease: u64, seat: String| {
        let fake = Fake::start(move |path, body| match path {
            "lease/revoke" => ok(""),
            _ if body.contains("request_put") => {
                // `released 10000 9`, and only if nobody has written since.
                assert!(body.contains("cmVsZWFzZWQgMTAwMDAgOQ=="), "{body}");
                assert!(body.contains(r#""MOD","mod_revision":"8""#), "{body}");
                assert_eq!(body.contains("request_delete_range"), !seat.is_empty(), "{body}");
                ok(r#","succeeded":true"#)
            }
            _ => ok(&keys(&seat, RECORD)),
        });
        assert_eq!(fake.store().perform(&Request::Release { lease }, WITHIN), Ok(Reply::Released));
        fake.heard().len()
    };
    assert_eq!(released(9, pair("YQ==", 9)), 3);
    assert_eq!(released(9, String::new()), 3, "etcd has ended the lease; its leader has given up");
    assert_eq!(released(4, pair("YQ==", 9)), 2, "it is another's");
}

#[test]
fn whoever_is_forgotten_introduces_itself_again() {
    let stranger = r#"{"error":"etcdserver: invalid auth token","message":"etcdserver: invalid auth token","code":16}"#;
    let times = Arc::new(Mutex::new(0));
    let fake = Fake::start(move |path, body| {
        let mut times = times.lock().unwrap();
        *times += 1;
        match (path, *times) {
            ("auth/authenticate", nth) => {
                assert_eq!(body, r#"{"name":"u","password":"p"}"#);
                ok(&format!(r#","token":"token{nth}""#))
            }
            (_, 3) => http(401, stranger),
            _ => ok(&keys("", "")),
        }
    });
    let mut store = fake.store().user("u", "p");
    for _ in 0..3 {
        assert_eq!(look(&mut store), Ok(FREE));
    }
    let expected = [
        ">auth/authenticate",
        "token1>kv/txn",
        "token1>kv/txn",
        ">auth/authenticate",
        "token4>kv/txn",
        "token4>kv/txn",
    ];
    assert_eq!(fake.heard(), expected);
}

#[test]
fn nonsense_never_makes_a_leader() {
    // Every answer is one that a real gateway gives, to another question.
    let answers = [
        format!(r#"{{{HEADER},"ID":"9","TTL":"10"}}"#),
        format!(r#"{{{HEADER},"ID":"9","TTL":"0"}}"#),
        format!(r#"{{{HEADER},"succeeded":true}}"#),
        "[]".to_owned(),
        "nonsense".to_owned(),
        String::new(),
    ];
    for answer in answers {
        // It says that nobody leads, and then that.
        let fake = Fake::start(move |path, body| match path {
            "kv/txn" if body.contains("request_put") => http(200, "{}"),
            "kv/txn" => ok(&keys("", "")),
            _ => http(200, &answer),
        });
        let mut runner = Runner::start("a", fake.store(), Duration::from_secs(2));
        runner.trouble();
        assert!(runner.campaign.leading().is_none());
    }
}

#[test]
fn descriptions_that_are_of_no_use_are_told() {
    let told =
        |endpoints: &[&str], key: &str| EtcdStore::new(endpoints, key).unwrap_err().to_string();
    assert_eq!(told(&[], "app"), "no address of an etcd member is given");
    assert!(told(&["nowhere"], "app").contains("\"nowhere\" is no address"));
    assert!(told(&["a:1"], "").contains("key is empty"));
    assert!(told(&["a:1"], "app/last-leader").contains("is the name of an election's record"));
}
