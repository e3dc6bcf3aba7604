//! A set of signals: one machine word, copied freely.

use std::fmt;
use std::iter::FusedIterator;
use std::ops::{BitAnd, BitOr, BitOrAssign, Sub};

use crate::signal::{MAX, Signal};

/// A set of signals, as a bit per number.
///
/// ```
/// use ph_signal::{Signal, SignalSet};
///
/// const STOP: SignalSet = SignalSet::of(&[Signal::TERM, Signal::INT]);
///
/// let mut seen = SignalSet::EMPTY;
/// seen.insert(Signal::HUP);
/// seen |= STOP;
/// assert_eq!(format!("{seen:?}"), "{SIGHUP, SIGINT, SIGTERM}");
/// assert!((seen - STOP).contains(Signal::HUP));
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct SignalSet(u64);

impl SignalSet {
    /// No signal.
    pub const EMPTY: Self = Self(0);

    /// Every signal of the system. Where such a set goes to the kernel, `SIGKILL`, `SIGSTOP` and the C
    /// library's own signals are left out, as they must be.
    pub const ALL: Self = Self(u64::MAX >> (64 - MAX as u32));

    /// Signals that the processor raises at the instruction at fault: `SIGSEGV`, `SIGBUS`, `SIGILL`,
    /// `SIGFPE`. Blocked or ignored they end the process all the same, so no event loop can wait for them.
    pub const FAULTS: Self = Self::of(&[Signal::SEGV, Signal::BUS, Signal::ILL, Signal::FPE]);

    /// `SIGKILL` and `SIGSTOP`, which nothing can block, catch or ignore.
    pub const UNSTOPPABLE: Self = Self::of(&[Signal::KILL, Signal::STOP]);

    /// The set of these signals.
    #[must_use]
    pub const fn of(signals: &[Signal]) -> Self {
        let mut set = Self::EMPTY;
        let mut i = 0;
        while i < signals.len() {
            set = set.with(signals[i]);
            i += 1;
        }
        set
    }

    /// The set whose bit `n - 1` stands for signal `n`, as in the kernel's `SigBlk` of proc(5). Bits
    /// beyond the last signal are dropped.
    #[must_use]
    pub const fn from_bits(bits: u64) -> Self {
        Self(bits & Self::ALL.0)
    }

    /// The bits, as in [`SignalSet::from_bits`].
    #[must_use]
    pub const fn bits(self) -> u64 {
        self.0
    }

    const fn bit(signal: Signal) -> u64 {
        1 << (signal.number() - 1)
    }

    /// This set and one signal more.
    #[must_use]
    pub const fn with(self, signal: Signal) -> Self {
        Self(self.0 | Self::bit(signal))
    }

    /// This set but for one signal.
    #[must_use]
    pub const fn without(self, signal: Signal) -> Self {
        Self(self.0 & !Self::bit(signal))
    }

    /// What is in either.
    #[must_use]
    pub const fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// What is in both.
    #[must_use]
    pub const fn intersection(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// What is in this one and not in the other.
    #[must_use]
    pub const fn difference(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// True if the signal is a member.
    #[must_use]
    pub const fn contains(self, signal: Signal) -> bool {
        self.0 & Self::bit(signal) != 0
    }

    /// True without any member.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// How many members there are.
    #[must_use]
    pub const fn len(self) -> usize {
        self.0.count_ones() as usize
    }

    /// Adds a signal; true if it was not a member.
    pub const fn insert(&mut self, signal: Signal) -> bool {
        let added = !self.contains(signal);
        *self = self.with(signal);
        added
    }

    /// Takes a signal out; true if it was a member.
    pub const fn remove(&mut self, signal: Signal) -> bool {
        let removed = self.contains(signal);
        *self = self.without(signal);
        removed
    }

    /// The members in the order of their numbers.
    #[must_use]
    pub const fn iter(self) -> Iter {
        Iter(self.0)
    }
}

/// The members of a [`SignalSet`], by number.
#[derive(Debug, Clone)]
pub struct Iter(u64);

impl Iterator for Iter {
    type Item = Signal;

    fn next(&mut self) -> Option<Signal> {
        // An empty word has 64 trailing zeros; 65 is no signal, which ends the iteration by itself.
        let signal = Signal::from_number(self.0.trailing_zeros() as i32 + 1)?;
        // Clears the lowest bit that is set.
        self.0 &= self.0.wrapping_sub(1);
        Some(signal)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = self.0.count_ones() as usize;
        (left, Some(left))
    }
}

impl ExactSizeIterator for Iter {}
impl FusedIterator for Iter {}

impl IntoIterator for SignalSet {
    type Item = Signal;
    type IntoIter = Iter;

    fn into_iter(self) -> Iter {
        self.iter()
    }
}

impl FromIterator<Signal> for SignalSet {
    fn from_iter<I: IntoIterator<Item = Signal>>(signals: I) -> Self {
        signals.into_iter().fold(Self::EMPTY, Self::with)
    }
}

impl Extend<Signal> for SignalSet {
    fn extend<I: IntoIterator<Item = Signal>>(&mut self, signals: I) {
        *self = signals.into_iter().fold(*self, Self::with);
    }
}

impl From<Signal> for SignalSet {
    fn from(signal: Signal) -> Self {
        Self::EMPTY.with(signal)
    }
}

impl BitOr for SignalSet {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        self.union(other)
    }
}

impl BitOrAssign for SignalSet {
    fn bitor_assign(&mut self, other: Self) {
        *self = self.union(other);
    }
}

impl BitAnd for SignalSet {
    type Output = Self;

    fn bitand(self, other: Self) -> Self {
        self.intersection(other)
    }
}

impl Sub for SignalSet {
    type Output = Self;

    fn sub(self, other: Self) -> Self {
        self.difference(other)
    }
}

impl fmt::Debug for SignalSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}
