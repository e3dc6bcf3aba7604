//! Where the two threads that may block find their work, and leave what came of it.

use std::os::fd::{AsFd, BorrowedFd};
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use nix::sys::eventfd::{EfdFlags, EventFd};

use super::CampaignError;
use crate::election::Input;
use crate::store::{Request, Store, Watch};

/// How long a watch is trusted to be alive.
const WATCH: Duration = Duration::from_secs(5);
/// Between two tries to watch.
const BACKOFF: Duration = Duration::from_secs(1);

/// The campaign's end of it. Closed when dropped: the threads end when they are done with what they are at.
#[derive(Debug)]
pub(super) struct Desk(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    work: Mutex<Work>,
    changed: Condvar,
    bell: EventFd,
}

#[derive(Debug, Default)]
struct Work {
    is_closed: bool,
    /// Only the latest request is of interest.
    request: Option<(u64, Request, Duration)>,
    /// The revision after which to watch.
    watch: Option<u64>,
}

impl AsFd for Desk {
    /// Readable once it has rung.
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.bell.as_fd()
    }
}

impl Desk {
    /// Starts the threads; what comes of their work is received.
    pub(super) fn open(store: impl Store) -> Result<(Self, Receiver<Input>), CampaignError> {
        let flags = EfdFlags::EFD_CLOEXEC | EfdFlags::EFD_NONBLOCK;
        let bell = EventFd::from_flags(flags).map_err(CampaignError::from("make an eventfd"))?;
        let shared = Arc::new(Shared { work: Mutex::default(), changed: Condvar::new(), bell });
        let (sender, receiver) = mpsc::channel();
        let desk = Self(Arc::clone(&shared));
        let watcher = store.watcher();
        let (there, to) = (Arc::clone(&shared), sender.clone());
        spawn("ph-leader watch", move || there.watch_for(watcher, &to))?;
        spawn("ph-leader ask", move || shared.ask_for(store, &sender))?;
        Ok((desk, receiver))
    }

    pub(super) fn ask(&self, id: u64, request: Request, within: Duration) {
        self.0.lock().request = Some((id, request, within));
        self.0.changed.notify_all();
    }

    pub(super) fn watch(&self, after: Option<u64>) {
        self.0.lock().watch = after;
        self.0.changed.notify_all();
    }

    pub(super) fn ring(&self) {
        self.0.ring();
    }

    pub(super) fn hush(&self) {
        // An error is that it has not rung.
        let _ = self.0.bell.read();
    }
}

impl Drop for Desk {
    fn drop(&mut self) {
        self.0.lock().is_closed = true;
        self.0.changed.notify_all();
    }
}

fn spawn(name: &str, work: impl FnOnce() + Send + 'static) -> Result<(), CampaignError> {
    let thread = std::thread::Builder::new().name(name.to_owned()).spawn(work);
    thread.map(drop).map_err(CampaignError::from("start a thread"))
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Work> {
        self.work.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn ring(&self) {
        // It fails only when it has rung 2^64 times already.
        let _ = self.bell.write(1);
    }

    fn send(&self, to: &Sender<Input>, input: Input) {
        // Nobody hears it when the desk is closed, which is seen next.
        let _ = to.send(input);
        self.ring();
    }

    /// Waits until there is something to do; None when there never will be.
    fn until<T>(&self, mut find: impl FnMut(&mut Work) -> Option<T>) -> Option<T> {
        let mut work = self.lock();
        loop {
            if work.is_closed {
                return None;
            }
            if let Some(found) = find(&mut work) {
                return Some(found);
            }
            work = self.changed.wait(work).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn ask_for(&self, mut store: impl Store, to: &Sender<Input>) {
        while let Some((id, request, within)) = self.until(|work| work.request.take()) {
            let reply = store.perform(&request, within);
            self.send(to, Input::Reply(id, reply));
        }
    }

    fn watch_for(&self, mut watcher: Box<dyn Watch>, to: &Sender<Input>) {
        while let Some(revision) = self.until(|work| work.watch) {
            match watcher.wait(revision, WATCH) {
                Ok(false) => {}
                Ok(true) => {
                    // The next is another's, after the change has been looked at.
                    self.lock().watch.take_if(|watched| *watched == revision);
                    self.send(to, Input::Changed);
                }
                // Who can't watch still looks from time to time, and complains when that fails too.
                Err(_) => self.pause(),
            }
        }
    }

    fn pause(&self) {
        let work = self.lock();
        let idle = |work: &mut Work| !work.is_closed;
        drop(self.changed.wait_timeout_while(work, BACKOFF, idle));
    }
}
