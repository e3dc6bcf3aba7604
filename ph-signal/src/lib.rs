//! Signal sets, a pollable source of pending signals, mask guards and a clean slate for children.
//!
//! # Theory of operation
//!
//! A signal interrupts a program between any two instructions, so a handler may do next to nothing:
//! no lock, no allocation, no log line. A program that wants to *react* to signals therefore has to turn
//! them into something its event loop can wait for. That is what a [`Source`] is: a file descriptor that
//! is readable while signals are pending, and a method that says which.
//!
//! ```no_run
//! use ph_signal::{Signal, SignalSet, Source};
//!
//! let mut source = Source::new(SignalSet::of(&[Signal::HUP, Signal::TERM]))?;
//! loop {
//!     // Or put `source.as_fd()` into an epoll set, and call `pending` when it is readable.
//!     for signal in source.wait(None)? {
//!         match signal {
//!             Signal::TERM => return Ok(()),
//!             other => println!("{other} arrived"),
//!         }
//!     }
//! }
//! # #[allow(unreachable_code)]
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! **Pending signals are a set.** The kernel itself keeps one bit per standard signal and process: a
//! thousand `SIGHUP`s sent while nobody looks are one. The interface admits it: [`Source::pending`]
//! returns a [`SignalSet`], in which a burst coalesces and no kind of signal is lost.
//!
//! **Who may be interrupted is a mask**, one per thread, inherited by new threads, by forked children and
//! across `execve`. [`mask`] reads and changes it, [`MaskGuard`] gives it back at the end of a scope, which
//! is what a `fork` between "block everything" and "the child has its own handlers" needs.
//!
//! **What happens to the uninterested is a disposition**, one per process and signal: default, ignored, or
//! a handler. Handlers end at `execve`, but an ignored signal stays ignored in the new program, and the
//! mask stays too: a child that is to start from a clean slate calls [`disposition::reset_for_child`] and
//! [`mask::set_mask`], which are both async-signal-safe and thus fit for the moment after `fork`.
//!
//! | module | the noun |
//! | --- | --- |
//! | [`signal`] | one signal: number, name, parsing |
//! | [`set`] | a `Copy` set of signals |
//! | [`mask`] | the calling thread's mask |
//! | [`source`] | pending signals as a file descriptor: signalfd, or handlers and a pipe |
//! | [`disposition`] | default and ignored signals, and the reset for a child |
//! | [`send`] | `kill` and `killpg` that cannot hit everybody by accident |
//!
//! All `unsafe` code is in one private file, each block with the argument for its soundness.
//!
//! # Portability
//!
//! Linux is what this is made for and tested on. Elsewhere on Unix [`Source`] has its pipe backend only.

pub mod disposition;
pub mod mask;
pub mod send;
pub mod set;
pub mod signal;
pub mod source;
mod sys;

pub use mask::MaskGuard;
pub use send::{kill, killpg};
pub use set::SignalSet;
pub use signal::Signal;
pub use source::Source;
