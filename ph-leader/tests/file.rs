//! Campaigns about a file of this host.

mod common;

use std::time::Duration;

use common::{Runner, Temporary, within};
use ph_leader::{Command, Event, FileStore};

const TTL: Duration = Duration::from_secs(3);
/// Far less than that, on a busy machine too.
const MOMENT: Duration = Duration::from_secs(1);

fn runner(name: &str, store: &FileStore) -> Runner {
    Runner::start(name, store.clone(), TTL)
}

#[test]
fn one_leads_and_the_next_follows_within_a_moment_of_its_end() {
    let directory = Temporary::new();
    let path = directory.path().join("app.lock");
    let (first_store, second_store) = (FileStore::new(&path), FileStore::new(&path));
    let mut first = runner("first", &first_store);
    let token = first.leads();
    let mut second = runner("second", &second_store);
    assert_eq!(second.hears(), Event::Follower { of: "first".to_owned() });

    first.campaign.command(Command::Resign);
    assert_eq!(first.hears(), Event::Unknown);
    let (next, took) = within(|| second.leads());
    assert!(next > token, "{token}, then {next}");
    assert!(took < MOMENT, "the successor took {took:?}");
    assert_eq!(first.hears(), Event::Follower { of: "second".to_owned() });
    assert_eq!(first_store.descriptor().unwrap().map(drop), None);
}

#[test]
fn the_lock_is_free_when_the_last_duplicate_is() {
    let directory = Temporary::new();
    let path = directory.path().join("app.lock");
    let (first_store, second_store) = (FileStore::new(&path), FileStore::new(&path));
    let mut first = runner("first", &first_store);
    let token = first.leads();
    let workers = first_store.descriptor().unwrap().expect("a leader has the lock");
    let mut second = runner("second", &second_store);
    second.hears();

    first.stop();
    second.hears_nothing_for(Duration::from_millis(500));
    drop(workers);
    let (next, took) = within(|| second.leads());
    assert!(next > token && took < MOMENT, "{next} after {took:?}");
}

#[test]
fn who_takes_the_descriptor_over_goes_on_with_the_token() {
    let directory = Temporary::new();
    let path = directory.path().join("app.lock");
    let store = FileStore::new(&path);
    let mut first = runner("first", &store);
    let token = first.leads();
    let handed_over = store.descriptor().unwrap().expect("a leader has the lock");
    drop((first, store));
    let adopted = FileStore::adopt(&path, handed_over).unwrap();
    let mut second = runner("second", &adopted);
    assert_eq!(second.leads(), token);

    let stranger = std::fs::File::create(directory.path().join("other")).unwrap();
    let told = FileStore::adopt(&path, stranger.into()).unwrap_err().to_string();
    assert!(told.contains("is not that of"), "{told}");
    let opened_anew = std::fs::File::options().read(true).write(true).open(&path).unwrap();
    let told = FileStore::adopt(&path, opened_anew.into()).unwrap_err().to_string();
    assert!(told.contains("another has the lock"), "{told}");
}

#[test]
fn a_leader_that_is_not_answered_lapses_and_says_so() {
    let directory = Temporary::new();
    let mut runner = runner("only", &FileStore::new(directory.path().join("app.lock")));
    runner.leads();
    runner.answers = false;
    let Event::Leader { deadline, .. } = runner.hears_until(|event| *event == Event::Unknown)
    else {
        panic!("the last event before was leadership");
    };
    assert!(ph_leader::Instant::now() >= deadline);
    assert!(runner.campaign.leading().is_none());
    let told = runner.trouble();
    assert!(told.contains("not renewed in time: no answer from whom it is for"), "{told}");
}

#[test]
fn a_lock_that_was_replaced_is_lost() {
    let directory = Temporary::new();
    let path = directory.path().join("app.lock");
    let mut runner = runner("only", &FileStore::new(&path));
    let token = runner.leads();
    std::fs::remove_file(&path).unwrap();
    runner.hears_until(|event| *event == Event::Unknown);
    assert!(runner.trouble().contains("taken away"));
    assert!(runner.leads() > token, "the token outlives the lock");
}

#[test]
fn what_nobody_of_us_wrote_is_a_sentence_and_never_a_lead() {
    let directory = Temporary::new();
    let path = directory.path().join("app.lock");
    let token_path = directory.path().join("app.lock.token");
    for foreign in ["", "garbage\n", "-1 a\n", "7", &"9".repeat(100_000)] {
        std::fs::write(&token_path, foreign).unwrap();
        let mut runner = runner("only", &FileStore::new(&path));
        let told = runner.trouble();
        assert!(told.contains("app.lock.token, line 1: expected a token"), "{told}");
        assert!(runner.campaign.leading().is_none());
    }
    // Mended, it goes on from there.
    std::fs::write(&token_path, "41 somebody\n").unwrap();
    let mut runner = runner("only", &FileStore::new(&path));
    assert_eq!(runner.leads(), 42);
    runner.stop();
    assert_eq!(std::fs::read_to_string(&token_path).unwrap(), "42 only\n");

    std::fs::remove_file(&token_path).unwrap();
    let mut runner = self::runner("only", &FileStore::new(&path));
    let told = runner.trouble();
    assert!(told.contains("app.lock.token is gone, and tokens only grow"), "{told}");
}

#[test]
fn a_directory_that_is_not_there_is_a_sentence() {
    let directory = Temporary::new();
    let mut runner = runner("only", &FileStore::new(directory.path().join("none/app.lock")));
    let told = runner.trouble();
    assert!(told.contains("cannot open the lock") && told.contains("none/app.lock"), "{told}");
    std::fs::create_dir(directory.path().join("none")).unwrap();
    assert_eq!(runner.leads(), 1);
}
