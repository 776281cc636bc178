//! The one place that draws random numbers, all of them from the operating system's CSPRNG.

use std::cell::RefCell;

use crate::{Error, ErrorKind};

/// Fills `buffer` from the operating system's CSPRNG.
#[expect(clippy::disallowed_methods, reason = "this file owns random numbers")]
pub(crate) fn fill(buffer: &mut [u8]) -> Result<(), Error> {
    getrandom::fill(buffer).map_err(|source| {
        Error::new(ErrorKind::Unavailable, "the operating system gave no random bytes").with_source(source)
    })
}

/// 64 bits for what must be unpredictable (incarnations, owners of locks).
pub(crate) fn u64() -> Result<u64, Error> {
    let mut bytes = [0; 8];
    fill(&mut bytes)?;
    Ok(u64::from_ne_bytes(bytes))
}

/// How many numbers one call of the operating system fetches for [`buffered_u64`].
const BATCH: usize = 64;

// A child of `fork` that does not `exec` would draw the same numbers as its parent: the pool is not fork-safe.
thread_local! {
    static POOL: RefCell<(usize, [u8; BATCH * 8])> = const { RefCell::new((BATCH, [0; BATCH * 8])) };
}

/// 64 bits for what must only be unique: a system call serves 64 of them.
pub(crate) fn buffered_u64() -> Result<u64, Error> {
    POOL.with_borrow_mut(|(used, pool)| {
        if *used == BATCH {
            fill(pool)?;
            *used = 0;
        }
        let mut bytes = [0; 8];
        bytes.copy_from_slice(&pool[*used * 8..][..8]);
        *used += 1;
        Ok(u64::from_ne_bytes(bytes))
    })
}
