//! Session ids, which browsers hold, and the digests under which a store keeps sessions.

use std::{fmt, hash::Hash, str::FromStr};

use base64ct::{Base64UrlUnpadded, Encoding as _};
use sha2::{Digest as _, Sha256};

use crate::{Error, ErrorKind, random};

const PARTITION: usize = 2;
const LEN: usize = PARTITION + 16;

/// The bits of the first two bytes that name a partition. The four bits above them are kept for a region; new ids have
/// zeros there.
const PARTITION_BITS: u16 = (1 << 12) - 1;

/// A session id: two bytes whose low twelve bits name a partition, and 128 random bits from the operating system's CSPRNG.
///
/// The random bits are fresh in every id, those of a rotation too. The four bits above the partition are kept for the
/// region of a session that lives in several data centres, and are zero for now. They are part of the id, and nothing
/// compares or interprets them.
///
/// An id is a bearer secret: everyone who has it has the session. Neither `Debug` nor `Display` prints it, and
/// [`expose`](Self::expose) is the only way to its text (24 characters, URL-safe). Parsing is strict: one text per id,
/// no padding, no white space. Stores never see the id, only its [digest](Self::digest), which is computed once.
///
/// ```
/// use session_core::SessionId;
///
/// let id = SessionId::generate()?;
/// let cookie = id.expose();
/// assert_eq!(cookie.parse::<SessionId>()?, id);
/// assert!(!format!("{id:?}").contains(&cookie));
/// # Ok::<(), session_core::Error>(())
/// ```
#[derive(Clone, Copy)]
pub struct SessionId {
    bytes: [u8; LEN],
    digest: IdDigest,
}

impl SessionId {
    /// Length of the text form, in bytes.
    const TEXT_LEN: usize = 24;

    /// A new id in a random partition.
    ///
    /// # Errors
    /// [`Unavailable`](ErrorKind::Unavailable) when the operating system gives no random bytes.
    pub fn generate() -> Result<Self, Error> {
        let mut bytes = [0; LEN];
        random::fill(&mut bytes)?;
        bytes[0] &= (PARTITION_BITS >> 8) as u8;
        Ok(Self::from_bytes(bytes))
    }

    /// A new id in the same partition, for the target of a rotation.
    ///
    /// # Errors
    /// [`Unavailable`](ErrorKind::Unavailable) when the operating system gives no random bytes.
    pub fn generate_sibling(&self) -> Result<Self, Error> {
        let mut bytes = self.bytes;
        random::fill(&mut bytes[PARTITION..])?;
        Ok(Self::from_bytes(bytes))
    }

    fn from_bytes(bytes: [u8; LEN]) -> Self {
        Self { bytes, digest: IdDigest::of(&bytes) }
    }

    /// The secret text form, for a cookie or a header.
    pub fn expose(&self) -> String {
        Base64UrlUnpadded::encode_string(&self.bytes)
    }

    /// The digest under which stores know this id.
    pub fn digest(&self) -> &IdDigest {
        &self.digest
    }
}

impl FromStr for SessionId {
    type Err = Error;

    /// Parses the text form. Browsers also send cookies of other applications under the same name, so treat a cookie that is
    /// no session id as no cookie, as [`Sessions::open_text`](crate::Sessions::open_text) does, and not as a bad request.
    ///
    /// # Errors
    /// [`InvalidInput`](ErrorKind::InvalidInput) for any text but that of [`expose`](SessionId::expose).
    fn from_str(text: &str) -> Result<Self, Error> {
        let invalid = || Error::new(ErrorKind::InvalidInput, "not a session id");
        if text.len() != Self::TEXT_LEN {
            return Err(invalid());
        }
        let mut bytes = [0; LEN];
        Base64UrlUnpadded::decode(text, &mut bytes).map_err(|_| invalid())?;
        Ok(Self::from_bytes(bytes))
    }
}

/// Ids are compared by their digests, so the timing of a comparison reveals nothing about the id.
impl PartialEq for SessionId {
    fn eq(&self, other: &Self) -> bool {
        self.digest == other.digest
    }
}

impl Eq for SessionId {}

impl Hash for SessionId {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.digest.hash(state);
    }
}

impl fmt::Debug for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SessionId(redacted)")
    }
}

impl fmt::Display for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("redacted")
    }
}

/// The name under which a store keeps a session: the first two bytes of its id, which hold its partition, and the first
/// 128 bits of the id's SHA-256.
///
/// The id cannot be computed from its digest, so a dump, a replica or a log of a store holds no usable id. A digest gives
/// no access: [`Sessions::revoke`](crate::Sessions::revoke) takes one, and its text form (24 characters, URL-safe) can go
/// into a link that ends a session.
///
/// ```
/// use session_core::{SessionId, model::IdDigest};
///
/// let digest = *SessionId::generate()?.digest();
/// let link = format!("/sessions/{digest}/revoke");
/// assert_eq!(link.split('/').nth(2).unwrap().parse::<IdDigest>()?, digest);
/// # Ok::<(), session_core::Error>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct IdDigest {
    /// The first two bytes of the id: the bits kept for a region, and the partition.
    first: u16,
    hash: [u8; 16],
}

impl IdDigest {
    /// Length of the byte form.
    const LEN: usize = 18;

    /// Length of the text form, in bytes.
    const TEXT_LEN: usize = 24;

    fn of(id: &[u8; LEN]) -> Self {
        let digest = Sha256::digest(id);
        let mut hash = [0; 16];
        hash.copy_from_slice(&digest[..16]);
        Self { first: u16::from_be_bytes([id[0], id[1]]), hash }
    }

    /// The twelve bits of the id that name a partition. A store with P partitions, at most 4,096, uses the low log2(P) of
    /// them.
    pub const fn partition(&self) -> u16 {
        self.first & PARTITION_BITS
    }

    /// 64 bits of the hash, uniformly distributed. A hash table of issued ids can use them directly. One of ids that clients send
    /// needs a key of its own: a client can compute ids whose digests share some of these bits.
    pub const fn hash_bits(&self) -> u64 {
        let h = &self.hash;
        u64::from_ne_bytes([h[0], h[1], h[2], h[3], h[4], h[5], h[6], h[7]])
    }

    /// The byte form: the first two bytes of the id, then the hash.
    pub fn to_bytes(self) -> [u8; 18] {
        let mut bytes = [0; Self::LEN];
        bytes[..2].copy_from_slice(&self.first.to_be_bytes());
        bytes[2..].copy_from_slice(&self.hash);
        bytes
    }
}

impl From<&[u8; 18]> for IdDigest {
    /// The inverse of [`to_bytes`](Self::to_bytes).
    fn from(bytes: &[u8; 18]) -> Self {
        let mut hash = [0; 16];
        hash.copy_from_slice(&bytes[2..]);
        Self { first: u16::from_be_bytes([bytes[0], bytes[1]]), hash }
    }
}

impl fmt::Display for IdDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = [0; IdDigest::TEXT_LEN];
        let text = Base64UrlUnpadded::encode(&self.to_bytes(), &mut text).map_err(|_| fmt::Error)?;
        f.pad(text)
    }
}

impl FromStr for IdDigest {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let invalid = || Error::new(ErrorKind::InvalidInput, "not the digest of a session id");
        if text.len() != Self::TEXT_LEN {
            return Err(invalid());
        }
        let mut bytes = [0; Self::LEN];
        Base64UrlUnpadded::decode(text, &mut bytes).map_err(|_| invalid())?;
        Ok(Self::from(&bytes))
    }
}

impl fmt::Debug for IdDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "IdDigest({:04x}:{:016x}…)", self.first, self.hash_bits().to_be())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn text_form_round_trips_and_is_canonical() {
        for _ in 0..1_000 {
            let id = SessionId::generate().unwrap();
            let text = id.expose();
            assert_eq!(text.len(), SessionId::TEXT_LEN);
            let parsed: SessionId = text.parse().unwrap();
            assert_eq!(parsed, id);
            assert_eq!(parsed.expose(), text);
        }
    }

    #[test]
    fn a_sibling_keeps_the_first_two_bytes_and_nothing_else() {
        let id = SessionId::generate().unwrap();
        let sibling = id.generate_sibling().unwrap();
        assert_eq!(sibling.bytes[..PARTITION], id.bytes[..PARTITION]);
        assert_ne!(sibling.bytes[PARTITION..10], id.bytes[PARTITION..10]);
        assert_ne!(sibling.bytes[10..], id.bytes[10..]);
    }

    /// Each of the 128 random bits is both zero and one in a thousand ids, and none of the four kept bits is ever one.
    #[test]
    fn all_128_bits_are_random_in_new_ids_and_in_siblings() {
        let first = SessionId::generate().unwrap();
        type Generate<'a> = &'a dyn Fn() -> Result<SessionId, Error>;
        for generate in [&SessionId::generate as Generate, &|| first.generate_sibling()] {
            let (mut ones, mut zeros) = ([0; LEN], [0; LEN]);
            for _ in 0..1_000 {
                for (at, byte) in generate().unwrap().bytes.into_iter().enumerate() {
                    ones[at] |= byte;
                    zeros[at] |= !byte;
                }
            }
            assert_eq!((&ones[PARTITION..], &zeros[PARTITION..]), (&[255; 16][..], &[255; 16][..]));
            assert_eq!(ones[0] >> 4, 0);
        }
    }

    #[test]
    fn the_bits_of_a_region_are_kept_and_name_no_partition() {
        let here = SessionId::generate().unwrap();
        let mut bytes = here.bytes;
        bytes[0] |= 0xf0;
        let there: SessionId = Base64UrlUnpadded::encode_string(&bytes).parse().unwrap();
        assert_eq!(there.digest().partition(), here.digest().partition());
        assert_ne!(there, here);
        assert_eq!(there.generate_sibling().unwrap().bytes[0], bytes[0]);
        assert_eq!(IdDigest::from(&there.digest().to_bytes()), *there.digest());
    }

    #[test]
    fn malformed_ids_are_refused() {
        let good = SessionId::generate().unwrap().expose();
        let long = format!("{good}A");
        let padded = format!("{}=", &good[..23]);
        let spaced = format!(" {}", &good[1..]);
        for bad in ["", "A", &good[1..], &long, &padded, &spaced, "ä".repeat(12).as_str(), "\0".repeat(24).as_str()] {
            let error = bad.parse::<SessionId>().unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidInput);
            assert_eq!(error.to_string(), "invalid input: not a session id");
        }
    }

    #[test]
    fn a_digest_reads_back_from_its_text_and_from_no_other() {
        for _ in 0..1_000 {
            let digest = *SessionId::generate().unwrap().digest();
            let text = digest.to_string();
            assert_eq!(text.len(), IdDigest::TEXT_LEN);
            assert!(text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte)), "{text}");
            assert_eq!(text.parse::<IdDigest>().unwrap(), digest);
        }
        let good = SessionId::generate().unwrap().digest().to_string();
        for bad in ["", &good[1..], &format!("{good}A"), &format!("{}=", &good[1..]), "é".repeat(12).as_str()] {
            let error = bad.parse::<IdDigest>().unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidInput);
            assert_eq!(error.to_string(), "invalid input: not the digest of a session id");
        }
    }

    #[test]
    fn nothing_prints_the_id() {
        let id = SessionId::generate().unwrap();
        for shown in [
            format!("{id:?}"),
            format!("{id}"),
            format!("{id:#?}"),
            format!("{:?}", id.digest()),
            id.digest().to_string(),
        ] {
            assert!(!shown.contains(&id.expose()[4..]), "{shown}");
        }
    }

    #[test]
    fn ids_do_not_repeat() {
        let ids: HashSet<SessionId> = (0..10_000).map(|_| SessionId::generate().unwrap()).collect();
        assert_eq!(ids.len(), 10_000);
    }
}
