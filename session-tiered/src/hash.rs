//! The hash of a digest, under a key that no client knows.
//!
//! A digest is a hash already, but of an id that a client sends. It can compute many ids and send those whose digests share
//! the bits that a table uses, so that all of them fall into one place of the table.

use std::{
    hash::{BuildHasher, Hasher, RandomState},
    sync::LazyLock,
};

/// The key of this process.
static KEY: LazyLock<Key> = LazyLock::new(Key::generate);

/// Hashes digests and incarnations under a key.
#[derive(Clone, Debug)]
pub(crate) struct ByDigest(&'static Key);

/// Two random numbers, one for each half of a digest.
#[derive(Debug)]
struct Key([u64; 2]);

impl Key {
    fn generate() -> Self {
        let random = RandomState::new();
        Self([0, 1].map(|n: u8| random.hash_one(n)))
    }

    /// Multiplies the halves under the key, and folds the product. Each bit of the hash depends on all bits of the digest and
    /// of the key. SipHash would take several times as long.
    #[inline]
    fn hash(&self, words: [u64; 2]) -> u64 {
        let product = u128::from(words[0] ^ self.0[0]) * u128::from(words[1] ^ self.0[1]);
        product as u64 ^ (product >> 64) as u64
    }
}

impl Default for ByDigest {
    fn default() -> Self {
        Self(&KEY)
    }
}

impl BuildHasher for ByDigest {
    type Hasher = DigestHasher;

    #[inline]
    fn build_hasher(&self) -> DigestHasher {
        DigestHasher { key: self.0, words: [0; 2] }
    }
}

/// Takes the 16 bytes of a digest's hash, or the 64 bits of an incarnation.
#[derive(Clone, Debug)]
pub(crate) struct DigestHasher {
    key: &'static Key,
    words: [u64; 2],
}

impl Hasher for DigestHasher {
    #[inline]
    fn write(&mut self, bytes: &[u8]) {
        if let (Some(first), Some(last)) = (bytes.first_chunk(), bytes.last_chunk()) {
            self.words = [u64::from_ne_bytes(*first), u64::from_ne_bytes(*last)];
        }
    }

    #[inline]
    fn write_u64(&mut self, bits: u64) {
        self.words[0] = bits;
    }

    // The partition and the length add nothing to the hash.
    #[inline]
    fn write_u16(&mut self, _: u16) {}

    #[inline]
    fn write_usize(&mut self, _: usize) {}

    #[inline]
    fn finish(&self) -> u64 {
        self.key.hash(self.words)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use session_core::model::IdDigest;

    use super::*;

    /// Digests that agree in all but four of their bytes, as a client could choose them that computes many ids.
    fn chosen(count: u32) -> Vec<IdDigest> {
        let digest = |n: u32| {
            let mut bytes = [7; 18];
            bytes[14..].copy_from_slice(&n.to_be_bytes());
            IdDigest::from(&bytes)
        };
        (0..count).map(digest).collect()
    }

    /// A client may choose its ids so that their digests agree in the bits that a table uses.
    #[test]
    fn chosen_digests_are_spread_over_a_table() {
        let by_digest = ByDigest::default();
        for bits in [0..15, 32..47, 49..64] {
            let places: HashSet<u64> =
                chosen(1 << 15).iter().map(|digest| by_digest.hash_one(digest) >> bits.start & 0x7fff).collect();
            // Of n random places in a table with n, about 0.63 n are different ones.
            assert!(places.len() > 1 << 14, "{} places of {} by the bits {bits:?}", places.len(), 1 << 15);
        }
    }

    /// So a client cannot learn from one node which digests collide on another one.
    #[test]
    fn processes_hash_differently() {
        let [one, other] = [Key::generate(), Key::generate()];
        assert_ne!(one.hash([1, 2]), other.hash([1, 2]));
        assert_ne!(one.hash([1, 2]), one.hash([2, 1]));
    }
}
