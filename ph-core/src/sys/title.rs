//! Process titles: what `ps` shows as command line, and the 15 bytes of `comm`.
//!
//! The kernel reads a command line from the memory between `arg_start` and `arg_end` of the process. [`Title::prepare`]
//! moves that pair, once in the master and by `PR_SET_MM_MAP`, to a page of our own: one byte of arguments, the
//! rest declared as environment. A last argument byte that is not NUL makes the kernel show the text up to the
//! first NUL even beyond `arg_end` (`fs/proc/base.c`, in place for the sake of setproctitle(3)); so a title is
//! exactly what was set, and a worker's costs no system call but the one for `comm`. Where the kernel was built
//! without `PR_SET_MM_MAP`, the original argument memory is overwritten instead, as far as it reaches.

use std::fmt;
use std::io::{self, Write as _};
use std::ptr::NonNull;

use super::{SysError, cvt};

const PAGE: usize = 4096;
/// Longest title, in bytes; what is beyond is cut.
const LONGEST: usize = 255;

/// Memory that the kernel shows as the command line.
#[derive(Debug)]
pub struct Title {
    start: NonNull<u8>,
    len: usize,
    /// What to show next, with at least one NUL behind it.
    text: [u8; LONGEST + 1],
    comm: [u8; 16],
}

impl Title {
    /// Makes the command line of this process, and of every process forked from it, one that can be set.
    pub fn prepare() -> Result<Self, SysError> {
        let layout = Layout::read().map_err(SysError::call("read the memory layout"))?;
        if let Ok(start) = move_arguments(&layout) {
            return Ok(Self::at(start, PAGE));
        }
        let len = layout.arg_end.saturating_sub(layout.arg_start);
        let start = NonNull::new(layout.arg_start as *mut u8)
            .filter(|_| len > 1)
            .ok_or_else(|| SysError::call("set a title")(io::ErrorKind::Unsupported.into()))?;
        Ok(Self::at(start, len))
    }

    fn at(start: NonNull<u8>, len: usize) -> Self {
        Self { start, len, text: [0; LONGEST + 1], comm: [0; 16] }
    }

    /// Sets the title of the calling process, and `comm` to its first 15 bytes.
    pub fn set(&mut self, title: fmt::Arguments<'_>) {
        self.lay_out(title);
        self.wear();
    }

    /// Lays a title out for a child that is about to be forked, which then only has to [`wear`](Self::wear) it.
    pub fn lay_out(&mut self, title: fmt::Arguments<'_>) {
        self.text = [0; LONGEST + 1];
        let most = LONGEST.min(self.len - 1);
        let mut room = &mut self.text[..most];
        // What doesn't fit is cut: the error says no more than that.
        let _ = room.write_fmt(title);
        let end = self.text.iter().position(|byte| *byte == 0).unwrap_or(LONGEST).min(15);
        self.comm = [0; 16];
        self.comm[..end].copy_from_slice(&self.text[..end]);
        // A character cut in two is left out.
        while std::str::from_utf8(&self.comm).is_err() {
            let last = self.comm.iter().rposition(|byte| *byte != 0).unwrap_or(0);
            self.comm[last] = 0;
        }
    }

    /// Shows the title that was laid out last. Takes no memory.
    pub fn wear(&mut self) {
        let shown = self.len.min(self.text.len());
        // SAFETY: `start` points to `len` writable bytes that live as long as the process: either the page made
        // for this purpose, or the original argument block, which nothing of ours reads after start-up. `shown` is
        // no more than that, nor than `text`, which lies elsewhere; a shorter memory still ends in a NUL, since a
        // title is laid out one byte shorter than it. `comm` ends in a NUL, and is copied by the call.
        unsafe {
            std::ptr::copy_nonoverlapping(self.text.as_ptr(), self.start.as_ptr(), shown);
            libc::prctl(libc::PR_SET_NAME, self.comm.as_ptr());
        }
    }
}

/// The parts of `/proc/self/stat` (proc(5), fields 26 to 51) that `PR_SET_MM_MAP` wants to be told again.
struct Layout {
    start_code: usize,
    end_code: usize,
    start_stack: usize,
    start_data: usize,
    end_data: usize,
    start_brk: usize,
    arg_start: usize,
    arg_end: usize,
}

impl Layout {
    fn read() -> io::Result<Self> {
        let stat = std::fs::read_to_string("/proc/self/stat")?;
        // The second field, comm, is in parentheses and may contain anything; the third follows the last one.
        let rest = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
        let fields: Vec<&str> = rest.split_ascii_whitespace().collect();
        let field = |number: usize| -> io::Result<usize> {
            let text = fields.get(number - 3).ok_or(io::ErrorKind::InvalidData)?;
            text.parse().map_err(|_| io::ErrorKind::InvalidData.into())
        };
        Ok(Self {
            start_code: field(26)?,
            end_code: field(27)?,
            start_stack: field(28)?,
            start_data: field(45)?,
            end_data: field(46)?,
            start_brk: field(47)?,
            arg_start: field(48)?,
            arg_end: field(49)?,
        })
    }
}

/// `struct prctl_mm_map` of `linux/prctl.h`.
#[repr(C)]
struct MmMap {
    start_code: u64,
    end_code: u64,
    start_data: u64,
    end_data: u64,
    start_brk: u64,
    brk: u64,
    start_stack: u64,
    arg_start: u64,
    arg_end: u64,
    env_start: u64,
    env_end: u64,
    auxv: u64,
    auxv_size: u32,
    exe_fd: u32,
}

/// A page of the heap: a mapping of its own would be one more for each fork to copy.
#[repr(align(4096))]
struct Page([u8; PAGE]);

fn move_arguments(layout: &Layout) -> io::Result<NonNull<u8>> {
    let mut page = Box::new(Page([0; PAGE]));
    // SAFETY: sbrk(0) moves nothing; it reports the current break.
    let brk = unsafe { libc::sbrk(0) } as u64;
    let start = page.0.as_mut_ptr() as u64;
    let map = MmMap {
        start_code: layout.start_code as u64,
        end_code: layout.end_code as u64,
        start_data: layout.start_data as u64,
        end_data: layout.end_data as u64,
        start_brk: layout.start_brk as u64,
        brk,
        start_stack: layout.start_stack as u64,
        arg_start: start,
        arg_end: start + 1,
        env_start: start + 1,
        env_end: start + PAGE as u64,
        auxv: 0,
        auxv_size: 0,
        exe_fd: u32::MAX,
    };
    // SAFETY: the kernel copies `map` and checks every address in it; all but the argument and environment pairs
    // are the values that it reported itself, and those two are only ever read, by /proc.
    cvt(unsafe {
        libc::prctl(libc::PR_SET_MM, libc::PR_SET_MM_MAP, &raw const map, size_of::<MmMap>(), 0)
    })?;
    Ok(NonNull::from(Box::leak(page)).cast())
}
