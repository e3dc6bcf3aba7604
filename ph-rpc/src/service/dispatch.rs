//! From the bytes of a session to handlers, and from their results to its bytes.

use super::handler::{Flow, Invocation};
use super::pending::{Answer, Pending};
use super::reply::{Outcome, Reply, invalid};
use super::{Driver, Method, Service, Ticket};
use crate::codec::CodecError;
use crate::error::{RpcError, code};
use crate::frame::Frame;
use crate::params::Params;
use crate::session::{Bounds, Outbox, Session};

/// What every service has, unless it has one of its own by that name.
const DISCOVER: &[u8] = b"rpc.discover";
/// What a client calls that wants payloads compressed, where the session allows it.
pub(crate) const COMPRESS: &str = "rpc.compress";
/// Names of methods in an error, in bytes, at most.
const NAMES: usize = 400;
/// A name in an error, in characters, at most.
const NAME: usize = 60;

/// What is wrong with an argument, in characters, at most.
const WHY: usize = 300;

/// Why [`Service::dispatch`] has returned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// All that came is dispatched, but for the beginning of a message perhaps: read on.
    Hungry,
    /// The session or the driver can take no more at present: dispatch again when something is answered or sent.
    Full,
}

/// A call that owns its bytes, to be run on another thread.
#[derive(Debug)]
pub struct OwnedCall {
    ticket: Ticket,
    params: Vec<u8>,
    count: usize,
}

impl OwnedCall {
    fn of(ticket: Ticket, params: &Params<'_>) -> Self {
        Self { ticket, params: params.as_bytes().to_vec(), count: params.len() }
    }

    /// Which call it is.
    #[must_use]
    pub fn ticket(&self) -> Ticket {
        self.ticket
    }
}

/// What has become of an [`OwnedCall`].
#[derive(Debug)]
pub enum Ran {
    /// It has an answer, for [`Session::push`].
    Answer(Answer),
    /// Its handler waits.
    Pending(Pending),
    /// It was left for [later](Service::later), for [`Session::answer`].
    Later(Ticket),
}

/// What one message is.
enum Step<'a, C> {
    Call {
        method: &'a Method<C>,
        ticket: Ticket,
        params: Params<'a>,
    },
    /// Refused; where an answer was due, it is written.
    Refused(i64),
    /// Nothing to do, or done.
    Nothing,
    /// There is no whole message.
    Hungry,
}

impl<C: 'static> Service<C> {
    /// Calls the methods that were asked for, and writes the answers of those that need not wait. Nothing is
    /// read or written but the session.
    ///
    /// # Errors
    ///
    /// The client sent what is not the protocol: [send](Session::output) what is to be sent, and close the
    /// connection. What is no message, but msgpack, is answered where that can be, and is no error.
    pub fn dispatch<D: Driver>(
        &self,
        session: &mut Session,
        cx: &mut C,
        driver: &mut D,
    ) -> Result<Progress, CodecError> {
        loop {
            if !session.wants_input() || !driver.has_room() {
                return Ok(Progress::Full);
            }
            let Session { decoder, unpacked, outbox, refusal, in_flight, may_pack, bounds } =
                &mut *session;
            let frame = decoder.next_frame();
            let (method, ticket, params) =
                match self.step(frame, unpacked, outbox, refusal, *may_pack, bounds)? {
                    Step::Call { method, ticket, params } => (method, ticket, params),
                    Step::Refused(code) => {
                        driver.refused(code);
                        continue;
                    }
                    Step::Nothing => continue,
                    Step::Hungry => return Ok(Progress::Hungry),
                };
            // Before the handler, so that a call whose handler panics can be answered like any other.
            *in_flight += 1;
            driver.begun(ticket);
            if method.blocks && driver.offload(|| OwnedCall::of(ticket, &params)) {
                continue;
            }
            let call = Invocation { ticket, params, reply: outbox.begin(ticket.msgid) };
            let flow = (method.run)(cx, call);
            outbox.end();
            match flow {
                Flow::Done(outcome) => {
                    *in_flight -= 1;
                    driver.ended(ticket, outcome);
                }
                Flow::Refused(position, why) => {
                    let error = method.bad_argument(position, &why);
                    let outcome = outbox.reply(ticket.msgid).error(&error);
                    *in_flight -= 1;
                    driver.ended(ticket, outcome);
                }
                Flow::Pending(work) => driver.pending(Pending::new(ticket, work)),
                Flow::Later => {}
            }
        }
    }

    /// Takes the next call out, to run it elsewhere; none if there is no whole message, or no room. It is in
    /// flight until its answer is [pushed](Session::push).
    ///
    /// # Errors
    ///
    /// As [`Service::dispatch`].
    pub fn take_call<D: Driver>(
        &self,
        session: &mut Session,
        driver: &mut D,
    ) -> Result<Option<OwnedCall>, CodecError> {
        while session.wants_input() && driver.has_room() {
            let Session { decoder, unpacked, outbox, refusal, in_flight, may_pack, bounds } =
                &mut *session;
            let frame = decoder.next_frame();
            match self.step(frame, unpacked, outbox, refusal, *may_pack, bounds)? {
                Step::Call { ticket, params, .. } => {
                    *in_flight += 1;
                    driver.begun(ticket);
                    return Ok(Some(OwnedCall::of(ticket, &params)));
                }
                Step::Refused(code) => driver.refused(code),
                Step::Nothing => {}
                Step::Hungry => break,
            }
        }
        Ok(None)
    }

    /// Runs a call that was [taken](Service::take_call) from a session of the same service.
    ///
    /// # Panics
    ///
    /// If it was another service that took it, perhaps.
    pub fn run(&self, call: &OwnedCall, cx: &mut C) -> Ran {
        let ticket = call.ticket;
        let method = &self.methods[ticket.method()];
        let mut bytes = Vec::new();
        let params = Params::inside(&call.params, Some(call.count));
        fn to(out: &mut Vec<u8>, msgid: Option<u32>) -> Reply<'_> {
            Reply { out, msgid, pack: None }
        }
        let call = Invocation { ticket, params, reply: to(&mut bytes, ticket.msgid) };
        let outcome = match (method.run)(cx, call) {
            Flow::Done(outcome) => outcome,
            Flow::Refused(position, why) => {
                to(&mut bytes, ticket.msgid).error(&method.bad_argument(position, &why))
            }
            Flow::Pending(work) => return Ran::Pending(Pending::new(ticket, work)),
            Flow::Later => return Ran::Later(ticket),
        };
        Ran::Answer(Answer { ticket, outcome, bytes })
    }

    #[inline]
    fn step<'a>(
        &'a self,
        frame: Result<Option<Frame<'a>>, CodecError>,
        unpacked: &'a mut Vec<u8>,
        outbox: &mut Outbox,
        refusal: &Option<RpcError>,
        may_pack: bool,
        bounds: &Bounds,
    ) -> Result<Step<'a, C>, CodecError> {
        let (msgid, name, params) = match frame {
            Ok(Some(Frame::Request { msgid, method, params })) => (Some(msgid), method, params),
            Ok(Some(Frame::Notification { method, params })) => (None, method, params),
            // We ask nothing, so nothing can be an answer.
            Ok(Some(Frame::Response { .. })) => return Ok(Step::Nothing),
            Ok(None) => return Ok(Step::Hungry),
            Err(CodecError::NotRpc { what, msgid }) => {
                return Ok(refused(outbox.reply(msgid).error(&invalid(what))));
            }
            Err(error) => return Err(error),
        };
        if let Some(error) = refusal {
            return Ok(refused(outbox.reply(msgid).error(error)));
        }
        if may_pack && name == COMPRESS.as_bytes() {
            return Ok(agree(params, outbox, msgid));
        }
        let params = match params.packed() {
            None => params,
            Some(stream) => match unpacked_params(stream, outbox.pack, bounds, unpacked) {
                Ok(params) => params,
                Err(what) => return Ok(refused(outbox.reply(msgid).error(&invalid(what)))),
            },
        };
        let found = self.names.find(name);
        let Some((place, method)) =
            found.and_then(|place| Some((place, self.methods.get(place as usize)?)))
        else {
            return Ok(self.unknown(name, outbox.reply(msgid)));
        };
        if !method.info.arity.allows(params.len()) {
            let error = method.wrong_arity(params.len());
            return Ok(refused(outbox.reply(msgid).error(&error)));
        }
        Ok(Step::Call { method, ticket: Ticket { msgid, method: place }, params })
    }

    #[cold]
    fn unknown(&self, name: &[u8], reply: Reply<'_>) -> Step<'_, C> {
        if name == DISCOVER {
            let methods: Vec<_> = self.methods().collect();
            return match reply.write(&Ok(methods)) {
                Ok(()) => Step::Nothing,
                outcome => refused(outcome),
            };
        }
        let shown: String = String::from_utf8_lossy(name).chars().take(NAME).collect();
        let names: Vec<&str> = self.methods().map(|method| method.name.as_str()).collect();
        let names = names.join(", ");
        let hint = match names.len() {
            0 => "there is none".to_owned(),
            1..=NAMES => format!("there are {names}"),
            _ => "rpc.discover lists what there is".to_owned(),
        };
        refused(reply.error(&invalid(format!("no method {shown:?}; {hint}"))))
    }
}

/// Agrees on packed payloads.
fn agree<'a, C>(mut params: Params<'_>, outbox: &mut Outbox, msgid: Option<u32>) -> Step<'a, C> {
    let kind = params.take().and_then(|kind| crate::wire::read::<&str>(kind).ok());
    let threshold = params.take().and_then(|least| crate::wire::read::<u32>(least).ok());
    match (kind, threshold, params.len()) {
        (Some("zlib"), Some(threshold), 0) => {
            let outcome = outbox.reply(msgid).write(&Ok(true));
            outbox.pack = Some(threshold as usize);
            outcome.map_or_else(Step::Refused, |()| Step::Nothing)
        }
        _ => {
            let error = invalid("rpc.compress takes \"zlib\" and a number of bytes");
            refused(outbox.reply(msgid).error(&error))
        }
    }
}

/// Parameters that came packed, if that was agreed.
#[cfg(feature = "zlib")]
fn unpacked_params<'a>(
    stream: &[u8],
    agreed: Option<usize>,
    bounds: &Bounds,
    unpacked: &'a mut Vec<u8>,
) -> Result<Params<'a>, &'static str> {
    agreed.ok_or(NOT_AN_ARRAY)?;
    crate::zlib::unpack(stream, bounds.frame, unpacked).ok_or(crate::zlib::BROKEN)?;
    Params::of_array(unpacked).ok_or(NOT_AN_ARRAY)
}

#[cfg(not(feature = "zlib"))]
fn unpacked_params<'a>(
    _: &[u8],
    _: Option<usize>,
    _: &Bounds,
    _: &'a mut Vec<u8>,
) -> Result<Params<'a>, &'static str> {
    Err(NOT_AN_ARRAY)
}

const NOT_AN_ARRAY: &str = "parameters that are not an array";

fn refused<'a, C>(outcome: Outcome) -> Step<'a, C> {
    Step::Refused(outcome.err().unwrap_or(code::INVALID_CALL))
}

impl<C> Method<C> {
    #[cold]
    fn wrong_arity(&self, count: usize) -> RpcError {
        let was = if count == 0 { "none".to_owned() } else { count.to_string() };
        let takes = self.info.arity.describe();
        invalid(format!("{} takes {takes}, not {was}", self.info.name))
    }

    #[cold]
    fn bad_argument(&self, position: u32, why: &super::BadArgument) -> RpcError {
        // It may quote the argument.
        let mut why = why.to_string();
        if let Some((end, _)) = why.char_indices().nth(WHY) {
            why.truncate(end);
            why.push('…');
        }
        invalid(format!("{}: argument {position}: {why}", self.info.name))
    }
}
