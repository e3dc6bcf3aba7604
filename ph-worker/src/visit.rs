//! One connection or job in the hands of a thread: where it stands between waiting and being a request.
//!
//! A connection becomes a request with its first byte, and is one until it ends, unless its handler counts by itself:
//! then each [`Request`] guard is one, and between two of them the connection is *idle*. Only an idle connection may be
//! closed by a stop, and only one that waits for its client is closed for its silence.

use std::cell::Cell;
use std::sync::Arc;
use std::time::Duration;

use ph_core::slots::{self, Tag};

use crate::ledger::Lane;
use crate::post::Post;

/// Where a connection comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    /// From a listener.
    Accepted,
    /// From another worker, which left it between two requests, and had them counted one by one or not.
    Moved { counted: bool },
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Stage {
    /// Nothing has come from the client yet.
    Waiting,
    /// The connection, or the job, as a whole is the request.
    Whole(Lane),
    /// So many guards are alive.
    Guarded(u32),
    /// Between two guards.
    Idle,
    /// Between two requests, of which the first was another worker's; or that worker's whole connection.
    Moved,
    /// Not open.
    Over,
}

/// Where a thread's connection or job stands; used again for the next one.
#[derive(Debug)]
pub(crate) struct Visit {
    post: Arc<Post>,
    stage: Cell<Stage>,
    /// When the waiting began, in the time of the slots.
    since: Cell<u64>,
    label: Cell<u64>,
    /// The request that began last, until it ends.
    last: Cell<Option<Lane>>,
    /// Its handler counts by itself, here or where it comes from.
    counted: Cell<bool>,
    /// Bytes that may still be read between two requests, once the worker was asked to stop.
    last_call: Cell<Option<u64>>,
}

impl Visit {
    pub(crate) fn new(post: Arc<Post>, label: u64) -> Self {
        Self {
            post,
            stage: Cell::new(Stage::Over),
            since: Cell::new(0),
            label: Cell::new(label),
            last: Cell::new(None),
            counted: Cell::new(false),
            last_call: Cell::new(None),
        }
    }

    /// A connection begins, without a word from its client so far; or goes on here, between two requests.
    pub(crate) fn open(&self, origin: Origin) {
        self.since.set(slots::now());
        self.stage.set(match origin {
            Origin::Accepted => Stage::Waiting,
            Origin::Moved { counted: false } => Stage::Moved,
            // What comes next is no request before the handler says so, as it was there.
            Origin::Moved { counted: true } => Stage::Idle,
        });
        self.counted.set(origin == Origin::Moved { counted: true });
        self.last_call.set(None);
    }

    /// A job begins, which is a request from its first moment.
    pub(crate) fn open_whole(&self) {
        self.stage.set(Stage::Whole(self.begin()));
    }

    /// A byte went one way or the other.
    pub(crate) fn touch(&self) {
        if matches!(self.stage.get(), Stage::Waiting | Stage::Moved) {
            if self.counted.get() {
                self.stage.set(Stage::Idle);
            } else {
                self.open_whole();
            }
        }
    }

    /// From its first byte on it is counted by its requests alone.
    #[cfg(feature = "rpc")]
    pub(crate) fn counts_itself(&self) {
        self.counted.set(true);
    }

    /// Several requests begin that will end together, before anything else happens on this thread.
    #[cfg(feature = "rpc")]
    pub(crate) fn begin_batch(&self) {
        self.last.set(Some(self.post.ledger.begin_turn(self.label.get())));
    }

    /// They have ended: so many of them.
    #[cfg(feature = "rpc")]
    pub(crate) fn end_batch(&self, count: u64) {
        self.last.set(None);
        self.post.ledger.end_turn(count);
        self.post.count();
    }

    /// A request begins that waits for something, and is limited here.
    #[cfg(feature = "rpc")]
    pub(crate) fn begin_waiting(&self) {
        self.post.ledger.begin_waiting();
    }

    /// It has ended, after so long.
    #[cfg(feature = "rpc")]
    pub(crate) fn end_waiting(&self, took: Duration) {
        self.post.ledger.end_waiting(took);
        self.post.count();
    }

    /// It is over. What was never counted by a guard counts as one request, if there was anything of it at all.
    pub(crate) fn close(&self) {
        if let Stage::Whole(lane) = self.stage.replace(Stage::Over) {
            self.end(lane);
        }
    }

    /// The application calls what it is at by this name.
    pub(crate) fn name(&self, name: &str) {
        if let Some(lane) = self.last.get() {
            self.post.ledger.name(lane, Tag::words(name));
        }
    }

    fn begin(&self) -> Lane {
        let lane = self.post.ledger.begin(self.label.get());
        self.last.set(Some(lane));
        lane
    }

    fn forget(&self, lane: Lane) {
        if self.last.get() == Some(lane) {
            self.last.set(None);
        }
    }

    fn end(&self, lane: Lane) {
        self.forget(lane);
        self.post.ledger.end(lane);
        self.post.count();
    }

    /// Counts a request from here until the guard goes.
    pub(crate) fn request(&self) -> Request<'_> {
        self.counted.set(true);
        let (lane, alive) = match self.stage.get() {
            // What was taken for the whole is the first of several.
            Stage::Whole(lane) => (lane, 0),
            Stage::Guarded(alive) => (self.begin(), alive),
            Stage::Waiting | Stage::Moved | Stage::Idle | Stage::Over => (self.begin(), 0),
        };
        self.stage.set(Stage::Guarded(alive + 1));
        Request { visit: self, lane }
    }

    /// How many bytes a stop leaves to be read between two requests: what had `arrived` when that was first asked.
    /// A client that sends without a pause would otherwise hold the worker for ever.
    pub(crate) fn last_call(&self, arrived: impl FnOnce() -> u64) -> u64 {
        let left = self.last_call.get().unwrap_or_else(arrived);
        self.last_call.set(Some(left));
        left
    }

    /// So many bytes were read.
    pub(crate) fn count_read(&self, bytes: usize) {
        if let Some(left) = self.last_call.get() {
            self.last_call.set(Some(left.saturating_sub(bytes as u64)));
        }
    }

    /// Whether its handler counts requests by itself. Still known when it is over.
    pub(crate) fn is_counted(&self) -> bool {
        self.counted.get()
    }

    /// Whether it is between two requests.
    pub(crate) fn is_idle(&self) -> bool {
        matches!(self.stage.get(), Stage::Idle | Stage::Moved)
    }

    /// How long the client has been waited for; `None` while it has a request.
    pub(crate) fn waiting(&self) -> Option<Duration> {
        matches!(self.stage.get(), Stage::Waiting | Stage::Moved | Stage::Idle)
            .then(|| Duration::from_nanos(slots::now().saturating_sub(self.since.get())))
    }
}

/// One request of a connection, from [`Context::request`](crate::Context::request) until this is dropped.
///
/// It counts, its time counts as busy, and it is what `timeout` limits.
#[derive(Debug)]
#[must_use = "the request ends when this is dropped"]
pub struct Request<'a> {
    visit: &'a Visit,
    lane: Lane,
}

impl Drop for Request<'_> {
    fn drop(&mut self) {
        self.visit.end(self.lane);
        match self.visit.stage.get() {
            Stage::Guarded(alive) if alive > 1 => self.visit.stage.set(Stage::Guarded(alive - 1)),
            _ => {
                self.visit.since.set(slots::now());
                self.visit.stage.set(Stage::Idle);
            }
        }
    }
}
