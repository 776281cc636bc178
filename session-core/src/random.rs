//! The only place that generates random numbers. All of them are from the operating system's CSPRNG.

use std::cell::RefCell;

use crate::{Error, ErrorKind};

/// Fills `buffer` from the operating system's CSPRNG.
#[expect(clippy::disallowed_methods, reason = "this file owns random numbers")]
pub(crate) fn fill(buffer: &mut [u8]) -> Result<(), Error> {
    getrandom::fill(buffer).map_err(|source| {
        Error::new(ErrorKind::Unavailable, "the operating system gave no random bytes").with_source(source)
    })
}

/// 64 bits that must be unpredictable (incarnations, owners of locks).
pub(crate) fn u64() -> Result<u64, Error> {
    let mut bytes = [0; 8];
    fill(&mut bytes)?;
    Ok(u64::from_ne_bytes(bytes))
}

/// The number of values that one system call fetches for [`buffered_u64`].
const BATCH: usize = 64;

// The pool is not fork-safe: a child of `fork` that does not `exec` would generate the same numbers as its parent.
thread_local! {
    static POOL: RefCell<(usize, [u8; BATCH * 8])> = const { RefCell::new((BATCH, [0; BATCH * 8])) };
}

/// 64 bits that only have to be unique. One system call serves 64 of them.
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

/// The constructor of an identity of 64 random bits, and its conversions.
macro_rules! random_identity {
    ($type:ident, $name:literal, $source:path) => {
        impl $type {
            #[doc = concat!("A new ", $name, ".")]
            ///
            /// # Errors
            /// [`Unavailable`](crate::ErrorKind::Unavailable) when the operating system gives no random bytes.
            pub fn generate() -> Result<Self, crate::Error> {
                $source().map(Self)
            }
        }

        impl From<u64> for $type {
            fn from(bits: u64) -> Self {
                Self(bits)
            }
        }

        impl From<$type> for u64 {
            fn from(identity: $type) -> Self {
                identity.0
            }
        }
    };
}
pub(crate) use random_identity;
