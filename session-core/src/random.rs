//! The only place that generates random numbers. All of them are from the operating system's CSPRNG.

use crate::{Error, ErrorKind};

/// Fills `buffer` from the operating system's CSPRNG.
#[expect(clippy::disallowed_methods, reason = "this file owns random numbers")]
pub(crate) fn fill(buffer: &mut [u8]) -> Result<(), Error> {
    getrandom::fill(buffer).map_err(|source| {
        Error::new(ErrorKind::Unavailable, "the operating system gave no random bytes").with_source(source)
    })
}

/// 64 random bits, straight from the operating system at every call. Nothing is fetched ahead of its use: the child of a
/// `fork`, or a machine image that is resumed twice, would generate what it has copied a second time.
pub(crate) fn u64() -> Result<u64, Error> {
    let mut bytes = [0; 8];
    fill(&mut bytes)?;
    Ok(u64::from_ne_bytes(bytes))
}

/// The constructor of an identity of 64 random bits, and its conversions.
macro_rules! random_identity {
    ($type:ident, $name:literal) => {
        impl $type {
            #[doc = concat!("A new ", $name, ".")]
            ///
            /// # Errors
            /// [`Unavailable`](crate::ErrorKind::Unavailable) when the operating system gives no random bytes.
            pub fn generate() -> Result<Self, crate::Error> {
                crate::random::u64().map(Self)
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
