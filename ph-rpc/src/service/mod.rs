//! A service: methods by name, each a function with typed arguments.

mod argument;
mod dispatch;
mod driver;
mod handler;
mod names;
mod pending;
mod reply;
mod ticket;

use std::fmt;

use serde::Serialize;

pub use argument::{Argument, Arity, BadArgument, Bytes, Optional, Raw, Rest, Str};
#[cfg(feature = "zlib")]
pub(crate) use dispatch::COMPRESS;
pub use dispatch::{OwnedCall, Progress, Ran};
pub use driver::Driver;
pub use handler::{Async, AsyncWith, Deferred, Handler, Plain, With};
pub use pending::{Answer, Pending};
pub use reply::Outcome;
pub(crate) use reply::{Reply, pack};
pub use ticket::Ticket;

use crate::error::RpcError;
use crate::params::Params;
use handler::{Flow, Invocation};
use names::Names;

/// What calls are dispatched to: functions by name.
///
/// A method takes up to ten arguments of any type that serde can deserialize, and returns a result of any type that
/// it can serialize. Structs are maps; `Vec<u8>` is bin, and is read from an array of numbers as well.
///
/// ```
/// use ph_rpc::{RpcError, Service, Str};
///
/// /// Without a copy: what it takes and returns lies in the buffer that was read into.
/// fn echo(text: Str<'_>) -> Result<Str<'_>, RpcError> {
///     Ok(text)
/// }
///
/// let service = Service::new()
///     .method("add", |a: i64, b: i64| Ok(a + b))
///     .doc("The sum of two numbers.")
///     .method("echo", echo);
/// assert_eq!(service.methods().count(), 2);
/// ```
///
/// `C` is a context, handed through from the one who dispatches to the methods that were added
/// [with](Service::method_with) it. Other shared state is best captured by the functions themselves.
pub struct Service<C = ()> {
    methods: Vec<Method<C>>,
    names: Names,
}

/// What is behind a name.
struct Method<C> {
    info: MethodInfo,
    run: Box<Run<C>>,
    /// Its function may block.
    blocks: bool,
}

type Run<C> = dyn Fn(&mut C, Invocation<'_, '_>) -> Flow + Send + Sync;

/// What a service tells of a method (`rpc.discover`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct MethodInfo {
    /// Its name.
    pub name: String,
    /// How many arguments it takes.
    pub arity: Arity,
    /// What it does, for people; may be empty.
    pub doc: String,
}

impl Service<()> {
    /// A service without methods, whose functions need no context.
    #[must_use]
    pub fn new() -> Self {
        Self::with_context()
    }
}

impl Default for Service<()> {
    fn default() -> Self {
        Self::new()
    }
}

impl<C: 'static> Service<C> {
    /// A service without methods, whose functions may take `&mut C`.
    #[must_use]
    pub fn with_context() -> Self {
        Self { methods: Vec::new(), names: Names::default() }
    }

    /// Adds a method; one of the same name is replaced. A notification of that name calls it as well, and its
    /// result is dropped.
    #[must_use]
    pub fn method<M, H: Handler<C, Plain<M>>>(self, name: &str, handler: H) -> Self {
        self.typed(name, handler)
    }

    /// Adds a method that takes the context first: `|cx: &mut C, a: i64| …`.
    #[must_use]
    pub fn method_with<M, H: Handler<C, With<M>>>(self, name: &str, handler: H) -> Self {
        self.typed(name, handler)
    }

    /// Adds a method that may wait: `|ms: u64| async move { … }`.
    ///
    /// Its arguments own what they hold. Its future is polled once where the call is dispatched. If it is ready then, it has cost what a plain
    /// function does; if not, it goes to [`Driver::pending`].
    #[must_use]
    pub fn method_async<M, H: Handler<C, Async<M>>>(self, name: &str, handler: H) -> Self {
        self.typed(name, handler)
    }

    /// Adds a method that may wait and takes the context first. The future can't borrow the context: the function
    /// takes from it what the future needs.
    #[must_use]
    pub fn method_async_with<M, H: Handler<C, AsyncWith<M>>>(self, name: &str, handler: H) -> Self {
        self.typed(name, handler)
    }

    /// Adds a method that is answered by whoever has the ticket: `|cx: &mut C, ticket: Ticket, a: i64| …`. An error
    /// is an answer at once; else [`Session::answer`](crate::Session::answer) is to follow, even for a notification.
    #[must_use]
    pub fn later<M, H: Handler<C, Deferred<M>>>(self, name: &str, handler: H) -> Self {
        self.typed(name, handler)
    }

    /// Adds a method that reads any arguments itself.
    #[must_use]
    pub fn raw<T, H>(self, name: &str, handler: H) -> Self
    where
        T: Serialize,
        H: Fn(&mut C, Params<'_>) -> Result<T, RpcError> + Send + Sync + 'static,
    {
        let run = move |cx: &mut C, call: Invocation<'_, '_>| {
            Flow::Done(call.reply.write(&handler(cx, call.params)))
        };
        self.add(name, Arity::ANY, Box::new(run))
    }

    /// Says what the method that was added last does, for `rpc.discover`.
    #[must_use]
    pub fn doc(mut self, doc: &str) -> Self {
        if let Some(method) = self.methods.last_mut() {
            doc.clone_into(&mut method.info.doc);
        }
        self
    }

    /// Says that the method that was added last may block: a loop with threads for that has one of them run its calls
    /// ([`Driver::offload`]), any other runs them on the spot. A future is made there, and polled where all are.
    #[must_use]
    pub fn blocking(mut self) -> Self {
        if let Some(method) = self.methods.last_mut() {
            method.blocks = true;
        }
        self
    }

    /// Says the same of all methods that were added so far.
    #[must_use]
    pub fn on_threads(mut self) -> Self {
        self.methods.iter_mut().for_each(|method| method.blocks = true);
        self
    }

    /// Whether any method may [block](Service::blocking).
    #[must_use]
    pub fn blocks(&self) -> bool {
        self.methods.iter().any(|method| method.blocks)
    }

    /// The methods, in the order in which they were added; [`Ticket::method`] counts them so.
    pub fn methods(&self) -> impl ExactSizeIterator<Item = &MethodInfo> {
        self.methods.iter().map(|method| &method.info)
    }

    fn typed<M, H: Handler<C, M>>(self, name: &str, handler: H) -> Self {
        let state = H::State::default();
        let run = move |cx: &mut C, call: Invocation<'_, '_>| handler.run(&state, cx, call);
        self.add(name, H::ARITY, Box::new(run))
    }

    fn add(mut self, name: &str, arity: Arity, run: Box<Run<C>>) -> Self {
        self.methods.retain(|method| method.info.name != name);
        let info = MethodInfo { name: name.to_owned(), arity, doc: String::new() };
        self.methods.push(Method { info, run, blocks: false });
        self.names = Names::of(self.methods().map(|method| method.name.as_str()));
        self
    }
}

impl<C: 'static> fmt::Debug for Service<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.methods()).finish()
    }
}
