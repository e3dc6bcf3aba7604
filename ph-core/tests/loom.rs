//! The claim under every interleaving that the memory model allows.

mod atomic {
    pub(super) use loom::sync::atomic::{AtomicU64, Ordering};
}

#[path = "../src/slots/claim.rs"]
#[expect(dead_code, unreachable_pub, reason = "the tests use what they need of it")]
mod claim;

use claim::Claim;
use loom::sync::Arc;
use loom::thread;

/// A worker takes while the master retires: never both.
#[test]
fn who_holds_work_is_not_retired_and_who_is_retired_takes_none() {
    loom::model(|| {
        let claim = Arc::new(Claim::default());
        let worker = {
            let claim = Arc::clone(&claim);
            thread::spawn(move || claim.take())
        };
        let retired = claim.retire();
        let took = worker.join().unwrap();
        assert!(took != retired, "took: {took}, retired: {retired}");
        assert_eq!(claim.held(), u64::from(took));
        assert_eq!(claim.is_retired(), retired);
    });
}

/// Two threads of one worker come and go; a retirement that succeeds does so between them, and for good.
#[test]
fn a_retirement_is_final_whatever_the_threads_do() {
    loom::model(|| {
        let claim = Arc::new(Claim::default());
        let come_and_go = |claim: Arc<Claim>| {
            move || {
                let took = claim.take();
                if took {
                    assert!(!claim.is_retired(), "retired with work in hand");
                    claim.release();
                }
                took
            }
        };
        let one = thread::spawn(come_and_go(Arc::clone(&claim)));
        let other = thread::spawn(come_and_go(Arc::clone(&claim)));
        let retired = claim.retire();
        if retired {
            assert!(!claim.take(), "a retired worker took work");
        }
        one.join().unwrap();
        other.join().unwrap();
        assert_eq!(claim.held(), 0);
        assert_eq!(claim.is_retired(), retired);
    });
}
