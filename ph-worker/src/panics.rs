//! Panics of application code: caught, described, logged.

use std::any::Any;
use std::cell::{Cell, RefCell};
use std::panic::{AssertUnwindSafe, catch_unwind, set_hook, take_hook};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

static IN_WORKER: AtomicBool = AtomicBool::new(false);

thread_local! {
    static PLACE: RefCell<Option<String>> = const { RefCell::new(None) };
    /// Whether this thread runs code of the application whose panic is caught and told.
    static CAUGHT: Cell<bool> = const { Cell::new(false) };
}

/// Makes panics of workers remember their place instead of printing it: the log tells them.
///
/// Called once in the master, before it forks; workers inherit it. The master's own panics are told as ever.
/// A panic in a thread that the application started ends that thread alone, and is logged where it happens.
/// `RUST_BACKTRACE` still prints what it always printed.
pub fn install() {
    let usual = take_hook();
    set_hook(Box::new(move |panic| {
        if !IN_WORKER.load(Relaxed) {
            usual(panic);
            return;
        }
        let place = panic.location().map(ToString::to_string);
        if CAUGHT.get() {
            PLACE.with_borrow_mut(|remembered| *remembered = place);
        } else {
            let place = place.unwrap_or_default();
            tracing::error!("a thread panicked at {place}: {}", words(panic.payload()));
        }
        if std::env::var_os("RUST_BACKTRACE").is_some_and(|set| set != "0") {
            usual(panic);
        }
    }));
}

/// From here on this process is a worker.
pub(crate) fn enter() {
    IN_WORKER.store(true, Relaxed);
}

/// Runs application code. A panic comes back as one sentence.
pub(crate) fn catch<T>(code: impl FnOnce() -> T) -> Result<T, String> {
    // Whatever the panic left half-changed, nothing but its own destructor sees again: the worker ends.
    let before = CAUGHT.replace(true);
    let done = catch_unwind(AssertUnwindSafe(code));
    CAUGHT.set(before);
    done.map_err(|panic| {
        let place = PLACE.with_borrow_mut(Option::take);
        let place = place.map_or(String::new(), |place| format!(" at {place}"));
        format!("panicked{place}: {}", words(&*panic))
    })
}

fn words(panic: &(dyn Any + Send)) -> &str {
    if let Some(text) = panic.downcast_ref::<&str>() {
        text
    } else if let Some(text) = panic.downcast_ref::<String>() {
        text
    } else {
        "with a value that is no text"
    }
}

#[cfg(test)]
mod tests {
    use super::catch;

    #[test]
    fn a_panic_becomes_a_sentence() {
        assert_eq!(catch(|| 7), Ok(7));
        let number = 3;
        let said = catch(|| panic!("no {number} left")).unwrap_err();
        assert!(said.ends_with(": no 3 left"), "{said}");
        let said = catch(|| std::panic::panic_any(3)).unwrap_err();
        assert!(said.contains("no text"), "{said}");
    }
}
