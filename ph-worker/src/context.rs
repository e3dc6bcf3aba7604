//! What a worker is told about itself, and the one way it should wait.

use std::cell::RefCell;
use std::fmt::Display;
use std::os::fd::{AsFd as _, BorrowedFd};
use std::rc::Rc;
use std::str::FromStr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use ph_config::Settings;
use ph_signal::{Signal, SignalSet, Source};
use smallvec::SmallVec;

use crate::post::Post;
use crate::stop::Stop;
use crate::visit::{Request, Visit};

/// A value of `app.*` that the application can't read.
#[derive(Debug)]
pub struct SettingError {
    key: String,
    text: String,
    why: String,
}

impl Display for SettingError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "app.{} = {}: {}", self.key, self.text, self.why)
    }
}

impl std::error::Error for SettingError {}

/// How a thread hears of signals.
#[derive(Debug)]
enum Ear {
    /// It takes them itself. `None` until the worker is ready: before that, a request to stop ends the process.
    Own(RefCell<Option<Source>>),
    /// Another thread takes them, and rings the bell.
    Bell,
}

/// Why a wait ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Woken {
    /// What was waited for is there.
    Ready,
    /// The worker was asked to stop.
    Stop,
    /// The time is over.
    Late,
}

#[derive(Debug)]
struct Local {
    post: Arc<Post>,
    ear: Ear,
    visit: Visit,
    /// How a coroutine's connection is brought to an end from outside.
    #[cfg(feature = "async")]
    cord: crate::coroutine::Cord,
}

/// Handed to every call of the application's code in a worker. Cheap to clone; belongs to one thread.
#[derive(Clone, Debug)]
pub struct Context {
    local: Rc<Local>,
}

/// What a ready worker takes note of.
const NOTED: SignalSet = SignalSet::of(&[Signal::TERM, Signal::QUIT, Signal::USR1]);

impl Context {
    /// The context of the thread that takes the process's signals.
    pub(crate) fn of_the_first_thread(post: Arc<Post>) -> Self {
        Self::new(post, Ear::Own(RefCell::new(None)), 0)
    }

    /// The context of another thread, or of one of its coroutines, by number.
    pub(crate) fn of_another(post: Arc<Post>, number: u64) -> Self {
        Self::new(post, Ear::Bell, number)
    }

    fn new(post: Arc<Post>, ear: Ear, number: u64) -> Self {
        let visit = Visit::new(Arc::clone(&post), number);
        let local = Local {
            post,
            ear,
            visit,
            #[cfg(feature = "async")]
            cord: crate::coroutine::Cord::default(),
        };
        Self { local: Rc::new(local) }
    }

    /// This worker's id: 0 up to the number of workers, the same in its successors.
    pub fn id(&self) -> u32 {
        self.local.post.id
    }

    /// Counts reloads: 1 at the start.
    pub fn generation(&self) -> u32 {
        self.local.post.generation
    }

    /// The settings that this worker was started with.
    pub fn config(&self) -> &Settings {
        &self.local.post.settings
    }

    /// The text of `app.KEY` in the configuration.
    pub fn app(&self, key: &str) -> Option<&str> {
        self.config().app.get(key).map(String::as_str)
    }

    /// `app.KEY` as a value, or `default` where the configuration has none.
    pub fn app_or<T: FromStr<Err: Display>>(
        &self,
        key: &str,
        default: T,
    ) -> Result<T, SettingError> {
        let Some(text) = self.app(key) else { return Ok(default) };
        text.parse().map_err(|why: T::Err| SettingError {
            key: key.to_owned(),
            text: text.to_owned(),
            why: why.to_string(),
        })
    }

    /// Whether this worker may go on: its master leads, and the time that it leads for is not over. Always so for a master that
    /// stands alone (`leader = none`). One look at shared memory, and at the clock.
    ///
    /// A worker is ended when its master leads no more. But it may have been stopped just then, and be continued when another
    /// leads already: so it asks before each job, as the job workers of this crate do by themselves, and has what it writes carry the
    /// [token](Self::fencing_token), since the time may be over between the look and the write.
    pub fn leading(&self) -> bool {
        self.local.post.board.lease().is_good()
    }

    /// The number of the leadership that this worker works for: larger with each new leader. Whoever is written to refuses a
    /// smaller one than the largest that it has seen. None where the master stands alone.
    pub fn fencing_token(&self) -> Option<u64> {
        self.local.post.board.lease().token()
    }

    /// Requests that this worker has finished.
    pub fn requests(&self) -> u64 {
        self.local.post.slot.requests()
    }

    /// Connections that this worker holds.
    pub fn connections(&self) -> u64 {
        self.local.post.slot.claim().held()
    }

    /// Calls the request that is under way by a name, such as `GET /orders/7`, of which
    /// [`Tag::MOST`](ph_core::slots::Tag::MOST) bytes are kept. Should the worker die, its death certificate (`why`) has
    /// the name of its oldest request; with none under way, that of the last. It costs a few stores, and does nothing between
    /// two requests.
    pub fn tag(&self, name: &str) {
        self.local.visit.name(name);
    }

    /// Begins a request, which ends when the guard is dropped.
    ///
    /// For a connection that carries many: without this, the whole connection counts as one. Between two requests it
    /// counts as idle, and when the worker is asked to stop, reading from it comes to an end as if the client had hung up.
    pub fn request(&self) -> Request<'_> {
        self.local.visit.request()
    }

    /// Whether this worker was asked to stop. Long jobs look now and then, and return early.
    pub fn is_stopping(&self) -> bool {
        if let Ear::Own(source) = &self.local.ear
            && !source.borrow().as_ref().is_some_and(Source::is_quiet)
        {
            self.take_note(Duration::ZERO);
        }
        self.stop().is_asked()
    }

    /// Sleeps, but returns at once when this worker is asked to stop: `true` if it slept the whole time.
    ///
    /// It wakes for nothing else: an idle worker costs no processor time at all. In a coroutine, use
    /// `tokio::time::sleep` and [`stopped`](Self::stopped) instead: this would hold up all others.
    pub fn sleep(&self, duration: Duration) -> bool {
        self.wait(None, true, Some(duration)) == Woken::Late
    }

    /// Waits until a descriptor has one of the events, this worker is asked to stop (if `heed` says that this matters), or
    /// the time is over.
    pub(crate) fn wait(
        &self,
        what: Option<(BorrowedFd<'_>, PollFlags)>,
        heed: bool,
        most: Option<Duration>,
    ) -> Woken {
        // So far in the future that the clock can't say it: for ever.
        let until = most.and_then(|most| Instant::now().checked_add(most));
        loop {
            if heed && self.is_stopping() {
                return Woken::Stop;
            }
            let left = until.map(|until| until.saturating_duration_since(Instant::now()));
            if self.poll(what, heed, left) {
                return Woken::Ready;
            }
            if left == Some(Duration::ZERO) {
                return Woken::Late;
            }
        }
    }

    /// Waits until the master leads, if this worker was made before it did.
    pub(crate) fn wait_for_office(&self) -> Result<(), String> {
        let Some(office) = &self.local.post.office else { return Ok(()) };
        loop {
            let readable = Some((office.as_fd(), PollFlags::POLLIN));
            if self.wait(readable, true, None) == Woken::Stop {
                return Ok(());
            }
            match office.look() {
                Ok(Some(equipment)) => {
                    self.local.post.equip(equipment);
                    return Ok(());
                }
                // It led for a moment, and does no more.
                Ok(None) => {}
                Err(error) => return Err(format!("cannot take over what it listens on: {error}")),
            }
        }
    }

    /// One call of poll(2); whether what was waited for is there.
    fn poll(
        &self,
        what: Option<(BorrowedFd<'_>, PollFlags)>,
        heed: bool,
        left: Option<Duration>,
    ) -> bool {
        // Whether what was waited for is there, and whether the ear heard something.
        let poll_with = |ear: Option<BorrowedFd<'_>>| {
            let mut waited: SmallVec<[PollFd<'_>; 2]> = SmallVec::new();
            waited.extend(what.map(|(fd, events)| PollFd::new(fd, events)));
            waited.extend(ear.map(|fd| PollFd::new(fd, PollFlags::POLLIN)));
            match poll(&mut waited, milliseconds(left)) {
                Ok(_) | Err(Errno::EINTR) => {}
                // Nothing can be wrong but a descriptor that the application has closed: its next use says so.
                Err(_) => return (what.is_some(), true),
            }
            let any = |at: &PollFd<'_>| at.any().unwrap_or(true);
            let (what, ear) = waited.split_at(usize::from(what.is_some()));
            (what.iter().any(any), ear.iter().any(any))
        };
        match &self.local.ear {
            // Not ready yet: nothing is noted, and TERM ends the process in the middle of this.
            Ear::Own(source) => {
                let (ready, heard) = poll_with(source.borrow().as_ref().map(Source::as_fd));
                if heard {
                    self.take_note(Duration::ZERO);
                }
                ready
            }
            // Once it has rung it rings for ever.
            Ear::Bell => poll_with(self.stop().bell().filter(|_| heed)).0,
        }
    }

    pub(crate) fn post(&self) -> &Arc<Post> {
        &self.local.post
    }

    pub(crate) fn visit(&self) -> &Visit {
        &self.local.visit
    }

    /// Waits until this worker is asked to stop; for coroutines.
    #[cfg(feature = "async")]
    pub async fn stopped(&self) {
        self.stop().asked().await;
    }

    #[cfg(feature = "async")]
    pub(crate) fn cord(&self) -> &crate::coroutine::Cord {
        &self.local.cord
    }

    pub(crate) fn stop(&self) -> &Stop {
        &self.local.post.stop
    }

    /// From here on a request to stop is noted instead of ending the process.
    pub(crate) fn heed_signals(&self) -> Result<(), crate::Error> {
        if let Ear::Own(source) = &self.local.ear {
            *source.borrow_mut() = Some(Source::sole(NOTED)?);
        }
        Ok(())
    }

    /// Runs `look` with the descriptor that is readable when signals have come.
    pub(crate) fn with_signals<T>(&self, look: impl FnOnce(Option<BorrowedFd<'_>>) -> T) -> T {
        match &self.local.ear {
            Ear::Own(source) => look(source.borrow().as_ref().map(Source::as_fd)),
            Ear::Bell => look(self.stop().bell()),
        }
    }

    /// Waits for a signal that long and notes what came.
    pub(crate) fn take_note(&self, wait: Duration) {
        let Ear::Own(source) = &self.local.ear else { return };
        let pending = match &mut *source.borrow_mut() {
            // A source that the application has closed would make every sleep spin, and TERM go unseen: leave.
            Some(source) => source.wait(Some(wait)).unwrap_or(SignalSet::of(&[Signal::TERM])),
            None => return,
        };
        if pending.contains(Signal::USR1)
            && let Err(error) = ph_core::log::follow()
        {
            tracing::error!(%error, "the old log stays in use");
        }
        if pending.contains(Signal::TERM) || pending.contains(Signal::QUIT) {
            self.stop().ask();
        }
    }
}

/// Whole milliseconds, rounded up so that the last one is not spent spinning; as long as poll(2) can.
fn milliseconds(left: Option<Duration>) -> PollTimeout {
    left.map_or(PollTimeout::NONE, |left| {
        PollTimeout::try_from(left.as_nanos().div_ceil(1_000_000)).unwrap_or(PollTimeout::MAX)
    })
}
