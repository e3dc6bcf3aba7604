//! What a service calls: functions of many shapes behind one.
//!
//! A function's own types say how its arguments are read, so each shape is an implementation of [`Handler`],
//! told from the others by a marker type that only the compiler fills in.
//!
//! A function that takes `Str<'_>` takes it with every lifetime, and may return what borrows from it. That can't
//! be said of one type `A`, so each implementation says two things of a function: that it takes `A`, by which the
//! compiler finds out what `A` is; and that it takes `A::Of<'a>` for each `'a`, by which it is called.

use std::future::Future;
use std::marker::PhantomData;

use serde::Serialize;

use super::argument::{Argument, Arity, BadArgument};
use super::pending::Spare;
use super::reply::{Outcome, Reply};
use super::ticket::Ticket;
use crate::error::RpcError;
use crate::params::Params;

/// One call, on its way into a handler.
#[derive(Debug)]
pub struct Invocation<'a, 'o> {
    pub(crate) ticket: Ticket,
    pub(crate) params: Params<'a>,
    pub(crate) reply: Reply<'o>,
}

/// What has become of a call when its handler returns.
pub enum Flow {
    /// The answer is written.
    Done(Outcome),
    /// The handler was not called: it can't take this argument, counted from 1.
    Refused(u32, BadArgument),
    /// The answer comes from here.
    Pending(super::pending::Work),
    /// Whoever has the ticket answers.
    Later,
}

/// A function that a method can be: of up to ten [arguments](Argument), with a result that serde can
/// serialize.
///
/// `M` is the compiler's business: it tells the shapes of functions apart.
#[diagnostic::on_unimplemented(
    message = "`{Self}` can't be a method of this kind",
    note = "a method is a function of up to ten arguments that returns `Result<T, RpcError>`, where `T: Serialize`",
    note = "arguments own what they hold, or are `Str<'_>`, `Bytes<'_>`, `Raw<'_>`; only a `fn` can return what borrows from them"
)]
pub trait Handler<C, M>: Send + Sync + 'static {
    /// What it keeps from call to call.
    #[doc(hidden)]
    type State: Default + Send + Sync + 'static;
    /// How many arguments it takes.
    #[doc(hidden)]
    const ARITY: Arity;

    /// Reads the arguments, calls the function, writes the answer.
    #[doc(hidden)]
    fn run(&self, state: &Self::State, cx: &mut C, call: Invocation<'_, '_>) -> Flow;
}

/// `Fn(A, B, …) -> Out`, with the arguments as one type and the result by name.
pub trait Apply<Arguments> {
    /// The result.
    type Out;

    /// Calls the function.
    fn apply(&self, arguments: Arguments) -> Self::Out;
}

/// A result that can be written.
pub trait Answer {
    /// Writes it.
    fn write(self, reply: Reply<'_>) -> Outcome;
}

impl<T: Serialize> Answer for Result<T, RpcError> {
    #[inline]
    fn write(self, reply: Reply<'_>) -> Outcome {
        reply.write(&self)
    }
}

/// Marks a function of the arguments alone.
#[derive(Debug)]
pub struct Plain<M>(PhantomData<M>);
/// Marks a function of the context and the arguments.
#[derive(Debug)]
pub struct With<M>(PhantomData<M>);
/// Marks a function of the arguments that returns a future.
#[derive(Debug)]
pub struct Async<M>(PhantomData<M>);
/// Marks a function of the context and the arguments that returns a future.
#[derive(Debug)]
pub struct AsyncWith<M>(PhantomData<M>);
/// Marks a function of the context, the ticket and the arguments, that answers later.
#[derive(Debug)]
pub struct Deferred<M>(PhantomData<M>);

/// Takes one argument after the other, counting for the sentence about a bad one.
struct Taking<'a> {
    params: Params<'a>,
    position: u32,
}

impl<'a> Taking<'a> {
    #[inline]
    fn take<A: Argument>(&mut self) -> Result<A::Of<'a>, Flow> {
        self.position += 1;
        A::take(&mut self.params).map_err(|error| Flow::Refused(self.position, error))
    }
}

/// `$result`, with each argument in a variable of its type's name; or the reason why it is not there.
macro_rules! taking {
    ($params:expr, ($($A:ident)*), $result:expr) => {{
        #[allow(unused_mut, unused_variables, reason = "there may be no argument")]
        let mut taking = Taking { params: $params, position: 0 };
        $(
            #[allow(non_snake_case, reason = "the type's name is the only one there is")]
            let $A = match taking.take::<$A>() {
                Ok(argument) => argument,
                Err(refused) => return refused,
            };
        )*
        $result
    }};
}

macro_rules! apply {
    ($($A:ident)*) => {
        impl<Func, Out, $($A),*> Apply<($($A,)*)> for Func
        where
            Func: Fn($($A),*) -> Out,
        {
            type Out = Out;

            #[inline]
            #[allow(non_snake_case, reason = "the type's name is the only one there is")]
            fn apply(&self, ($($A,)*): ($($A,)*)) -> Out {
                self($($A),*)
            }
        }
    };
}

macro_rules! handler {
    ($($A:ident)*) => {
        impl<C, Func, R, $($A),*> Handler<C, Plain<(R, $($A,)*)>> for Func
        where
            Func: Fn($($A),*) -> Result<R, RpcError> + Send + Sync + 'static,
            $($A: Argument,)*
            for<'a> Func: Apply<($($A::Of<'a>,)*)>,
            for<'a> <Func as Apply<($($A::Of<'a>,)*)>>::Out: Answer,
        {
            type State = ();
            const ARITY: Arity = Arity::NONE$(.and($A::ARITY))*;

            #[inline]
            fn run(&self, (): &(), _: &mut C, call: Invocation<'_, '_>) -> Flow {
                let answer = taking!(call.params, ($($A)*), self.apply(($($A,)*)));
                Flow::Done(answer.write(call.reply))
            }
        }

        impl<C, Func, R, $($A),*> Handler<C, With<(R, $($A,)*)>> for Func
        where
            C: 'static,
            Func: Fn(&mut C, $($A),*) -> Result<R, RpcError> + Send + Sync + 'static,
            $($A: Argument,)*
            for<'c, 'a> Func: Apply<(&'c mut C, $($A::Of<'a>,)*)>,
            for<'c, 'a> <Func as Apply<(&'c mut C, $($A::Of<'a>,)*)>>::Out: Answer,
        {
            type State = ();
            const ARITY: Arity = Arity::NONE$(.and($A::ARITY))*;

            #[inline]
            fn run(&self, (): &(), cx: &mut C, call: Invocation<'_, '_>) -> Flow {
                let answer = taking!(call.params, ($($A)*), self.apply((cx, $($A,)*)));
                Flow::Done(answer.write(call.reply))
            }
        }

        impl<C, Func, Fut, R, $($A),*> Handler<C, Async<(Fut, R, $($A,)*)>> for Func
        where
            Func: Fn($($A),*) -> Fut + Send + Sync + 'static,
            Fut: Future<Output = Result<R, RpcError>> + Send + 'static,
            R: Serialize + 'static,
            $($A: for<'a> Argument<Of<'a> = $A>,)*
        {
            type State = Spare<Fut>;
            const ARITY: Arity = Arity::NONE$(.and($A::ARITY))*;

            fn run(&self, spare: &Spare<Fut>, _: &mut C, call: Invocation<'_, '_>) -> Flow {
                let future = taking!(call.params, ($($A)*), self($($A),*));
                spare.begin(future, call.reply)
            }
        }

        impl<C, Func, Fut, R, $($A),*> Handler<C, AsyncWith<(Fut, R, $($A,)*)>> for Func
        where
            C: 'static,
            Func: Fn(&mut C, $($A),*) -> Fut + Send + Sync + 'static,
            Fut: Future<Output = Result<R, RpcError>> + Send + 'static,
            R: Serialize + 'static,
            $($A: for<'a> Argument<Of<'a> = $A>,)*
        {
            type State = Spare<Fut>;
            const ARITY: Arity = Arity::NONE$(.and($A::ARITY))*;

            fn run(&self, spare: &Spare<Fut>, cx: &mut C, call: Invocation<'_, '_>) -> Flow {
                let future = taking!(call.params, ($($A)*), self(cx, $($A),*));
                spare.begin(future, call.reply)
            }
        }

        impl<C, Func, $($A),*> Handler<C, Deferred<($($A,)*)>> for Func
        where
            C: 'static,
            Func: Fn(&mut C, Ticket, $($A),*) -> Result<(), RpcError> + Send + Sync + 'static,
            $($A: Argument,)*
            for<'c, 'a> Func: Fn(&'c mut C, Ticket, $($A::Of<'a>),*) -> Result<(), RpcError>,
        {
            type State = ();
            const ARITY: Arity = Arity::NONE$(.and($A::ARITY))*;

            fn run(&self, (): &(), cx: &mut C, call: Invocation<'_, '_>) -> Flow {
                match taking!(call.params, ($($A)*), self(cx, call.ticket, $($A),*)) {
                    Ok(()) => Flow::Later,
                    Err(error) => Flow::Done(call.reply.error(&error)),
                }
            }
        }
    };
}

/// One macro for the first letter, the first two, and so on.
macro_rules! for_each_arity {
    ($macro:ident: $($done:ident)* ;) => { $macro! { $($done)* } };
    ($macro:ident: $($done:ident)* ; $next:ident $($more:ident)*) => {
        $macro! { $($done)* }
        for_each_arity! { $macro: $($done)* $next ; $($more)* }
    };
}

// The context comes before the arguments.
for_each_arity! { apply: ; X A1 A2 A3 A4 A5 A6 A7 A8 A9 A10 }
for_each_arity! { handler: ; A1 A2 A3 A4 A5 A6 A7 A8 A9 A10 }
