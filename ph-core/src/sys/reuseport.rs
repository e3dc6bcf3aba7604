//! Which of several listeners on one address the kernel gives a new connection to (`SO_REUSEPORT`, socket(7)).
//!
//! By itself it goes by a hash of the addresses. A classic BPF program can choose instead: it returns the number of a
//! listener, in the order in which they began to listen (`reuseport_select_sock` in `net/core/sock_reuseport.c`).

use std::io;
use std::os::fd::{AsFd, AsRawFd as _};

use super::cvt;

/// Most listeners that a program leaves out: it has at most 4096 instructions, two for each.
const MOST: usize = 2000;

/// Has the kernel choose among `count` listeners at random, but for those numbered in `except`, which ascend.
///
/// Any of the listeners will do; what is chosen concerns them all. With none left to choose, nothing is left out.
pub fn choose(listener: impl AsFd, count: u32, except: &[u32]) -> io::Result<()> {
    let except = &except[..except.len().min(MOST)];
    let left = count.saturating_sub(except.len() as u32);
    if except.is_empty() || left == 0 {
        return by_hash(listener);
    }
    let mut program = program(left, except);
    let filter =
        libc::sock_fprog { len: program.len() as libc::c_ushort, filter: program.as_mut_ptr() };
    set(listener, libc::SO_ATTACH_REUSEPORT_CBPF, &filter)
}

/// Leaves the choice to the kernel.
fn by_hash(listener: impl AsFd) -> io::Result<()> {
    match set(listener, libc::SO_DETACH_REUSEPORT_BPF, &0) {
        // There was no program.
        Err(error) if error.raw_os_error() == Some(libc::ENOENT) => Ok(()),
        result => result,
    }
}

/// A random number below `left`, then the number of the listener that has that place among those that are left.
fn program(left: u32, except: &[u32]) -> Vec<libc::sock_filter> {
    let step = |code: u32, jf: u8, k: u32| libc::sock_filter { code: code as u16, jt: 0, jf, k };
    let random = (libc::SKF_AD_OFF + libc::SKF_AD_RANDOM) as u32;
    let mut program = vec![
        step(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, 0, random),
        step(libc::BPF_ALU | libc::BPF_MOD | libc::BPF_K, 0, left),
    ];
    for &number in except {
        // From here on every place is one further on.
        program.push(step(libc::BPF_JMP | libc::BPF_JGE | libc::BPF_K, 1, number));
        program.push(step(libc::BPF_ALU | libc::BPF_ADD | libc::BPF_K, 0, 1));
    }
    program.push(step(libc::BPF_RET | BPF_A, 0, 0));
    program
}

/// `BPF_A` of `linux/filter.h`: the accumulator.
const BPF_A: u32 = 0x10;

fn set<T>(listener: impl AsFd, option: libc::c_int, value: &T) -> io::Result<()> {
    // SAFETY: the kernel reads no more than the value's own size, and for a program what its pointer and length say,
    // which are those of a vector that outlives the call.
    cvt(unsafe {
        libc::setsockopt(
            listener.as_fd().as_raw_fd(),
            libc::SOL_SOCKET,
            option,
            std::ptr::from_ref(value).cast(),
            size_of::<T>() as libc::socklen_t,
        )
    })
    .map(drop)
}
