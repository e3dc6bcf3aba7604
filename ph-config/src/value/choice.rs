//! Values that are one word of a few.

use std::{fmt, str::FromStr};

use super::{Term, ValueError};

/// Declares an enum whose variants are words of the configuration; words are case-insensitive.
macro_rules! choice {
    (
        $(#[$meta:meta])* $name:ident expects $expected:literal {
            $( $(#[$variant_meta:meta])* $variant:ident = $word:literal $(| $synonym:literal)* ),+ $(,)?
        }
    ) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum $name { $( $(#[$variant_meta])* $variant ),+ }

        impl $name {
            /// Every value, in the order of the reference.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The word of the configuration.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word),+ }
            }
        }

        impl FromStr for $name {
            type Err = ValueError;

            fn from_str(text: &str) -> Result<Self, ValueError> {
                match text.trim().to_lowercase().as_str() {
                    $( $word $(| $synonym)* => Ok(Self::$variant), )+
                    _ => Err(Self::mismatch()),
                }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(self.as_str())
            }
        }

        impl Term for $name {
            const EXPECTED: &'static str = $expected;
        }
    };
}

choice! {
    /// The least severe message that is logged.
    LogLevel expects "trace, debug, info, warn or error" {
        /// Everything, byte by byte.
        Trace = "trace",
        /// What helps to find a mistake.
        Debug = "debug",
        /// What an operator wants to have seen.
        Info = "info",
        /// What may become a problem; `warning` is taken too, as Python's `logging` names it.
        Warn = "warn" | "warning",
        /// What is a problem; `critical` is taken too.
        Error = "error" | "critical",
    }
}

choice! {
    /// How a line of the log is written.
    LogFormat expects "text or json" {
        /// For eyes.
        Text = "text",
        /// For programs: one object per line.
        Json = "json",
    }
}

choice! {
    /// Who decides how many workers there are.
    Scaling expects "static, dynamic or ondemand" {
        /// `number_workers`, always.
        Static = "static",
        /// The load, between `min_workers` and `max_workers`.
        Dynamic = "dynamic",
        /// The load, from none at rest to `max_workers`.
        Ondemand = "ondemand",
    }
}

choice! {
    /// What a worker is.
    WorkerClass expects "sync, thread, async, rpc or exec" {
        /// One request at a time.
        Sync = "sync",
        /// One request per thread.
        Thread = "thread",
        /// One coroutine per request.
        Async = "async",
        /// Calls over msgpack-RPC.
        Rpc = "rpc",
        /// A program of its own.
        Exec = "exec",
    }
}

choice! {
    /// What makes an `exec` worker ready.
    Notify expects "none or ready" {
        /// Having lived for `ready_after`.
        None = "none",
        /// Its message `READY=1`.
        Ready = "ready",
    }
}

choice! {
    /// How workers share a listener.
    Accept expects "exclusive, lock or reuseport" {
        /// The kernel wakes one of them.
        Exclusive = "exclusive",
        /// They take turns.
        Lock = "lock",
        /// Each has a listener of its own.
        Reuseport = "reuseport",
    }
}

choice! {
    /// How a new binary takes over.
    UpgradeMode expects "auto, handover or inplace" {
        /// `inplace` as PID 1, `handover` otherwise.
        Auto = "auto",
        /// A new master beside the old one.
        Handover = "handover",
        /// The master executes its successor.
        Inplace = "inplace",
    }
}

choice! {
    /// Where the election between masters is held.
    Leader expects "none, file or etcd" {
        /// Nowhere: this master stands alone.
        None = "none",
        /// On this host.
        File = "file",
        /// Among hosts.
        Etcd = "etcd",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_case_insensitive_and_print_again() {
        for class in WorkerClass::ALL {
            assert_eq!(class.as_str().to_uppercase().parse(), Ok(*class));
        }
        assert_eq!(" WARNING ".parse(), Ok(LogLevel::Warn));
        let error = "gevent".parse::<WorkerClass>().unwrap_err();
        assert_eq!(error.to_string(), "expected sync, thread, async, rpc or exec");
    }
}
