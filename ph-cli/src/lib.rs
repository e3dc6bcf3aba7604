//! The command line of ProcessHandler and of every application built on it.
