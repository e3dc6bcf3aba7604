//! One signal: its number, its name, and what people type for it.

use std::fmt;
use std::num::NonZeroU8;
use std::str::FromStr;

use crate::sys;

/// The highest signal number: Linux has 64 (`_NSIG`), other systems 31 that are common to all of them.
pub(crate) const MAX: u8 =
    if cfg!(any(target_os = "linux", target_os = "android")) { 64 } else { 31 };

/// A signal of this system: standard, real-time, or one of the few that the C library keeps for itself.
///
/// Every number that a wait status can report is a `Signal`, so a death is never without a name. Signals
/// order and hash by number, which differs between architectures; compare them with the constants.
///
/// ```
/// use ph_signal::Signal;
///
/// let signal: Signal = "term".parse()?;
/// assert_eq!(signal, Signal::TERM);
/// assert_eq!(signal.to_string(), "SIGTERM");
/// assert_eq!("SIGTERM".parse(), Ok(signal));
/// assert_eq!("15".parse(), Ok(signal));
/// # Ok::<(), ph_signal::signal::InvalidSignal>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(transparent)]
pub struct Signal(NonZeroU8);

/// Text or a number that is no signal of this system.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidSignal {
    /// The text is neither a name nor a number of a signal.
    #[error(
        "unknown signal {0:?}: expected a name (TERM, SIGTERM, RTMIN+1) or a number from 1 to {MAX}"
    )]
    Name(String),
    /// The number is outside of 1 to the highest signal.
    #[error("no signal has the number {0}: expected 1 to {MAX}")]
    Number(i32),
}

/// Declares the constants and, in the same order, the table that names them.
macro_rules! standard_signals {
    ($($(#[$meta:meta])* $name:ident = $raw:ident, $doc:literal;)*) => {
        impl Signal {
            $($(#[$meta])* #[doc = $doc] pub const $name: Self = Self::standard(libc::$raw);)*
        }

        /// Every standard signal with its full name.
        const STANDARD: &[(Signal, &str)] = &[
            $($(#[$meta])* (Signal::$name, stringify!($raw)),)*
        ];
    };
}

standard_signals! {
    HUP = SIGHUP, "The terminal is gone; to a daemon: read the configuration again.";
    INT = SIGINT, "Interrupt from the keyboard.";
    QUIT = SIGQUIT, "Quit from the keyboard, with a core dump by default.";
    ILL = SIGILL, "Illegal instruction.";
    TRAP = SIGTRAP, "Trace or breakpoint trap.";
    ABRT = SIGABRT, "`abort` was called.";
    BUS = SIGBUS, "Bad memory access: a mapping without a page behind it.";
    FPE = SIGFPE, "Arithmetic fault.";
    KILL = SIGKILL, "The end; cannot be caught, blocked or ignored.";
    USR1 = SIGUSR1, "The program's own, first.";
    SEGV = SIGSEGV, "Invalid memory reference.";
    USR2 = SIGUSR2, "The program's own, second.";
    PIPE = SIGPIPE, "A write to a pipe or socket that nobody reads.";
    ALRM = SIGALRM, "A timer of `alarm` or `setitimer` ran out.";
    TERM = SIGTERM, "The polite request to end.";
    #[cfg(any(target_os = "linux", target_os = "android"))]
    STKFLT = SIGSTKFLT, "Unused by the kernel (Linux).";
    CHLD = SIGCHLD, "A child ended, stopped or went on.";
    CONT = SIGCONT, "Go on, if stopped.";
    STOP = SIGSTOP, "Stop; cannot be caught, blocked or ignored.";
    TSTP = SIGTSTP, "Stop typed at the terminal.";
    TTIN = SIGTTIN, "A background process read from its terminal.";
    TTOU = SIGTTOU, "A background process wrote to its terminal.";
    URG = SIGURG, "Urgent data on a socket.";
    XCPU = SIGXCPU, "The limit of processor time is exceeded.";
    XFSZ = SIGXFSZ, "The limit of file size is exceeded.";
    VTALRM = SIGVTALRM, "The virtual timer ran out.";
    PROF = SIGPROF, "The profiling timer ran out.";
    WINCH = SIGWINCH, "The terminal's window changed its size.";
    IO = SIGIO, "Input or output is possible.";
    #[cfg(any(target_os = "linux", target_os = "android"))]
    PWR = SIGPWR, "Power failure (Linux).";
    SYS = SIGSYS, "Bad system call.";
}

/// Other names that people and old manuals use.
const ALIASES: &[(Signal, &str)] =
    &[(Signal::ABRT, "SIGIOT"), (Signal::CHLD, "SIGCLD"), (Signal::IO, "SIGPOLL")];

/// Names by offset from the first real-time signal, so that a name never has to be allocated.
#[rustfmt::skip]
const REAL_TIME: [&str; 33] = [
    "SIGRTMIN", "SIGRTMIN+1", "SIGRTMIN+2", "SIGRTMIN+3", "SIGRTMIN+4", "SIGRTMIN+5", "SIGRTMIN+6",
    "SIGRTMIN+7", "SIGRTMIN+8", "SIGRTMIN+9", "SIGRTMIN+10", "SIGRTMIN+11", "SIGRTMIN+12",
    "SIGRTMIN+13", "SIGRTMIN+14", "SIGRTMIN+15", "SIGRTMIN+16", "SIGRTMIN+17", "SIGRTMIN+18",
    "SIGRTMIN+19", "SIGRTMIN+20", "SIGRTMIN+21", "SIGRTMIN+22", "SIGRTMIN+23", "SIGRTMIN+24",
    "SIGRTMIN+25", "SIGRTMIN+26", "SIGRTMIN+27", "SIGRTMIN+28", "SIGRTMIN+29", "SIGRTMIN+30",
    "SIGRTMIN+31", "SIGRTMIN+32",
];

/// Names of the numbers between the standard and the real-time signals, by offset from 32.
const RESERVED: [&str; 3] = ["SIG32", "SIG33", "SIG34"];

impl Signal {
    /// A signal whose number is known to be valid when the crate is compiled.
    const fn standard(number: libc::c_int) -> Self {
        assert!(number > 0 && number <= MAX as libc::c_int);
        Self(NonZeroU8::new(number as u8).expect("asserted above"))
    }

    /// The signal with this number, or none outside of the system's range.
    #[must_use]
    pub const fn from_number(number: i32) -> Option<Self> {
        if number < 1 || number > MAX as i32 {
            return None;
        }
        match NonZeroU8::new(number as u8) {
            Some(number) => Some(Self(number)),
            None => None,
        }
    }

    /// The real-time signal `SIGRTMIN + offset`, or none beyond `SIGRTMAX` (and where there are none).
    ///
    /// A function and not a constant because the C library decides where they begin (see signal(7)).
    #[must_use]
    pub fn real_time(offset: u8) -> Option<Self> {
        let (first, last) = sys::real_time_range()?;
        let number = first.checked_add(offset).filter(|&number| number <= last)?;
        Self::from_number(number.into())
    }

    /// The number, as `kill` and a wait status have it.
    #[must_use]
    pub const fn number(self) -> i32 {
        self.0.get() as i32
    }

    /// The full name: `SIGTERM`, `SIGRTMIN+3`, or `SIG32` for one that the C library keeps to itself.
    #[must_use]
    pub fn name(self) -> &'static str {
        if let Some((_, name)) = STANDARD.iter().find(|(signal, _)| *signal == self) {
            return name;
        }
        let number = self.0.get();
        match sys::real_time_range() {
            Some((first, _)) if number >= first => REAL_TIME[usize::from(number - first)],
            _ => {
                number.checked_sub(32).and_then(|i| RESERVED.get(usize::from(i))).unwrap_or(&"SIG?")
            }
        }
    }

    /// True for a real-time signal: queued rather than coalesced by the kernel (signal(7)).
    #[must_use]
    pub fn is_real_time(self) -> bool {
        sys::real_time_range().is_some_and(|(first, last)| (first..=last).contains(&self.0.get()))
    }

    /// True for a signal which the C library keeps for its threads (32 and 33 with glibc): no program can
    /// block, catch or ignore it, and the sets passed to the kernel leave it out.
    #[must_use]
    pub fn is_reserved(self) -> bool {
        sys::real_time_range().is_some_and(|(first, _)| (32..first).contains(&self.0.get()))
    }

    /// `RTMIN`, `RTMIN+n`, `RTMAX` or `RTMAX-n`, in capitals and without `SIG`.
    fn parse_real_time(name: &str) -> Option<Self> {
        let offset = |text: &str, sign: char| match text {
            "" => Some(0),
            _ => parse_digits(text.strip_prefix(sign)?),
        };
        if let Some(rest) = name.strip_prefix("RTMIN") {
            return Self::real_time(offset(rest, '+')?);
        }
        let (first, last) = sys::real_time_range()?;
        let down = offset(name.strip_prefix("RTMAX")?, '-')?;
        Self::real_time((last - first).checked_sub(down)?)
    }
}

/// A number of digits alone: `u8::from_str` would take a sign, too.
fn parse_digits(text: &str) -> Option<u8> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok())?
}

impl FromStr for Signal {
    type Err = InvalidSignal;

    /// Reads `TERM`, `SIGTERM` or `15`, `RTMIN+2` and `RTMAX-1`, in any case.
    ///
    /// # Errors
    ///
    /// [`InvalidSignal::Name`], with the text as it came.
    fn from_str(text: &str) -> Result<Self, InvalidSignal> {
        let invalid = || InvalidSignal::Name(text.to_owned());
        if let Some(number) = parse_digits(text) {
            return Self::from_number(number.into()).ok_or_else(invalid);
        }
        let upper = text.to_ascii_uppercase();
        let short = upper.strip_prefix("SIG").unwrap_or(&upper);
        STANDARD
            .iter()
            .chain(ALIASES)
            .find(|(_, name)| name.strip_prefix("SIG") == Some(short))
            .map(|(signal, _)| *signal)
            .or_else(|| Self::parse_real_time(short))
            .ok_or_else(invalid)
    }
}

impl fmt::Display for Signal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl fmt::Debug for Signal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl From<Signal> for i32 {
    fn from(signal: Signal) -> Self {
        signal.number()
    }
}

impl TryFrom<i32> for Signal {
    type Error = InvalidSignal;

    fn try_from(number: i32) -> Result<Self, InvalidSignal> {
        Self::from_number(number).ok_or(InvalidSignal::Number(number))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_signal_reads_back_from_its_name_its_short_name_and_its_number() {
        for number in 1..=i32::from(MAX) {
            let signal = Signal::from_number(number).unwrap();
            assert_eq!(signal.number(), number);
            assert_eq!(number.to_string().parse(), Ok(signal));
            if signal.is_reserved() {
                assert_eq!(signal.name(), format!("SIG{number}"));
                continue;
            }
            assert_eq!(signal.name().parse(), Ok(signal));
            assert_eq!(signal.name()["SIG".len()..].to_lowercase().parse(), Ok(signal));
        }
    }

    #[test]
    fn names_are_distinct() {
        let names: std::collections::HashSet<_> =
            (1..=i32::from(MAX)).filter_map(Signal::from_number).map(Signal::name).collect();
        assert_eq!(names.len(), usize::from(MAX));
    }

    #[test]
    fn what_is_no_signal_is_refused_with_the_text() {
        for text in [
            "",
            "0",
            "65",
            "256",
            "+15",
            "-15",
            " TERM",
            "SIG",
            "SIGSIGTERM",
            "RTMIN-1",
            "RTMIN+",
            "RTMIN+99",
            "RTMAX+1",
            "RTMAX-99",
            "TERMINATE",
            "térm",
        ] {
            assert_eq!(
                text.parse::<Signal>(),
                Err(InvalidSignal::Name(text.to_owned())),
                "{text:?}"
            );
        }
        assert_eq!(Signal::try_from(0), Err(InvalidSignal::Number(0)));
        assert_eq!(Signal::try_from(-9), Err(InvalidSignal::Number(-9)));
        assert_eq!(Signal::try_from(256 + 15), Err(InvalidSignal::Number(271)));
    }

    #[test]
    fn aliases_mean_what_they_always_meant() {
        assert_eq!("SIGIOT".parse(), Ok(Signal::ABRT));
        assert_eq!("cld".parse(), Ok(Signal::CHLD));
        assert_eq!("poll".parse(), Ok(Signal::IO));
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn real_time_signals_count_from_either_end() {
        let first = Signal::real_time(0).unwrap();
        let last = Signal::from_number(64).unwrap();
        let span = u8::try_from(last.number() - first.number()).unwrap();
        assert_eq!("RTMAX".parse(), Ok(last));
        assert_eq!("SIGRTMAX-1".parse(), Ok(Signal::real_time(span - 1).unwrap()));
        assert_eq!(format!("RTMAX-{span}").parse(), Ok(first));
        assert_eq!(Signal::real_time(3).unwrap().to_string(), "SIGRTMIN+3");
        assert_eq!(Signal::real_time(span + 1), None);
        assert!(first.is_real_time() && last.is_real_time() && !Signal::TERM.is_real_time());
    }

    #[test]
    fn display_honours_width() {
        assert_eq!(format!("{:>8}|{:<8}|", Signal::HUP, Signal::TERM), "  SIGHUP|SIGTERM |");
    }
}
