use std::fmt;

use chacha20poly1305::{
    KeyInit, XChaCha20Poly1305, XNonce,
    aead::{Aead, Payload},
};
use sha2::{Digest as _, Sha256};

use crate::{
    codec::{Codec, CodecError, Codecs, Location, Read},
    model::{Entry, Format, Value},
    random,
};

const KEY_ID: usize = 4;
const NONCE: usize = 24;

/// Values sealed by XChaCha20-Poly1305 (draft-irtf-cfrg-xchacha, with a random 192-bit nonce for each value).
///
/// The field, the key and the session's incarnation are bound in as associated data, so a sealed value opens only at
/// its own place: it cannot be moved to another field, key or session. Field names, keys, members of sets and lengths
/// are not hidden. An attacker who can write to the store can still put back an older value of the same entry.
///
/// Members of sets have no value, so there is nothing to seal: an attacker who can write to the store can add and
/// remove them. Keep data that grants something, such as roles, in sealed values: in a map to a value, or in one
/// scalar.
///
/// ```
/// use session_core::codec::{Bincode, Codecs, KeyRing, Sealed};
///
/// let ring = KeyRing::new([7; 32]).also_opens([6; 32]); // the second key is being phased out
/// let codecs = Codecs::new(Sealed::new(Codecs::new(Bincode), ring));
/// # let _ = codecs;
/// ```
#[derive(Clone, Debug)]
pub struct Sealed {
    inner: Codecs,
    ring: KeyRing,
}

/// The keys of [`Sealed`]: the first key seals, and all keys open. To rotate keys, first add the new key on every node.
/// Then put it first everywhere. Drop the old key when the last session written with it has ended.
#[derive(Clone)]
pub struct KeyRing(Vec<SealingKey>);

#[derive(Clone)]
struct SealingKey {
    /// Derived from the key. It tells which key sealed a value.
    id: [u8; KEY_ID],
    cipher: XChaCha20Poly1305,
}

impl SealingKey {
    fn new(key: [u8; 32]) -> Self {
        let digest = Sha256::new().chain_update(b"session-core sealing key id").chain_update(key).finalize();
        let id = [digest[0], digest[1], digest[2], digest[3]];
        Self { id, cipher: XChaCha20Poly1305::new(&key.into()) }
    }
}

impl KeyRing {
    /// A ring of one key: 32 bytes from a CSPRNG, not a password.
    pub fn new(key: [u8; 32]) -> Self {
        Self(vec![SealingKey::new(key)])
    }

    /// Adds a key that opens.
    #[must_use]
    pub fn also_opens(mut self, key: [u8; 32]) -> Self {
        self.0.push(SealingKey::new(key));
        self
    }
}

impl fmt::Debug for KeyRing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyRing({} keys)", self.0.len())
    }
}

impl Sealed {
    /// Seals the values that `inner` writes, and opens the values that it reads.
    pub fn new(inner: Codecs, ring: KeyRing) -> Self {
        Self { inner, ring }
    }

    fn seal(&self, plain: &Value, at: &Location<'_>) -> Result<Value, CodecError> {
        let SealingKey { id, cipher } = &self.ring.0[0];
        let mut nonce = [0; NONCE];
        random::fill(&mut nonce)?;
        let payload = Payload { msg: plain.as_bytes(), aad: &associated_data(*id, at) };
        let sealed = cipher.encrypt(&XNonce::from(nonce), payload).map_err(|_| "sealing failed")?;
        Ok(Value::new(Format::SEALED, &[&id[..], &nonce, &sealed].concat()))
    }
}

/// The data that a value is bound to. It is unambiguous, because the length of the field precedes the field.
fn associated_data(key_id: [u8; KEY_ID], at: &Location<'_>) -> Vec<u8> {
    let (kind, field, key) = match at.entry {
        Entry::Scalar(field) => (0, field, ""),
        Entry::Keyed(field, key) => (1, field, key.as_str()),
    };
    let mut data = vec![Format::SEALED.byte()];
    data.extend_from_slice(&key_id);
    data.extend_from_slice(&u64::from(at.incarnation).to_be_bytes());
    data.push(kind);
    data.extend_from_slice(&(field.as_str().len() as u64).to_be_bytes());
    data.extend_from_slice(field.as_str().as_bytes());
    data.extend_from_slice(key.as_bytes());
    data
}

impl Codec for Sealed {
    fn format(&self) -> Format {
        Format::SEALED
    }

    fn encode(&self, value: &dyn erased_serde::Serialize, at: &Location<'_>) -> Result<Value, CodecError> {
        self.seal(&self.inner.encode_first(value, at)?, at)
    }

    fn decode<'de>(&self, _: &'de [u8], _: Read<'_, 'de>) -> Result<(), CodecError> {
        Err("a sealed value must be opened first".into())
    }
    fn unwrap(&self, value: &Value, at: &Location<'_>) -> Result<Option<Value>, CodecError> {
        let payload = value.payload();
        let (id, rest) = payload.split_first_chunk::<KEY_ID>().ok_or("truncated")?;
        let (nonce, sealed) = rest.split_first_chunk::<NONCE>().ok_or("truncated")?;
        let aad = associated_data(*id, at);
        self.ring
            .0
            .iter()
            .filter(|key| key.id == *id)
            .find_map(|key| key.cipher.decrypt(&XNonce::from(*nonce), Payload { msg: sealed, aad: &aad }).ok())
            .map(|plain| Some(Value::from(plain)))
            .ok_or_else(|| "no key of the ring opens this value here".into())
    }

    fn wrap(&self, plain: &Value, at: &Location<'_>) -> Result<Option<Value>, CodecError> {
        self.seal(plain, at).map(Some)
    }

    fn inner(&self) -> Option<&Codecs> {
        Some(&self.inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        codec::Bincode,
        model::{Field, Incarnation, Key},
    };

    fn codecs(ring: KeyRing) -> Codecs {
        Codecs::new(Sealed::new(Codecs::new(Bincode), ring))
    }

    #[test]
    fn a_sealed_value_opens_only_where_it_was_put() {
        let (cart, other) = (Field::new("cart").unwrap(), Field::new("other").unwrap());
        let (a, b) = (Key::new("a").unwrap(), Key::new("b").unwrap());
        let (here, elsewhere) = (Incarnation::from(1), Incarnation::from(2));
        let at = Location { incarnation: here, entry: Entry::Keyed(&cart, &a) };
        let codecs = codecs(KeyRing::new([1; 32]));
        let value = codecs.encode(&7u32, &at).unwrap();
        assert_eq!(codecs.decode::<u32>(&value, &at).unwrap(), 7);
        for entry in [Entry::Keyed(&cart, &b), Entry::Keyed(&other, &a), Entry::Scalar(&cart)] {
            let error = codecs.decode::<u32>(&value, &Location { entry, ..at }).unwrap_err();
            assert_eq!(error.kind(), crate::ErrorKind::UnreadableField);
        }
        assert!(codecs.decode::<u32>(&value, &Location { incarnation: elsewhere, ..at }).is_err());
    }

    #[test]
    fn a_plain_value_is_not_taken_for_a_sealed_one() {
        let field = Field::new("f").unwrap();
        let at = Location { incarnation: Incarnation::from(1), entry: Entry::Scalar(&field) };
        let plain = Codecs::new(Bincode).encode("planted", &at).unwrap();
        assert!(codecs(KeyRing::new([1; 32])).decode::<String>(&plain, &at).is_err());
        let migrating = codecs(KeyRing::new([1; 32])).also_reads(Bincode);
        assert_eq!(migrating.decode::<String>(&plain, &at).unwrap(), "planted");
    }

    #[test]
    fn the_first_key_seals_and_all_open() {
        let field = Field::new("f").unwrap();
        let at = Location { incarnation: Incarnation::from(1), entry: Entry::Scalar(&field) };
        let old = codecs(KeyRing::new([1; 32]));
        let both = codecs(KeyRing::new([2; 32]).also_opens([1; 32]));
        let new = codecs(KeyRing::new([2; 32]));
        let sealed = old.encode("x", &at).unwrap();
        assert_eq!(both.decode::<String>(&sealed, &at).unwrap(), "x");
        assert!(new.decode::<String>(&sealed, &at).is_err());
        let sealed = both.encode("y", &at).unwrap();
        assert_eq!(new.decode::<String>(&sealed, &at).unwrap(), "y");
        assert!(old.decode::<String>(&sealed, &at).is_err());
    }

    #[test]
    fn every_flipped_bit_and_every_truncation_is_noticed() {
        let field = Field::new("f").unwrap();
        let at = Location { incarnation: Incarnation::from(1), entry: Entry::Scalar(&field) };
        let codecs = codecs(KeyRing::new([1; 32]));
        let sealed = codecs.encode("secret", &at).unwrap();
        assert!(!sealed.as_bytes().windows(6).any(|window| window == b"secret"));
        for bit in 0..sealed.len() * 8 {
            let mut bytes = sealed.as_bytes().to_vec();
            bytes[bit / 8] ^= 1 << (bit % 8);
            assert!(codecs.decode::<String>(&Value::from(bytes), &at).is_err(), "bit {bit}");
        }
        for len in 0..sealed.len() {
            let value = Value::from(sealed.to_bytes().slice(..len));
            assert!(codecs.decode::<String>(&value, &at).is_err(), "length {len}");
        }
    }
}
