//! The master's own memory: what it does not use, no worker has to copy.

/// Gives free heap memory back to the kernel.
///
/// Reading arguments and configuration leaves many free but touched pages; each would be copied into the page table
/// of every worker, and again, page by page, when either side writes to it.
pub fn give_back() {
    // SAFETY: malloc_trim only releases memory that the allocator holds as free (malloc_trim(3)).
    #[cfg(target_env = "gnu")]
    unsafe {
        libc::malloc_trim(0);
    }
}
