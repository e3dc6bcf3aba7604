//! `worker_class = async`: connections or jobs as coroutines of one tokio runtime, made in the child.
//!
//! Two threads: the first accepts and takes signals, as for a pool of threads; the second runs the coroutines, all of
//! them, so that the application needs no locks. The listeners are not in tokio's epoll set: nested in it, they
//! would wake every worker for each connection.

mod leaving;
mod registry;
#[cfg(feature = "rpc")]
mod rpc;
mod stream;

use std::future::Future;
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::mpsc::SyncSender;
use std::task::Poll;
use std::thread;
use std::time::Duration;

use ph_core::master::Seat;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::LocalSet;

use crate::acceptor::Accepted;
use crate::connection::complain;
use crate::desk::Desk;
use crate::front;
use crate::hold::Hold;
use crate::job::{UNLED, pause};
use crate::lifecycle::{Frame, sentence};
use crate::post::Post;
use crate::queue::Start;
use crate::{Context, Error, Next, panics};
use leaving::{Leaver, Leaving};
pub(crate) use registry::Cord;
use registry::Registry;
#[cfg(feature = "rpc")]
pub use rpc::{CallContext, run_rpc};
pub use stream::AsyncStream;

/// A worker for connections, each in a coroutine of its own.
///
/// All of them run in one thread, which the application must not block. The constructor and everything else is
/// called there, inside tokio's runtime.
pub trait AsyncConnectionWorker: 'static {
    /// First thing after the constructor.
    fn setup(&mut self, cx: &Context) -> impl Future<Output = Result<(), Error>> {
        let _ = cx;
        async { Ok(()) }
    }

    /// Last thing before the first connection: the worker counts as ready when this returns.
    fn init_process(&mut self, cx: &Context) -> impl Future<Output = Result<(), Error>> {
        let _ = cx;
        async { Ok(()) }
    }

    /// One connection, from its acceptance until this returns, which closes it. As
    /// [`ConnectionWorker::handle_request`](crate::ConnectionWorker::handle_request).
    fn handle_request(
        &self,
        stream: AsyncStream,
        cx: Context,
    ) -> impl Future<Output = Result<Next<AsyncStream>, Error>>;

    /// Last thing of all, when the worker was asked to leave.
    fn stop(&self, cx: &Context) -> impl Future<Output = ()> {
        let _ = cx;
        async {}
    }
}

/// A worker that finds its own work, `max_coroutines` jobs at a time. As [`AsyncConnectionWorker`] otherwise.
pub trait AsyncJobWorker: 'static {
    /// First thing after the constructor.
    fn setup(&mut self, cx: &Context) -> impl Future<Output = Result<(), Error>> {
        let _ = cx;
        async { Ok(()) }
    }

    /// Last thing before the first job: the worker counts as ready when this returns.
    fn init_process(&mut self, cx: &Context) -> impl Future<Output = Result<(), Error>> {
        let _ = cx;
        async { Ok(()) }
    }

    /// One job. Called again as soon as it returns. Errors are logged, and those in a row spaced out.
    fn handle_request(&self, cx: Context) -> impl Future<Output = Result<(), Error>>;

    /// Last thing of all, when the worker was asked to leave.
    fn stop(&self, cx: &Context) -> impl Future<Output = ()> {
        let _ = cx;
        async {}
    }
}

/// What the first thread tells the one that runs the coroutines.
enum Order {
    Serve(Accepted),
    /// The worker was asked to leave: clients that are between two requests go.
    Drain,
}

/// Runs a worker for connections in this process, as coroutines; returns its exit code.
pub fn run_async<W: AsyncConnectionWorker>(
    seat: Seat,
    construct: impl Fn(&Context) -> Result<W, Error> + Sync,
) -> u8 {
    let (orders, inbox) = unbounded_channel();
    let build = async |cx: &Context| {
        let mut worker = construct(cx)?;
        worker.setup(cx).await?;
        worker.init_process(cx).await?;
        Ok(worker)
    };
    let work = async |worker: Rc<W>, cx: &Context, desk: &Arc<Desk>| {
        serve(&worker, cx.post(), desk, inbox, cx.config().timeout).await;
        worker.stop(cx).await;
    };
    let most = seat.settings.max_coroutines as usize;
    run(seat, most, build, work, |cx, desk| accept(cx, desk, orders))
}

/// Runs a worker for jobs in this process, as coroutines; returns its exit code.
pub fn run_job_async<W: AsyncJobWorker>(
    seat: Seat,
    construct: impl Fn(&Context) -> Result<W, Error> + Sync,
) -> u8 {
    let build = async |cx: &Context| {
        let mut worker = construct(cx)?;
        worker.setup(cx).await?;
        worker.init_process(cx).await?;
        Ok(worker)
    };
    let work = async |worker: Rc<W>, cx: &Context, desk: &Arc<Desk>| {
        let coroutines = u64::from(cx.config().max_coroutines);
        let jobs: Vec<_> = (1..=coroutines)
            .map(|number| {
                let (worker, desk) = (Rc::clone(&worker), Arc::clone(desk));
                let cx = Context::of_another(Arc::clone(cx.post()), number);
                tokio::task::spawn_local(async move { take_jobs(&*worker, &cx, &desk).await })
            })
            .collect();
        for job in jobs {
            let _ = job.await;
        }
        worker.stop(cx).await;
    };
    let most = seat.settings.max_coroutines as usize;
    run(seat, most, build, work, |cx, desk| {
        front::wait(cx, desk, "coroutine");
        Ok(())
    })
}

/// What the first thread does: it accepts, and hands over.
fn accept(cx: &Context, desk: &Desk, orders: UnboundedSender<Order>) -> Result<(), Error> {
    let hand_over = |accepted| {
        // The other end is gone only after a panic, which ends the worker.
        let _ = orders.send(Order::Serve(accepted));
    };
    let drain = || {
        let _ = orders.send(Order::Drain);
    };
    let served = front::serve(cx, desk, "coroutine", hand_over, drain);
    // There are no more of them.
    drop(orders);
    served.map_err(Into::into)
}

/// Boots the second thread, runs `front` in this one, and waits for the other. No more than `most` are in hand.
fn run<W>(
    seat: Seat,
    most: usize,
    build: impl AsyncFn(&Context) -> Result<W, Error> + Sync,
    work: impl AsyncFnOnce(Rc<W>, &Context, &Arc<Desk>) + Send,
    front: impl FnOnce(&Context, &Desk) -> Result<(), Error>,
) -> u8 {
    let frame = Frame::of(seat);
    let post = Arc::clone(frame.context.post());
    let desk = post.stop.hang_bell().and_then(|()| Desk::new(Arc::clone(&post), most));
    let desk = match desk {
        Ok(desk) => Arc::new(desk),
        Err(errno) => return frame.cannot_boot(format!("cannot make an eventfd: {errno}")),
    };
    let start = Start::default();
    let life = |booted: SyncSender<Result<(), String>>| {
        let lived = panics::catch(|| {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            let runtime = runtime.map_err(|error| format!("cannot start tokio: {error}"))?;
            let cx = Context::of_another(Arc::clone(&post), 0);
            let coroutines = LocalSet::new();
            coroutines.block_on(&runtime, async {
                let worker = build(&cx).await.map_err(|error| sentence(&*error))?;
                let _ = booted.send(Ok(()));
                // A thread that waits for its master to lead has nothing else to do.
                if !start.wait() {
                    return Ok(());
                }
                work(Rc::new(worker), &cx, &desk).await;
                Ok::<(), String>(())
            })
        });
        match lived {
            Ok(Ok(())) => {}
            // If the boot is over, nobody listens any more.
            Ok(Err(reason)) => drop(booted.send(Err(reason))),
            Err(panic) => {
                let _ = booted.send(Err(panic.clone()));
                desk.panicked(&panic);
            }
        }
    };
    let served = thread::scope(|scope| {
        let (booted, boot) = std::sync::mpsc::sync_channel(2);
        let named = thread::Builder::new().name("coroutines".to_owned());
        if let Err(error) = named.spawn_scoped(scope, || life(booted)) {
            return Err(frame.cannot_boot(format!("cannot make a thread: {error}")));
        }
        let booted = boot.recv().unwrap_or_else(|_| Err("its thread ended".to_owned()));
        let ready = booted.and_then(|()| frame.ready());
        start.say(ready.is_ok());
        ready.map_err(|reason| frame.cannot_boot(reason))?;
        Ok(front(&frame.context, &desk))
    });
    served.map_or_else(|code| code, |served| frame.ended(served, desk.has_panicked()))
}

/// Runs a coroutine for each connection that comes, until the first thread has no more of them. Clients may be silent for so
/// long.
async fn serve<W: AsyncConnectionWorker>(
    worker: &Rc<W>,
    post: &Arc<Post>,
    desk: &Arc<Desk>,
    mut inbox: UnboundedReceiver<Order>,
    silence: Option<Duration>,
) {
    let (registry, leaving) = (Rc::new(Registry::default()), Rc::new(Leaving::default()));
    if let Some(limit) = silence {
        let registry = Rc::clone(&registry);
        tokio::task::spawn_local(async move { registry.cut_the_silent(limit).await });
    }
    let mut number = 0;
    while let Some(order) = inbox.recv().await {
        match order {
            Order::Serve(accepted) => {
                number += 1;
                let (worker, desk) = (Rc::clone(worker), Arc::clone(desk));
                let cx = Context::of_another(Arc::clone(post), number);
                let (registry, leaving) = (Rc::clone(&registry), Rc::clone(&leaving));
                tokio::task::spawn_local(async move {
                    let (socket, unread, hold) = accepted.open(&cx);
                    let entry = registry.enter(&cx);
                    let handled = match AsyncStream::new(socket, unread, &cx) {
                        Ok(stream) => caught(worker.handle_request(stream, cx.clone())).await,
                        Err(error) => Ok(Err(error.into())),
                    };
                    cx.visit().close();
                    match handled {
                        Ok(Ok(Next::Close)) => {}
                        Ok(Ok(Next::HandOff(stream))) => {
                            return leaving.leave(Leaver { stream, hold, entry, desk }).await;
                        }
                        Ok(Err(error)) => complain(&error),
                        Err(panic) => desk.panicked(&panic),
                    }
                    drop((entry, hold));
                    desk.leave();
                });
            }
            Order::Drain => {
                let grace = crate::stream::grace(post, None).max(Duration::from_millis(10));
                let registry = Rc::clone(&registry);
                tokio::task::spawn_local(async move {
                    registry.wake_all();
                    // Again and again: there may be some from the queue.
                    loop {
                        tokio::time::sleep(grace).await;
                        registry.cut_all();
                    }
                });
            }
        }
    }
}

/// One job after the other, until the worker is asked to leave.
async fn take_jobs<W: AsyncJobWorker>(worker: &W, cx: &Context, desk: &Desk) {
    let share = &cx.post().share;
    let mut errors = 0;
    while !cx.is_stopping() {
        if !cx.leading() {
            let _ = tokio::time::timeout(UNLED, cx.stopped()).await;
            continue;
        }
        if share.is_done(cx.requests()) {
            let patience = cx.config().boot_timeout.unwrap_or(Duration::from_secs(30));
            if tokio::time::timeout(patience, cx.stopped()).await.is_err() {
                share.renew(cx.requests());
            }
            continue;
        }
        let Some(_hold) = Hold::of_job(cx.post()) else {
            cx.stopped().await;
            continue;
        };
        cx.visit().open_whole();
        let done = caught(worker.handle_request(cx.clone())).await;
        cx.visit().close();
        match done {
            Ok(Ok(())) => errors = 0,
            Ok(Err(error)) => {
                tracing::error!(error = %sentence(&*error), "job failed");
                let _ = tokio::time::timeout(pause(errors), cx.stopped()).await;
                errors += 1;
            }
            Err(panic) => return desk.panicked(&panic),
        }
        // A job that never waits must not keep the others from it.
        tokio::task::yield_now().await;
    }
}

/// A coroutine of the application, whose panic comes back as a sentence.
async fn caught<T>(coroutine: impl Future<Output = T>) -> Result<T, String> {
    let mut coroutine = pin!(coroutine);
    std::future::poll_fn(|cx| match panics::catch(|| coroutine.as_mut().poll(cx)) {
        Ok(Poll::Ready(done)) => Poll::Ready(Ok(done)),
        Ok(Poll::Pending) => Poll::Pending,
        Err(panic) => Poll::Ready(Err(panic)),
    })
    .await
}
