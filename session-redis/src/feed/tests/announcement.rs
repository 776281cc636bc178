//! Builds the messages of scripts by hand.

use session_core::model::{Delta, Field, Format, IdDigest, Incarnation, Stamp, Value};

use crate::protocol::DIGEST_LEN;

/// A change message; tests change parts of it.
#[derive(Clone)]
pub(super) struct Announcement {
    pub(super) version: u8,
    pub(super) kind: u8,
    pub(super) flags: u8,
    pub(super) reason: u8,
    pub(super) sequence: u64,
    pub(super) digest: IdDigest,
    pub(super) stamps: [[u8; 32]; 2],
    pub(super) body: Vec<u8>,
}

impl Announcement {
    /// A delta applied to a session of this partition.
    pub(super) fn applied(partition: u16, sequence: u64) -> Self {
        let stamps = [stamp_bytes(stamp(1)), stamp_bytes(stamp(2))];
        let body = [&OP.to_be_bytes()[..], &delta().to_bytes()].concat();
        let digest = digest(partition);
        Self { version: 1, kind: 2, flags: 3, reason: 0, sequence, digest, stamps, body }
    }

    pub(super) fn bytes(&self) -> Vec<u8> {
        let mut bytes = vec![self.version, self.kind, self.flags, self.reason];
        bytes.extend(self.sequence.to_be_bytes());
        bytes.extend(self.digest.to_bytes());
        bytes.extend(ORIGIN.to_be_bytes());
        bytes.extend(self.stamps.as_flattened());
        bytes.extend(&self.body);
        bytes
    }
}

pub(super) const OP: u64 = 0x0a0b_0c0d_0e0f_1011;
pub(super) const ORIGIN: u64 = 0x0102_0304_0506_0708;

pub(super) fn digest(partition: u16) -> IdDigest {
    let mut bytes = [0xd1; DIGEST_LEN];
    bytes[..2].copy_from_slice(&partition.to_be_bytes());
    IdDigest::from(&bytes)
}

pub(super) fn stamp(version: u64) -> Stamp {
    Stamp::from_parts(Incarnation::from(0xa1a2_a3a4_a5a6_a7a8), version, 0x0123_4567_89ab_cdef)
}

pub(super) fn stamp_bytes(stamp: Stamp) -> [u8; 32] {
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&u64::from(stamp.incarnation()).to_be_bytes());
    bytes[8..16].copy_from_slice(&stamp.version().to_be_bytes());
    bytes[16..].copy_from_slice(format!("{:016x}", stamp.tag()).as_bytes());
    bytes
}

pub(super) fn delta() -> Delta {
    let mut delta = Delta::new();
    delta.set(Field::new("theme").unwrap(), Value::new(Format::JSON, b"1"));
    delta
}
