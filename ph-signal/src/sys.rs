//! The system calls, and all `unsafe` of this crate.

use std::io;
use std::mem::MaybeUninit;
#[cfg(target_os = "linux")]
use std::os::fd::{FromRawFd, OwnedFd};
use std::ptr;
use std::sync::atomic::{AtomicUsize, Ordering};

use signal_hook::SigId;

use crate::set::SignalSet;
use crate::signal::{MAX, Signal};

/// How a mask is combined with the thread's (pthread_sigmask(3)).
#[derive(Debug, Clone, Copy)]
#[repr(i32)]
pub(crate) enum How {
    Block = libc::SIG_BLOCK,
    Unblock = libc::SIG_UNBLOCK,
    Set = libc::SIG_SETMASK,
}

/// What the process does about a signal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Disposition {
    Default,
    Ignore,
    Handler(usize),
}

/// The C library's form of a set; signals it keeps for itself are left out.
fn to_raw(set: SignalSet) -> libc::sigset_t {
    let mut raw = MaybeUninit::uninit();
    // SAFETY: sigfillset and sigemptyset initialize all of the set they are given, and sigaddset changes an initialized
    // one; a number that it does not like makes it fail without effect.
    unsafe {
        if set == SignalSet::ALL {
            // Nothing fails, so that not even errno is written to: around a fork that costs a page.
            libc::sigfillset(raw.as_mut_ptr());
            return raw.assume_init();
        }
        libc::sigemptyset(raw.as_mut_ptr());
        for signal in set {
            libc::sigaddset(raw.as_mut_ptr(), signal.number());
        }
        raw.assume_init()
    }
}

fn from_raw(raw: &libc::sigset_t) -> SignalSet {
    // SAFETY: the set is initialized, as every value of its type here is, and sigismember only reads it.
    (1..=i32::from(MAX))
        .filter(|&number| unsafe { libc::sigismember(raw, number) } == 1)
        .filter_map(Signal::from_number)
        .collect()
}

/// Changes the calling thread's mask, and returns the one before. Async-signal-safe.
pub(crate) fn sigmask(how: How, set: SignalSet) -> SignalSet {
    let raw = to_raw(set);
    let mut previous = MaybeUninit::uninit();
    // SAFETY: both pointers are to sets of ours, alive during the call, which fills `previous` unless it
    // fails; it fails for a bad `how` or a bad pointer alone, and there is neither.
    let previous = unsafe {
        let errno = libc::pthread_sigmask(how as libc::c_int, &raw, previous.as_mut_ptr());
        debug_assert_eq!(errno, 0);
        previous.assume_init()
    };
    from_raw(&previous)
}

/// A descriptor that reads the calling thread's pending signals (signalfd(2)).
#[cfg(target_os = "linux")]
pub(crate) fn signalfd(set: SignalSet) -> io::Result<OwnedFd> {
    let raw = to_raw(set);
    // SAFETY: the set is alive during the call; -1 asks for a new descriptor, which is nobody's yet.
    unsafe {
        let fd = libc::signalfd(-1, &raw, libc::SFD_CLOEXEC | libc::SFD_NONBLOCK);
        if fd < 0 { Err(io::Error::last_os_error()) } else { Ok(OwnedFd::from_raw_fd(fd)) }
    }
}

/// Sends a signal; the caller has made sure that `target` names one process or one group.
pub(crate) fn kill(target: i32, signal: Signal) -> io::Result<()> {
    // SAFETY: kill takes numbers only.
    match unsafe { libc::kill(target, signal.number()) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

/// The first and the last real-time signal, where there are any.
pub(crate) fn real_time_range() -> Option<(u8, u8)> {
    #[cfg(any(target_os = "linux", target_os = "android"))]
    let range =
        (u8::try_from(libc::SIGRTMIN()).ok()?, MAX.min(u8::try_from(libc::SIGRTMAX()).ok()?));
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    let range = None?;
    Some(range)
}

/// An action without flags, handler or mask, to be filled in.
fn blank_action() -> libc::sigaction {
    // SAFETY: every field of a sigaction is a number, a set of bits or an optional pointer; zero is a
    // valid value of each, and means no flags, an empty set and SIG_DFL.
    unsafe { MaybeUninit::<libc::sigaction>::zeroed().assume_init() }
}

fn sigaction(signal: Signal, new: Option<&libc::sigaction>) -> io::Result<libc::sigaction> {
    let mut old = blank_action();
    // SAFETY: `old` is ours, and `new` is null or alive during the call. Its handler is SIG_DFL, SIG_IGN
    // or one that the kernel had installed for this very signal (`set_disposition`, `revive`).
    let result = unsafe {
        libc::sigaction(signal.number(), new.map_or(ptr::null(), ptr::from_ref), &mut old)
    };
    if result == 0 { Ok(old) } else { Err(io::Error::last_os_error()) }
}

/// Reads a disposition. Async-signal-safe.
pub(crate) fn disposition(signal: Signal) -> io::Result<Disposition> {
    Ok(match sigaction(signal, None)?.sa_sigaction {
        libc::SIG_DFL => Disposition::Default,
        libc::SIG_IGN => Disposition::Ignore,
        handler => Disposition::Handler(handler),
    })
}

/// Installs a disposition. Async-signal-safe. A handler must be one that [`disposition`] has returned for
/// this signal and that signal-hook had installed; it gets signal-hook's flags.
pub(crate) fn set_disposition(signal: Signal, disposition: Disposition) -> io::Result<()> {
    let mut action = blank_action();
    (action.sa_sigaction, action.sa_flags) = match disposition {
        Disposition::Default => (libc::SIG_DFL, 0),
        Disposition::Ignore => (libc::SIG_IGN, 0),
        Disposition::Handler(handler) => (handler, libc::SA_RESTART | libc::SA_SIGINFO),
    };
    sigaction(signal, Some(&action)).map(drop)
}

/// What a handler does: something async-signal-safe that leaves errno alone.
///
/// # Safety
///
/// `ring` may run between any two instructions of any thread: it must not allocate, lock, panic or
/// otherwise touch what the interrupted code may be in the middle of.
pub(crate) unsafe trait Ring: Send + Sync + 'static {
    fn ring(&self, signal: Signal);
}

// SAFETY: a `Bell` compares its process id, sets a bit of an atomic and writes a byte, with errno put back.
unsafe impl Ring for crate::source::Bell {
    fn ring(&self, signal: Signal) {
        Self::ring(self, signal);
    }
}

/// Runs `bell.ring(signal)` in the handler of `signal`, after what was registered before.
pub(crate) fn on_signal<R: Ring>(signal: Signal, bell: std::sync::Arc<R>) -> io::Result<SigId> {
    // SAFETY: `Ring` promises an action fit for a handler. The reference count is not touched by a
    // handler: signal-hook drops an action in `unregister`, when no handler runs it any more.
    let id =
        unsafe { signal_hook::low_level::register(signal.number(), move || bell.ring(signal))? };
    revive(signal).inspect_err(|_| {
        signal_hook::low_level::unregister(id);
    })?;
    Ok(id)
}

/// What the process's sole source (`source::sole`) shares with its handler.
pub(crate) mod sole {
    use std::sync::atomic::{AtomicI32, AtomicU32, AtomicU64, Ordering::SeqCst};

    use super::{Disposition, Signal, SignalSet, blank_action, io, set_disposition, sigaction};

    /// Signals that arrived and were not taken yet.
    static ARRIVED: AtomicU64 = AtomicU64::new(0);
    /// The eventfd to ring, as its complement so that none is zero: what begins as zeroes lies together, and a forked
    /// child that claims it writes to one page. The process that may ring it: a child shares the descriptor.
    static RUNG: AtomicI32 = AtomicI32::new(0);
    static OWNER: AtomicU32 = AtomicU32::new(0);

    extern "C" fn note(number: libc::c_int) {
        if OWNER.load(SeqCst) != std::process::id() {
            return;
        }
        let Some(signal) = Signal::from_number(number) else { return };
        if ARRIVED.fetch_or(SignalSet::EMPTY.with(signal).bits(), SeqCst) == 0 {
            let one = 1u64;
            // SAFETY: eventfd takes eight bytes, which are ours; write(2) is async-signal-safe, and errno is put
            // back for the code that was interrupted. A descriptor of -1 makes it fail without effect.
            unsafe {
                let errno = *libc::__errno_location();
                libc::write(!RUNG.load(SeqCst), (&raw const one).cast(), 8);
                *libc::__errno_location() = errno;
            }
        }
    }

    /// Has this process's handler note `set` and ring `descriptor`; `false` when it does so for another source.
    pub(crate) fn claim(descriptor: i32) -> bool {
        let own = std::process::id();
        // What a parent claimed before the fork is not ours to respect.
        if OWNER.load(SeqCst) == own && RUNG.load(SeqCst) != 0 {
            return false;
        }
        ARRIVED.store(0, SeqCst);
        RUNG.store(!descriptor, SeqCst);
        OWNER.store(own, SeqCst);
        true
    }

    /// Installs the handler. Sleeping and polling calls are interrupted, most others go on (`SA_RESTART`).
    pub(crate) fn handle(signal: Signal) -> io::Result<()> {
        let mut action = blank_action();
        let handler: extern "C" fn(libc::c_int) = note;
        action.sa_sigaction = handler as usize;
        action.sa_flags = libc::SA_RESTART;
        sigaction(signal, Some(&action)).map(drop)
    }

    /// Whether nothing has arrived since the last `take`.
    pub(crate) fn is_quiet() -> bool {
        ARRIVED.load(SeqCst) == 0
    }

    /// Takes what has arrived.
    pub(crate) fn take() -> SignalSet {
        SignalSet::from_bits(ARRIVED.swap(0, SeqCst))
    }

    /// Gives the signals their defaults back and the claim up.
    pub(crate) fn release(set: SignalSet) {
        for signal in set {
            let _ = set_disposition(signal, Disposition::Default);
        }
        RUNG.store(0, SeqCst);
    }
}

/// Puts signal-hook's handler back where it was replaced by a default or ignored disposition.
///
/// signal-hook installs its handler once per process and signal. After [`crate::disposition`] has reset
/// one, as in every forked child, it would go on believing that its handler is there, and the signal
/// would end the process. So its address is kept when it is first seen.
fn revive(signal: Signal) -> io::Result<()> {
    static SEEN: [AtomicUsize; MAX as usize + 1] =
        [const { AtomicUsize::new(0) }; MAX as usize + 1];
    let seen = &SEEN[signal.number() as usize];
    if let Disposition::Handler(handler) = disposition(signal)? {
        // The first one is signal-hook's: whoever else comes later replaces it, and not by our hand.
        let _ = seen.compare_exchange(0, handler, Ordering::Relaxed, Ordering::Relaxed);
        return Ok(());
    }
    match seen.load(Ordering::Relaxed) {
        0 => Err(io::Error::other("its handler was removed behind signal-hook's back")),
        handler => set_disposition(signal, Disposition::Handler(handler)),
    }
}
