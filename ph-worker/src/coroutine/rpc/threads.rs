//! Threads for calls that block: `threads` of them at most, made when there is something to do.
//!
//! A call that is given up (at `timeout`, or because its client has gone) can't be stopped: its thread is *lost* until the handler
//! returns, and another takes its place. So one handler that hangs is no reason to keep the others waiting; only so many of
//! them are borne with, and then calls wait, and time out, for want of a thread.

use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::task::{Context as Task, Poll};
use std::thread;

use ph_rpc::{OwnedCall, Ran, Service};
use tokio::sync::oneshot;

use super::CallContext;
use crate::post::Post;
use crate::{Context, panics};

/// Lost threads that are borne with, for each of `threads`.
const PATIENCE: usize = 4;

/// What has become of a call; or the panic that its handler ended in.
type Ended = Result<Ran, String>;

/// Runs calls with what a thread of its own has.
type Runner = Box<dyn FnMut(&OwnedCall) -> Ran>;

/// The threads, and what waits for one. Threads go on as long as the worker lives.
#[derive(Clone)]
pub(super) struct Threads(Arc<Shared>);

struct Shared {
    most: usize,
    /// Makes a runner, in the thread that is to have it.
    hire: Box<dyn Fn() -> Runner + Send + Sync>,
    state: Mutex<State>,
    come: Condvar,
}

#[derive(Default)]
struct State {
    queue: VecDeque<Job>,
    /// Threads that wait for a job.
    idle: usize,
    /// Threads that wait or work, the lost ones left out.
    crew: usize,
    lost: usize,
}

struct Job {
    call: OwnedCall,
    answer: oneshot::Sender<Ended>,
    stage: Arc<Mutex<Stage>>,
}

/// Where a job is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    Queued,
    Running,
    /// Its answer is there, or nobody waits for it any more.
    Over,
}

impl Threads {
    /// For a worker's service: none yet. Each thread has a context of its own.
    pub(super) fn new<C: CallContext>(service: &Arc<Service<C>>, post: &Arc<Post>) -> Self {
        let (service, post) = (Arc::clone(service), Arc::clone(post));
        let most = post.settings.threads as usize;
        let hire = Box::new(move || {
            let service = Arc::clone(&service);
            let mut given = C::of(&Context::of_another(Arc::clone(&post), 0));
            Box::new(move |call: &OwnedCall| service.run(call, &mut given)) as Runner
        });
        let (state, come) = (Mutex::default(), Condvar::new());
        Self(Arc::new(Shared { most, hire, state, come }))
    }

    /// Has a thread run it.
    pub(super) fn run(&self, call: OwnedCall) -> Errand {
        let (answer, ended) = oneshot::channel();
        let stage = Arc::new(Mutex::new(Stage::Queued));
        let mut state = self.0.lock();
        state.queue.push_back(Job { call, answer, stage: Arc::clone(&stage) });
        self.0.see_to_it(state);
        Errand { ended, stage, threads: self.clone() }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Somebody does what waits, if there may be anybody more.
    fn see_to_it(self: &Arc<Self>, mut state: MutexGuard<'_, State>) {
        if state.idle > 0 {
            drop(state);
            return self.come.notify_one();
        }
        let borne = state.lost <= PATIENCE * self.most;
        if state.queue.is_empty() || state.crew == self.most || !borne {
            return;
        }
        state.crew += 1;
        drop(state);
        let shared = Arc::clone(self);
        let named = thread::Builder::new().name("calls".to_owned());
        if let Err(error) = named.spawn(move || shared.work()) {
            // Those that there are take it, or it times out.
            tracing::error!(%error, "cannot make a thread for calls");
            self.lock().crew -= 1;
        }
    }

    /// A thread's life.
    fn work(&self) {
        let mut runner = None;
        loop {
            let mut state = self.lock();
            let Job { call, answer, stage } = loop {
                if let Some(job) = state.queue.pop_front() {
                    break job;
                }
                state.idle += 1;
                state = self.come.wait(state).unwrap_or_else(PoisonError::into_inner);
                state.idle -= 1;
            };
            drop(state);
            if !advance(&stage, Stage::Queued, Stage::Running) {
                continue;
            }
            let ran = panics::catch(|| runner.get_or_insert_with(|| (self.hire)())(&call));
            if ran.is_err() {
                // What the panic left of it is no good for another call.
                runner = None;
            }
            if advance(&stage, Stage::Running, Stage::Over) {
                let _ = answer.send(ran);
            } else if !self.is_welcome_back() {
                return;
            }
        }
    }

    /// A lost thread is there again; whether there is a place for it.
    fn is_welcome_back(&self) -> bool {
        let mut state = self.lock();
        state.lost -= 1;
        let place = state.crew < self.most;
        state.crew += usize::from(place);
        place
    }
}

/// From one stage to the next; false if it is somewhere else by now.
fn advance(stage: &Mutex<Stage>, from: Stage, to: Stage) -> bool {
    let mut stage = stage.lock().unwrap_or_else(PoisonError::into_inner);
    let there = *stage == from;
    if there {
        *stage = to;
    }
    there
}

/// A call that a thread runs: a future of what becomes of it. Dropped, it is given up.
pub(super) struct Errand {
    ended: oneshot::Receiver<Ended>,
    stage: Arc<Mutex<Stage>>,
    threads: Threads,
}

impl Future for Errand {
    type Output = Ended;

    fn poll(mut self: Pin<&mut Self>, task: &mut Task<'_>) -> Poll<Ended> {
        let gone = || Err("was given up by its thread".to_owned());
        Pin::new(&mut self.ended).poll(task).map(|ended| ended.unwrap_or_else(|_| gone()))
    }
}

impl Drop for Errand {
    fn drop(&mut self) {
        if advance(&self.stage, Stage::Queued, Stage::Over) {
            let is_over = |job: &Job| Arc::ptr_eq(&job.stage, &self.stage);
            self.threads.0.lock().queue.retain(|job| !is_over(job));
        } else if advance(&self.stage, Stage::Running, Stage::Over) {
            let mut state = self.threads.0.lock();
            state.lost += 1;
            state.crew -= 1;
            self.threads.0.see_to_it(state);
        }
    }
}
