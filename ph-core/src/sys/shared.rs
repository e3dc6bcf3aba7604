//! Memory that processes share: a sealed memfd for the slots, an anonymous mapping for the guard.

use std::io;
use std::marker::PhantomData;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::ptr::NonNull;

use nix::fcntl::{FcntlArg, SealFlag, fcntl};
use nix::sys::memfd::{MFdFlags, memfd_create};

use super::SysError;

/// Types that any bit pattern is a value of, and that threads and processes may use at once: atomics, and structs
/// of nothing else.
///
/// # Safety
///
/// The type must be `repr(C)`, consist of atomics alone, and be valid for every bit pattern, all zeroes included.
pub unsafe trait Shareable: Sync {}

// SAFETY: an atomic integer alone; every bit pattern is a value.
unsafe impl Shareable for std::sync::atomic::AtomicI32 {}
// SAFETY: the same.
unsafe impl Shareable for std::sync::atomic::AtomicU64 {}
// SAFETY: repr(C), atomic integers and padding; every bit pattern is a value.
unsafe impl Shareable for crate::slots::Slot {}
// SAFETY: repr(C), atomic integers and padding; every bit pattern is a value.
unsafe impl Shareable for crate::slots::Board {}
// SAFETY: repr(C), atomic integers alone; every bit pattern is a value.
unsafe impl Shareable for crate::calls::Record {}

/// A shared mapping of a header page followed by an array of `T`, inherited by forked children.
///
/// It is never unmapped: whoever forked from us may hold references into it as long as the process lives.
#[derive(Debug)]
pub struct SharedTable<T: 'static> {
    items: &'static [T],
    header: NonNull<u8>,
    bytes: usize,
    fd: Option<OwnedFd>,
}

/// Bytes before the first item.
pub const HEADER: usize = 4096;
/// Where in the header the part begins that is shared as a whole.
const HEAD: usize = 128;

impl<T: Shareable> SharedTable<T> {
    /// A table in a memfd that nobody can resize any more: a shrunk one would kill its readers by SIGBUS.
    ///
    /// The memory is zero, and sparse: an item that nobody touches costs nothing.
    pub fn sealed(name: &std::ffi::CStr, len: usize, header: &[u8]) -> Result<Self, SysError> {
        let bytes = HEADER + len * size_of::<T>();
        let fd = sealed(name, bytes)?;
        Self::map(Some(fd), len, bytes, header)
    }

    /// The table of a program that this process was before, whose header must be the same.
    pub fn adopt(fd: OwnedFd, len: usize, header: &[u8]) -> Result<Self, SysError> {
        let bytes = HEADER + len * size_of::<T>();
        check_sealed(&fd, bytes)?;
        let start = map(Some(&fd), 0, bytes)?;
        // SAFETY: the mapping has `bytes` bytes of a file that can't be shrunk any more, is page-aligned and never unmapped;
        // the header is in its first page, and is written by nobody once there are workers. `T: Shareable` is made of
        // atomics, for which any bit pattern is a value.
        let (found, items) = unsafe {
            let found = std::slice::from_raw_parts(start.as_ptr(), header.len());
            (found, std::slice::from_raw_parts(start.as_ptr().add(HEADER).cast::<T>(), len))
        };
        if header.len() > HEAD || found != header {
            return Err(differs());
        }
        Ok(Self { items, header: start, bytes, fd: Some(fd) })
    }

    /// A table without a descriptor: only who is forked while it is inheritable can see it.
    pub fn anonymous(len: usize) -> Result<Self, SysError> {
        Self::map(None, len, HEADER + len * size_of::<T>(), &[])
    }

    fn map(fd: Option<OwnedFd>, len: usize, bytes: usize, header: &[u8]) -> Result<Self, SysError> {
        assert!(header.len() <= HEAD && align_of::<T>() <= HEADER, "a header or type too large");
        let start = map(fd.as_ref(), 0, bytes)?;
        // SAFETY: the mapping has `bytes` bytes, is zeroed, page-aligned, and never unmapped; `T: Shareable` is made
        // of atomics for which zero is a value, so references to it stay valid whatever other processes write.
        // The header lies before the items and is written here, before anyone else sees the mapping.
        let items = unsafe {
            std::ptr::copy_nonoverlapping(header.as_ptr(), start.as_ptr(), header.len());
            std::slice::from_raw_parts(start.as_ptr().add(HEADER).cast::<T>(), len)
        };
        Ok(Self { items, header: start, bytes, fd })
    }

    /// The items.
    pub fn items(&self) -> &'static [T] {
        self.items
    }

    /// What the header page holds beside the table's description.
    pub fn head<H: Shareable>(&self) -> &'static H {
        const { assert!(HEAD + size_of::<H>() <= HEADER && HEAD.is_multiple_of(align_of::<H>())) };
        // SAFETY: the place lies within the header page, which is zeroed, page-aligned and never unmapped, and aligned
        // for `H` (asserted above); `H: Shareable` is made of atomics for which any bit pattern is a value.
        unsafe { self.header.add(HEAD).cast::<H>().as_ref() }
    }

    /// The descriptor, for those who map it themselves.
    pub fn fd(&self) -> Option<BorrowedFd<'_>> {
        self.fd.as_ref().map(AsFd::as_fd)
    }

    /// Whether children that are forked from now on see the mapping (`MADV_DOFORK`, `MADV_DONTFORK`).
    pub fn inherit(&self, inherit: bool) -> Result<(), SysError> {
        let advice = if inherit { libc::MADV_DOFORK } else { libc::MADV_DONTFORK };
        // SAFETY: the range is exactly the mapping made in `map`; the advice changes what later forks copy, not
        // what this process sees.
        let done = unsafe { libc::madvise(self.header.as_ptr().cast(), self.bytes, advice) };
        super::cvt(done).map(drop).map_err(SysError::call("advise on shared memory"))
    }
}

/// The same in a file of which each process maps the part that concerns it. Who made it reads it without a mapping, so that no
/// fork has one to copy.
#[derive(Debug)]
pub struct SharedFile<T: 'static> {
    fd: OwnedFd,
    len: usize,
    items: PhantomData<&'static [T]>,
}

impl<T: Shareable> SharedFile<T> {
    /// As [`SharedTable::sealed`].
    pub fn sealed(name: &std::ffi::CStr, len: usize, header: &[u8]) -> Result<Self, SysError> {
        let fd = sealed(name, HEADER + len * size_of::<T>())?;
        nix::sys::uio::pwrite(&fd, header, 0)
            .map_err(|errno| SysError::call("write to shared memory")(errno.into()))?;
        Ok(Self { fd, len, items: PhantomData })
    }

    /// As [`SharedTable::adopt`].
    pub fn adopt(fd: OwnedFd, len: usize, header: &[u8]) -> Result<Self, SysError> {
        check_sealed(&fd, HEADER + len * size_of::<T>())?;
        let mut found = vec![0; header.len()];
        match nix::sys::uio::pread(&fd, &mut found, 0) {
            Ok(count) if found[..count] == *header => Ok(Self { fd, len, items: PhantomData }),
            _ => Err(differs()),
        }
    }

    /// The descriptor.
    pub fn fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }

    /// Some items, mapped for as long as this process lives. They begin and end at pages.
    pub fn window(&self, first: usize, count: usize) -> Result<&'static [T], SysError> {
        const { assert!(HEADER.is_multiple_of(align_of::<T>())) };
        assert!(first + count <= self.len, "items that there are not");
        let start = map(Some(&self.fd), Self::offset(first), count * size_of::<T>())?;
        // SAFETY: the mapping has so many bytes of a file that can't be shrunk, is page-aligned, which is enough for `T`
        // (asserted above), and is never unmapped; `T: Shareable` is made of atomics, for which any bit pattern is a value.
        Ok(unsafe { std::slice::from_raw_parts(start.as_ptr().cast::<T>(), count) })
    }

    /// A copy of one item, in words.
    pub fn read(&self, item: usize, words: &mut [u64]) -> io::Result<()> {
        let mut bytes = vec![0; size_of::<T>()];
        let count = nix::sys::uio::pread(&self.fd, &mut bytes, Self::offset(item) as libc::off_t)?;
        if count != bytes.len() {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        for (word, bytes) in words.iter_mut().zip(bytes.as_chunks().0) {
            *word = u64::from_ne_bytes(*bytes);
        }
        Ok(())
    }

    /// Gives the memory of some items back: they are zero again.
    pub fn clear(&self, first: usize, count: usize) {
        use rustix::fs::{FallocateFlags, fallocate};
        let flags = FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE;
        let (at, length) = (Self::offset(first) as u64, (count * size_of::<T>()) as u64);
        // A memfd has holes (memfd_create(2), fallocate(2)).
        let _ = fallocate(&self.fd, flags, at, length);
    }

    fn offset(item: usize) -> usize {
        HEADER + item * size_of::<T>()
    }
}

/// A memfd of this size that nobody can resize any more.
fn sealed(name: &std::ffi::CStr, bytes: usize) -> Result<OwnedFd, SysError> {
    let fd = memfd_create(name, MFdFlags::MFD_CLOEXEC | MFdFlags::MFD_ALLOW_SEALING)
        .map_err(|errno| SysError::call("create shared memory")(errno.into()))?;
    nix::unistd::ftruncate(&fd, bytes as libc::off_t)
        .map_err(|errno| SysError::call("size shared memory")(errno.into()))?;
    let seals = SealFlag::F_SEAL_SHRINK | SealFlag::F_SEAL_GROW | SealFlag::F_SEAL_SEAL;
    fcntl(&fd, FcntlArg::F_ADD_SEALS(seals))
        .map_err(|errno| SysError::call("seal shared memory")(errno.into()))?;
    Ok(fd)
}

/// Whether that is what it is.
fn check_sealed(fd: &OwnedFd, bytes: usize) -> Result<(), SysError> {
    let size = nix::sys::stat::fstat(fd).map_err(io::Error::from);
    let size = size.map_err(SysError::call("look at shared memory"))?.st_size;
    let seals = fcntl(fd, FcntlArg::F_GET_SEALS).map(SealFlag::from_bits_truncate);
    let sealed = seals.is_ok_and(|it| it.contains(SealFlag::F_SEAL_SHRINK));
    if sealed && size == bytes as libc::off_t { Ok(()) } else { Err(differs()) }
}

fn differs() -> SysError {
    SysError::call("share memory with the former program")(io::ErrorKind::InvalidData.into())
}

/// A new mapping, shared with every process that is forked from now on: of this file from `offset` on, or of zeroes.
pub(super) fn map(
    fd: Option<&OwnedFd>,
    offset: usize,
    bytes: usize,
) -> Result<NonNull<u8>, SysError> {
    use std::os::fd::AsRawFd as _;
    let flags = libc::MAP_SHARED | if fd.is_none() { libc::MAP_ANONYMOUS } else { 0 };
    let raw = fd.map_or(-1, OwnedFd::as_raw_fd);
    let access = libc::PROT_READ | libc::PROT_WRITE;
    // SAFETY: a new mapping at an address of the kernel's choice touches no existing memory.
    let start = unsafe {
        libc::mmap(std::ptr::null_mut(), bytes, access, flags, raw, offset as libc::off_t)
    };
    let start = if start == libc::MAP_FAILED { None } else { NonNull::new(start.cast::<u8>()) };
    start.ok_or_else(io::Error::last_os_error).map_err(SysError::call("map shared memory"))
}
