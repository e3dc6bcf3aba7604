//! The signal that asks a program to stop.

use std::{fmt, str::FromStr};

use super::{Term, ValueError, digits};

/// A signal that can ask a program to stop, by its number on Linux.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct StopSignal(i32);

/// Numbers as on x86, ARM, RISC-V, POWER and s390; other architectures number some of them
/// otherwise.
const NAMES: [(&str, i32); 29] = [
    ("HUP", 1),
    ("INT", 2),
    ("QUIT", 3),
    ("ILL", 4),
    ("TRAP", 5),
    ("ABRT", 6),
    ("BUS", 7),
    ("FPE", 8),
    ("KILL", 9),
    ("USR1", 10),
    ("SEGV", 11),
    ("USR2", 12),
    ("PIPE", 13),
    ("ALRM", 14),
    ("TERM", 15),
    ("STKFLT", 16),
    ("CHLD", 17),
    ("CONT", 18),
    ("URG", 23),
    ("XCPU", 24),
    ("XFSZ", 25),
    ("VTALRM", 26),
    ("PROF", 27),
    ("WINCH", 28),
    ("IO", 29),
    ("POLL", 29),
    ("PWR", 30),
    ("SYS", 31),
    ("IOT", 6),
];

/// What glibc leaves to programs: it keeps 32 and 33 for its threads.
const REALTIME: (i32, i32) = (34, 64);

impl StopSignal {
    /// `SIGTERM`.
    pub const TERM: Self = Self(15);

    /// The number, to be sent.
    pub const fn number(self) -> i32 {
        self.0
    }
}

impl FromStr for StopSignal {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        let name = text.trim().to_uppercase();
        let name = name.strip_prefix("SIG").unwrap_or(&name);
        let (first, last) = REALTIME;
        let number = match digits::<i32>(name) {
            Some(number) if number >= first => Some(number),
            Some(number) => NAMES.iter().find(|(_, n)| *n == number).map(|(_, n)| *n),
            None => match (name.strip_prefix("RTMIN"), name.strip_prefix("RTMAX")) {
                (Some(""), _) => Some(first),
                (_, Some("")) => Some(last),
                (Some(offset), _) => offset
                    .strip_prefix('+')
                    .and_then(digits::<i32>)
                    .and_then(|n| first.checked_add(n)),
                (_, Some(offset)) => offset
                    .strip_prefix('-')
                    .and_then(digits::<i32>)
                    .and_then(|n| last.checked_sub(n)),
                _ => NAMES.iter().find(|(known, _)| *known == name).map(|(_, n)| *n),
            },
        };
        let exists = |n: &i32| *n < 32 || (first..=last).contains(n);
        number.filter(exists).map(Self).ok_or_else(Self::mismatch)
    }
}

impl fmt::Display for StopSignal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match NAMES.iter().find(|(_, number)| *number == self.0) {
            Some((name, _)) => f.pad(name),
            None => write!(f, "RTMIN+{}", self.0 - REALTIME.0),
        }
    }
}

impl Term for StopSignal {
    const EXPECTED: &'static str =
        "a signal that a program can stop at, such as TERM, SIGINT, RTMIN+3 or 15";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signals_have_names_and_numbers() {
        for (text, number) in [
            ("TERM", 15),
            ("sigint", 2),
            ("15", 15),
            ("RTMIN", 34),
            ("SIGRTMIN+3", 37),
            ("RTMAX-1", 63),
        ] {
            let signal: StopSignal = text.parse().unwrap();
            assert_eq!(signal.number(), number, "{text}");
            assert_eq!(signal.to_string().parse(), Ok(signal));
        }
        assert_eq!("TERM".parse(), Ok(StopSignal::TERM));
    }

    #[test]
    fn stopping_signals_and_strangers_are_refused() {
        let bad =
            ["STOP", "19", "TSTP", "0", "32", "33", "65", "RTMIN+31", "RTMAX-31", "-15", "FOO", ""];
        for text in bad {
            assert!(text.parse::<StopSignal>().is_err(), "{text}");
        }
    }
}
