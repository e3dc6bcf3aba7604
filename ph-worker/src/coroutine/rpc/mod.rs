//! `worker_class = rpc`: msgpack-RPC, with a coroutine for each connection and none for its calls.
//!
//! A handler that is ready at once is called where its message lies, and costs neither a task nor memory; one that
//! waits is polled by its connection's coroutine. Nothing is read from a connection that has as many calls under way,
//! or as many answers to read, as it may ([`ph_rpc::Bounds`]). Methods that may block run on [threads](threads).

mod calls;
mod counts;
mod link;
mod room;
mod threads;

use std::cell::RefCell;
use std::future::poll_fn;
use std::rc::Rc;
use std::sync::Arc;

use ph_core::master::Seat;
use ph_rpc::Service;
use tokio::sync::mpsc::unbounded_channel;

use super::{AsyncConnectionWorker, AsyncStream, accept, run, serve};
use crate::desk::Desk;
use crate::{Context, Error, Next};
use counts::Counts;
use link::Link;
use room::Room;
use threads::Threads;

/// What a service's methods are given, made for each connection, and for each thread that runs methods that
/// [block](Service::blocking): nothing, the worker's [`Context`], or what an application
/// makes of that.
pub trait CallContext: 'static {
    /// For a connection of this worker's.
    fn of(cx: &Context) -> Self;
}

impl CallContext for () {
    fn of(_: &Context) -> Self {}
}

impl CallContext for Context {
    fn of(cx: &Context) -> Self {
        cx.clone()
    }
}

/// What all connections read into. One that waits for its client has no room of its own for what may come.
type Buffer = Rc<RefCell<Vec<u8>>>;

/// Bytes that are read at a time.
const READ: usize = 32 << 10;

/// All connections of a worker have this in common.
struct Server<C> {
    service: Arc<Service<C>>,
    threads: Option<Threads>,
    room: Rc<Room>,
    counts: Rc<Counts>,
    buffer: Buffer,
    desk: Arc<Desk>,
}

impl<C: CallContext> AsyncConnectionWorker for Server<C> {
    async fn handle_request(
        &self,
        stream: AsyncStream,
        cx: Context,
    ) -> Result<Next<AsyncStream>, Error> {
        cx.visit().counts_itself();
        stream.set_nodelay(true)?;
        // Silence is no reason to end a connection, so a client that is gone without a word has to be found otherwise.
        stream.set_keepalive()?;
        let mut link = Link::new(self, stream, &cx);
        poll_fn(|task| link.poll(task)).await?;
        Ok(link.into_next())
    }
}

/// Runs a worker for a service's calls in this process; returns its exit code.
pub fn run_rpc<C: CallContext>(
    seat: Seat,
    construct: impl Fn(&Context) -> Result<Service<C>, Error> + Sync,
) -> u8 {
    let (orders, inbox) = unbounded_channel();
    let build = async |cx: &Context| construct(cx).map(Arc::new);
    let work = async |service: Rc<Arc<Service<C>>>, cx: &Context, desk: &Arc<Desk>| {
        let service = Arc::clone(&service);
        let threads = service.blocks().then(|| Threads::new(&service, cx.post()));
        let room = Rc::new(Room::new(cx.config().max_coroutines as usize));
        let buffer = Rc::new(RefCell::new(vec![0; READ]));
        let counts = Rc::new(Counts::new(cx.post().calls, service.methods()));
        let desk_of_all = Arc::clone(desk);
        let server = Server { service, threads, room, counts, buffer, desk: desk_of_all };
        let server = Rc::new(server);
        // `timeout` limits calls here; clients may be silent for as long as they like.
        serve(&server, cx.post(), desk, inbox, None).await;
    };
    // Calls are limited, and not those who might make some.
    run(seat, usize::MAX, build, work, |cx, desk| accept(cx, desk, orders))
}
