//! Configuration for ProcessHandler: INI files as Python's `configparser` reads them, and typed,
//! validated settings on top.
//!
//! # Theory of operation
//!
//! A text climbs four steps, and each can be used without the next:
//!
//! 1. [`Document`] indexes the text without changing it: blocks, keys, lines, and the bytes of
//!    every value. It prints back byte for byte, whatever it held, so that an edit can touch one
//!    value and nothing else. Parsing is total; what `configparser` would refuse is listed as
//!    problems.
//! 2. [`Ini`] takes a document without problems and answers as `configparser.ConfigParser()` does:
//!    `[DEFAULT]` is inherited, keys are case-insensitive, `%(name)s` and `%%` are resolved on
//!    demand. It accepts, refuses and resolves exactly what Python 3 does; the test
//!    `against_python` asks both. One difference: references that multiply beyond 16 MiB of text
//!    are refused, not built.
//! 3. [`Layers`] puts one section under the environment (`PH_NUMBER_WORKERS=4`) and the command
//!    line (`--set number_workers=4`), over the defaults, and knows the [`Origin`] of every text.
//!    It answers even where values are wrong: `config show` must be able to show what it complains
//!    about.
//! 4. [`Settings`] has a typed field for every key. It exists only when every value and every rule
//!    between values holds; otherwise there is a [`ConfigError`] with *all* that is wrong, one
//!    sentence a line, each with its file, line and key.
//!
//! The way back is as long. [`edit`] makes another document of one, pure, with one value changed
//! and every other byte as it was. [`LockedFile`] puts a text in a file's place, whole or not at
//! all, and keeps the former one for an undo. [`WriteBack`] does both for a section, and validates
//! between the two: what is written is a configuration that works.
//!
//! What is a key is said once, in one table: [`KEYS`]. Fields, defaults, validation, suggestions
//! for mistyped names, comparison and documentation all come from it.
//!
//! # Which text counts
//!
//! Defaults < `[DEFAULT]` < the section < environment < command line. Texts from the environment
//! and the command line are taken as they are: a `%` in them is a `%`. A value of the file that
//! interpolates `%(key)s` sees what the upper layers say about `key`; where nothing sets `key`, it
//! sees the default if that is a text (`base_path`), and is an error otherwise (`pidfile`).
//!
//! A name that is no key is an error that names the nearest one. Two kinds of names are exempt:
//! those that another value interpolates (`root = /srv`, `log_path = %(root)s/log`), and those of
//! the application itself, which start with `app.`.
//!
//! `none`, or nothing, leaves a key unset; `0` too switches a limit off. A key whose default
//! follows from others (`control_socket`) follows from them again when it says `none`.
//!
//! # Example
//!
//! ```
//! use ph_config::{Document, Layers, LoadRequest};
//!
//! let request = LoadRequest::new("conf/app.ini", "/srv").set("number_workers", "8");
//! let document = Document::parse("[web]\nbase_path = run\npidfile = %(base_path)s/web.pid\n");
//! let settings = Layers::of(document, &request)?.settings()?;
//! assert_eq!(settings.number_workers.exact(), Some(8));
//! assert_eq!(settings.pidfile.as_deref(), Some("/srv/run/web.pid".as_ref()));
//! assert_eq!(settings.control_socket, std::path::Path::new("/srv/run/web.sock"));
//! # Ok::<(), ph_config::ConfigError>(())
//! ```

#![forbid(unsafe_code)]

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

pub mod document;
pub mod edit;
pub mod error;
pub mod file;
mod history;
pub mod ini;
pub mod interpolate;
pub mod key;
mod kind;
pub mod layers;
pub mod origin;
pub mod settings;
#[cfg(feature = "config")]
pub mod source;
mod text;
pub mod transaction;
pub mod value;
pub mod words;
pub mod write_back;

pub use document::{
    Block, DEFAULT_SECTION, Document, EncodingError, Entry, SyntaxError, SyntaxErrorKind,
};
pub use edit::EditError;
pub use error::{ConfigError, Problem};
pub use ini::{Ini, SyntaxErrors};
pub use interpolate::InterpolationError;
pub use key::{DefaultValue, Effect, KEYS, Key};
pub use layers::{Effective, Layers, LoadRequest};
pub use origin::Origin;
pub use settings::{Change, Settings};
#[cfg(feature = "config")]
pub use source::IniSource;
pub use transaction::{LockedFile, TransactionError};
pub use value::{
    ValueError,
    affinity::CpuAffinity,
    bind::{Bind, Host},
    capability::Capability,
    choice::{Accept, Leader, LogFormat, LogLevel, Notify, Scaling, UpgradeMode, WorkerClass},
    count::Count,
    identity::User,
    limit::Rlimit,
    python::PythonClass,
    signal::StopSignal,
};
pub use write_back::{Target, WriteBack, WriteBackError};
