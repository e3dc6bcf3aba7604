//! A lock that processes share and that the kernel frees when its holder dies: a robust mutex in shared memory.
//!
//! `pthread_mutexattr_setrobust(3)`. It works for processes made by glibc's `fork`, which registers the child's list of
//! robust mutexes; a raw `clone3` would not.

use std::cell::UnsafeCell;
use std::io;
use std::marker::PhantomData;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::time::Duration;

use super::SysError;
use super::shared;

/// In shared memory: the mutex, and for people who holds it.
#[derive(Debug)]
#[repr(C)]
struct Place {
    mutex: UnsafeCell<libc::pthread_mutex_t>,
    /// The holder's slot plus one; 0 while it is free.
    holder: AtomicU32,
}

// SAFETY: the mutex is made for use by several threads and processes (PTHREAD_PROCESS_SHARED), and only its own functions
// touch it; the rest is atomic.
unsafe impl Sync for Place {}

/// The lock by which workers take turns at accepting. Copies are the same lock.
#[derive(Clone, Copy, Debug)]
pub struct AcceptLock(&'static Place);

/// The lock in hand; free again when this is dropped.
///
/// It stays in the thread that took it: the kernel knows the lock as that thread's.
#[derive(Debug)]
pub struct Held(AcceptLock, PhantomData<*const ()>);

impl AcceptLock {
    /// Makes a lock that this process and all that it forks from now on share. Its memory is never given back.
    pub fn create() -> Result<Self, SysError> {
        let start = shared::map(None, 0, size_of::<Place>())?;
        // SAFETY: the mapping is fresh, zeroed, page-aligned, large enough, never unmapped, and nobody else knows it
        // yet. The attributes are initialised before their use and destroyed after it; the mutex is initialised in the place
        // where it stays.
        let place = unsafe {
            let place = start.cast::<Place>().as_ptr();
            let mut attributes: libc::pthread_mutexattr_t = std::mem::zeroed();
            let made = check(libc::pthread_mutexattr_init(&raw mut attributes)).and_then(|()| {
                let shared = libc::PTHREAD_PROCESS_SHARED;
                check(libc::pthread_mutexattr_setpshared(&raw mut attributes, shared))?;
                let robust = libc::PTHREAD_MUTEX_ROBUST;
                check(libc::pthread_mutexattr_setrobust(&raw mut attributes, robust))?;
                check(libc::pthread_mutex_init((*place).mutex.get(), &raw const attributes))
            });
            libc::pthread_mutexattr_destroy(&raw mut attributes);
            made.map_err(SysError::call("make a lock that processes share"))?;
            &*place
        };
        Ok(Self(place))
    }

    /// Takes the lock for the worker in this slot, waiting up to `patience` for it.
    ///
    /// `None` when it can't be had: its holder was stopped in the middle of its turn, most likely. What it guards, the
    /// kernel orders anyway, so the caller may go on without.
    pub fn take(&self, slot: u32, patience: Duration) -> Option<Held> {
        let mutex = self.0.mutex.get();
        // SAFETY: the mutex was initialised by `create` and is never destroyed; the time is a valid timespec. After
        // EOWNERDEAD the lock is ours, and there is no state behind it that could be inconsistent.
        let taken = unsafe {
            let mut result = libc::pthread_mutex_trylock(mutex);
            if result == libc::EBUSY {
                let mut until: libc::timespec = std::mem::zeroed();
                libc::clock_gettime(libc::CLOCK_REALTIME, &raw mut until);
                let nanos = until.tv_nsec + i64::from(patience.subsec_nanos());
                until.tv_sec += patience.as_secs() as i64 + nanos / 1_000_000_000;
                until.tv_nsec = nanos % 1_000_000_000;
                result = libc::pthread_mutex_timedlock(mutex, &raw const until);
            }
            if result == libc::EOWNERDEAD {
                result = libc::pthread_mutex_consistent(mutex);
            }
            result == 0
        };
        taken.then(|| {
            self.0.holder.store(slot + 1, Relaxed);
            Held(*self, PhantomData)
        })
    }

    /// The slot of the worker that holds it at this moment, or died holding it and has no successor in that yet.
    pub fn holder(&self) -> Option<u32> {
        self.0.holder.load(Relaxed).checked_sub(1)
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.0.0.holder.store(0, Relaxed);
        // SAFETY: the lock is held by this thread: `take` is the only way to a `Held`, which is not `Send`.
        unsafe {
            libc::pthread_mutex_unlock(self.0.0.mutex.get());
        }
    }
}

/// The result of a pthread function, which returns its error.
fn check(result: libc::c_int) -> io::Result<()> {
    if result == 0 { Ok(()) } else { Err(io::Error::from_raw_os_error(result)) }
}
