//! The names of keys, channels, and the fields of a session's hash.
//!
//! This is version 1 of the layout. The number of partitions `P` is part of it: a store that was written with another
//! number is refused.
//!
//! | key | type | content |
//! |---|---|---|
//! | `<prefix>:layout` | string | `1:<P>` |
//! | `<prefix>:1:{<tag>}:s:<digest>` | hash | a session, a forward, or a tombstone |
//! | `<prefix>:1:{<tag>}:q` | string | the sequence number of the partition's last change |
//! | `<prefix>:1:{<tag>}:p:<hash of a principal>` | hash | the sessions of a principal: its list |
//! | `<prefix>:1:{<tag>}:o:<hash of a principal>` | sorted set | the order of that list: the same digests by their places |
//! | `<prefix>:1:{<tag>}:r:<hash of a principal>` | hash | the last revocation of all sessions of a principal, while it is remembered |
//! | `<prefix>:1:<database>:{<tag>}:c` | channel | the partition's changes |
//!
//! Digests and hashes are raw bytes: 18 of a session, 16 of a principal.
//!
//! Fields of a session's hash: `@…` metadata (see `protocol/meta.rs`), `=<field>` a scalar, `:<length of the field name,
//! one byte><field><key>` a keyed entry. Fields with other first bytes are left alone. No hash has the field `@!`, which
//! reads remove to learn whether the server accepts writes.

use session_core::{
    Principal,
    model::{Entry, IdDigest},
};
use sha2::{Digest as _, Sha256};

use crate::{
    server_clock::ServerClock,
    tags::{slot_of, tags},
};

/// The version of the layout.
pub(crate) const VERSION: u8 = 1;

/// Names under one prefix.
#[derive(Debug)]
pub(crate) struct Layout {
    prefix: Box<str>,
    partitions: Box<[Partition]>,
    /// The clock of a server, as it was when the store connected.
    pub(crate) clock: ServerClock,
}

/// The names of one partition.
#[derive(Debug)]
pub(crate) struct Partition {
    /// The cluster slot of all of its keys.
    pub(crate) slot: u16,
    /// The prefix of its session keys.
    session: Box<[u8]>,
    /// The prefix of the keys of its principals' lists.
    principal: Box<[u8]>,
    /// The prefix of the keys of the orders of these lists.
    order: Box<[u8]>,
    /// The prefix of the keys of its principals' revocations.
    revocation: Box<[u8]>,
    /// The key of its sequence number.
    pub(crate) sequence: Box<[u8]>,
    /// Its channel.
    pub(crate) channel: Box<[u8]>,
    /// The clock of the server that has it.
    pub(crate) clock: ServerClock,
}

impl Layout {
    pub(crate) fn new(prefix: &str, database: i64, partitions: u32) -> Self {
        let partition = |(number, tag): (usize, &str)| {
            let key = |kind: &str| format!("{prefix}:{VERSION}:{{{tag}}}:{kind}").into_bytes().into_boxed_slice();
            Partition {
                slot: slot_of(number as u16, partitions),
                session: key("s:"),
                principal: key("p:"),
                order: key("o:"),
                revocation: key("r:"),
                sequence: key("q"),
                channel: format!("{prefix}:{VERSION}:{database}:{{{tag}}}:c").into_bytes().into(),
                clock: ServerClock::default(),
            }
        };
        Self {
            prefix: prefix.into(),
            clock: ServerClock::default(),
            partitions: tags(partitions).iter().map(AsRef::as_ref).enumerate().map(partition).collect(),
        }
    }

    pub(crate) fn partitions(&self) -> &[Partition] {
        &self.partitions
    }

    fn low_bits(&self, bits: u16) -> u16 {
        bits & (self.partitions.len() - 1) as u16
    }

    /// The partition of a session.
    pub(crate) fn partition(&self, digest: &IdDigest) -> &Partition {
        &self.partitions[usize::from(self.low_bits(digest.partition()))]
    }

    /// The key of a session.
    pub(crate) fn session(&self, digest: &IdDigest) -> Vec<u8> {
        [&self.partition(digest).session[..], &digest.to_bytes()].concat()
    }

    /// The keys of a principal's list and of its order, and their partition.
    pub(crate) fn principal(&self, principal: &Principal) -> (&Partition, [Vec<u8>; 2]) {
        let (partition, hash) = self.of_principal(principal);
        (partition, [&partition.principal, &partition.order].map(|prefix| [prefix, &hash[..]].concat()))
    }

    /// The key of a principal's last revocation, and its partition, which is that of the list.
    pub(crate) fn revocation(&self, principal: &Principal) -> (&Partition, Vec<u8>) {
        let (partition, hash) = self.of_principal(principal);
        (partition, [&partition.revocation, &hash[..]].concat())
    }

    fn of_principal(&self, principal: &Principal) -> (&Partition, [u8; 16]) {
        let hash: [u8; 32] = Sha256::digest(principal.as_str()).into();
        let number = usize::from(self.low_bits(u16::from_be_bytes([hash[0], hash[1]])));
        (&self.partitions[number], std::array::from_fn(|at| hash[at]))
    }

    /// The key of the declared layout, and its value.
    pub(crate) fn declaration(&self) -> (String, String) {
        (format!("{}:layout", self.prefix), format!("{VERSION}:{}", self.partitions.len()))
    }
}

/// A field that no hash has: neither a session nor a principal's list, whose fields are digests.
pub(crate) const GUARD_FIELD: &[u8] = b"@!";
/// The first byte of the field of a scalar.
pub(crate) const SCALAR: u8 = b'=';
/// The first byte of the field of a keyed entry.
pub(crate) const KEYED: u8 = b':';

/// The hash field of an entry.
pub(crate) fn field_of(entry: Entry<'_>) -> Vec<u8> {
    match entry {
        Entry::Scalar(field) => [&[SCALAR], field.as_str().as_bytes()].concat(),
        Entry::Keyed(field, key) => {
            let mut name = prefix_of(field);
            name.extend_from_slice(key.as_str().as_bytes());
            name
        }
    }
}

/// The prefix of the hash fields of all entries of a keyed field.
pub(crate) fn prefix_of(field: &session_core::model::Field) -> Vec<u8> {
    let name = field.as_str().as_bytes();
    // A field has at most 255 bytes.
    let mut prefix = Vec::with_capacity(2 + name.len() + 16);
    prefix.extend_from_slice(&[KEYED, name.len() as u8]);
    prefix.extend_from_slice(name);
    prefix
}

/// A value as the hash holds it.
pub(crate) fn stored(bytes: Vec<u8>) -> session_core::model::Value {
    session_core::model::Value::from(bytes)
}
