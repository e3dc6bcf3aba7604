//! The heart of ProcessHandler: a master that decides, then acts.
//!
//! # Theory of operation
//!
//! A *master* keeps a wanted number of *workers* alive. Everything that it decides is decided in [`arbiter`], a
//! pure state machine: events in, actions out, time an argument. Everything that it does is done in [`master`],
//! one loop over one epoll set: it waits, turns what happened (a signal, a death, a word from a worker, a request
//! on the control socket, the passing of time) into an event, and performs the actions that come back, in order.
//! What needs the kernel's rougher edges (fork, process titles, shared memory, the guard) lives in [`sys`], the one
//! room of this crate that contains `unsafe`.
//!
//! The master has one thread, always; it runs no user code, resolves no name and never waits for a worker. A
//! worker is a `fork` of it that calls the application's entry point and never returns; the two share a table of
//! atomics ([`slots`]), from which the master learns how busy a worker is without asking it.
//!
//! Four nets hold the processes together, so that each failure is caught by the next: a worker's death is told
//! by its pidfd; the master's death reaches workers as a parent-death signal; what a worker leaves behind is in its
//! process group, or is adopted by the master as subreaper; and the *guard*, a process that is nobody's child,
//! ends every group when the master's lifeline breaks.

#![deny(unsafe_code)]

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

pub mod arbiter;
pub mod calls;
pub mod channel;
pub mod elector;
pub mod listen;
pub mod log;
pub mod master;
pub mod orders;
pub mod report;
pub mod slots;
#[expect(unsafe_code, reason = "the room for it")]
pub mod sys;
