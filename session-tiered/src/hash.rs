//! The hash of a digest. Digests are uniformly random already, so 64 of their bits serve as the hash.

use std::hash::{BuildHasherDefault, Hasher};

/// Takes the first eight bytes of its input.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct FirstBytes(u64);

pub(crate) type ByDigest = BuildHasherDefault<FirstBytes>;

impl Hasher for FirstBytes {
    fn write(&mut self, bytes: &[u8]) {
        if let Some(first) = bytes.first_chunk() {
            self.0 = u64::from_ne_bytes(*first);
        }
    }

    fn write_u64(&mut self, bits: u64) {
        self.0 = bits;
    }

    // The partition and the length add nothing to the hash.
    fn write_u16(&mut self, _: u16) {}

    fn write_usize(&mut self, _: usize) {}

    fn finish(&self) -> u64 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use std::hash::BuildHasher as _;

    use session_core::SessionId;

    use super::*;

    #[test]
    fn a_digest_is_its_own_hash() {
        let id = SessionId::generate().unwrap();
        assert_eq!(ByDigest::default().hash_one(id.digest()), id.digest().hash_bits());
    }
}
