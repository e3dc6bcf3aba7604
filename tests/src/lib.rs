//! Helpers of the black-box suite: a directory of its own for each test, processes looked at from outside, conditions
//! waited for with a deadline.

#![forbid(unsafe_code)]

pub mod background;
pub mod container;
pub mod control;
pub mod echo;
pub mod election;
pub mod entry;
pub mod etcd;
pub mod foreign;
pub mod groups;
pub mod inspect;
pub mod languages;
pub mod leaders;
pub mod listeners;
pub mod lives;
pub mod load;
pub mod log;
pub mod manager;
pub mod preload;
pub mod privileges;
pub mod process;
pub mod programs;
pub mod python;
pub mod release;
pub mod rpc;
pub mod sandbox;
pub mod terminal;
pub mod traces;
pub mod users;
pub mod wait;
pub mod wheel;

pub use process::Process;
pub use sandbox::{Output, Sandbox};
pub use traces::finish;
pub use wait::{until, until_some};
