//! `worker_class = thread`: connections or jobs on a pool of threads, each with a worker of its own.

use std::sync::Arc;
use std::sync::mpsc::{Sender, channel};
use std::thread;

use ph_core::master::Seat;

use crate::desk::Desk;
use crate::front;
use crate::job::{self, take_jobs};
use crate::lifecycle::{Frame, sentence};
use crate::queue::{Queue, Start};
use crate::sync::{self, handle};
use crate::{ConnectionWorker, Context, Error, JobWorker, panics};

/// Runs a worker for connections in this process, on `threads` threads; returns its exit code.
pub fn run_threads<W: ConnectionWorker>(
    seat: Seat,
    construct: impl Fn(&Context) -> Result<W, Error> + Sync,
) -> u8 {
    let queue = Queue::default();
    let work = |worker: &mut W, cx: &Context, desk: &Desk| {
        while let Some(accepted) = queue.next() {
            let handled = panics::catch(|| handle(worker, accepted, cx));
            if let Err(panic) = &handled {
                desk.panicked(panic);
            }
            desk.leave();
            if handled.is_err() {
                return;
            }
        }
        worker.stop(cx);
    };
    let front = |cx: &Context, desk: &Desk| {
        let served = front::serve(cx, desk, "thread", |accepted| queue.put(accepted), || {});
        queue.close();
        served.map_err(Into::into)
    };
    run(seat, |cx| sync::build(&construct, cx), work, front)
}

/// Runs a worker for jobs in this process, on `threads` threads; returns its exit code.
pub fn run_job_threads<W: JobWorker>(
    seat: Seat,
    construct: impl Fn(&Context) -> Result<W, Error> + Sync,
) -> u8 {
    let work = |worker: &mut W, cx: &Context, _: &Desk| {
        take_jobs(worker, cx);
        worker.stop(cx);
    };
    let front = |cx: &Context, desk: &Desk| {
        front::wait(cx, desk, "thread");
        Ok(())
    };
    run(seat, |cx| job::build(&construct, cx), work, front)
}

/// Boots the threads, runs `front` in this one, and waits for the others.
fn run<W>(
    seat: Seat,
    build: impl Fn(&Context) -> Result<W, Error> + Sync,
    work: impl Fn(&mut W, &Context, &Desk) + Sync,
    front: impl FnOnce(&Context, &Desk) -> Result<(), Error>,
) -> u8 {
    let frame = Frame::of(seat);
    let post = Arc::clone(frame.context.post());
    let threads = u64::from(post.settings.threads);
    let desk = post.stop.hang_bell().and_then(|()| Desk::new(Arc::clone(&post), threads as usize));
    let desk = match desk {
        Ok(desk) => desk,
        Err(errno) => return frame.cannot_boot(format!("cannot make an eventfd: {errno}")),
    };
    // If one of the threads can't boot, none begins.
    let start = Start::default();
    let live = |number: u64, booted: Sender<Result<(), String>>| {
        let cx = Context::of_another(Arc::clone(&post), number);
        let built = panics::catch(|| build(&cx).map_err(|error| sentence(&*error)));
        let built = built.and_then(|built| built);
        let mut worker = match built {
            Ok(worker) => {
                let _ = booted.send(Ok(()));
                worker
            }
            Err(reason) => {
                let _ = booted.send(Err(reason));
                return;
            }
        };
        drop(booted);
        if start.wait() {
            let worked = panics::catch(|| work(&mut worker, &cx, &desk));
            worked.unwrap_or_else(|panic| desk.panicked(&panic));
        }
        panics::catch(|| drop(worker)).unwrap_or_else(|panic| desk.panicked(&panic));
    };
    let served = thread::scope(|scope| {
        let (booted, boots) = channel();
        for number in 1..=threads {
            let (booted, live) = (booted.clone(), &live);
            let named = thread::Builder::new().name(format!("thread {number}"));
            if let Err(error) = named.spawn_scoped(scope, move || live(number, booted)) {
                start.say(false);
                return Err(frame.cannot_boot(format!("cannot make thread {number}: {error}")));
            }
        }
        drop(booted);
        let ready = boots.iter().collect::<Result<(), String>>().and_then(|()| frame.ready());
        start.say(ready.is_ok());
        ready.map_err(|reason| frame.cannot_boot(reason))?;
        Ok(front(&frame.context, &desk))
    });
    served.map_or_else(|code| code, |served| frame.ended(served, desk.has_panicked()))
}
