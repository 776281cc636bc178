//! The message that is published for every change.
//!
//! The header is frozen: every version of this crate writes and reads it like this. Integers are big-endian.
//!
//! | bytes | part |
//! |---|---|
//! | 0 | version of the header: 1 |
//! | 1 | kind: 1 created, 2 applied, 3 rotated to renew, 4 rotated with the old id superseded, 5 destroyed |
//! | 2 | flags: bit 0, there is a stamp before; bit 1, there is a stamp after |
//! | 3 | end reason: 0 none, 1 logout, 2 revoked, 3 limit |
//! | 4..12 | sequence |
//! | 12..30 | digest |
//! | 30..38 | origin |
//! | 38..70 | stamp before: incarnation 8 bytes, version 8 bytes, tag as 16 lower-case hexadecimal digits |
//! | 70..102 | stamp after |
//!
//! The body follows: for kind 2 the op id, 8 bytes; for kinds 3 and 4 the new digest; then the delta, or nothing if it is
//! not carried.

use std::sync::Arc;

use bytes::Bytes;
use session_core::{
    model::{Delta, IdDigest, OpId, Stamp},
    store::{ChangeKind, Origin, RotationKind, SessionChange},
};

use crate::protocol::{Cursor, DIGEST_LEN, STAMP, end_reason, stamp};

const VERSION: u8 = 1;
/// The kind of an update.
const APPLIED: u8 = 2;
/// Length of the header.
pub(crate) const HEADER: usize = 102;
/// The flags of the stamps that a message has.
const BEFORE: u8 = 1;
const AFTER: u8 = 2;
const BOTH: u8 = BEFORE | AFTER;

/// The longest body that is decoded. A longer one was not written by this crate, or by a version with other limits: the
/// change is delivered without its delta, so that a buffer of changes stays small.
const MAX_BODY: usize = 1 << 20;

/// A published change, and the bytes that it holds in memory besides itself.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Message {
    pub(crate) change: SessionChange,
    pub(crate) weight: usize,
}

impl Message {
    /// Reads a message that was published in this partition. Returns `None` if its header cannot be read. `mask` selects
    /// the partition bits.
    pub(crate) fn read(payload: Vec<u8>, partition: u16, mask: u16) -> Option<Self> {
        let header: Header = Header::read(payload.first_chunk()?)?;
        if header.digest.partition() & mask != partition {
            return None;
        }
        let body = Bytes::from(payload).slice(HEADER..);
        let length = body.len();
        let (kind, op, delta) = header.body(body, mask).unwrap_or((ChangeKind::Unknown, None, None));
        let weight = if delta.is_some() { HEADER + length } else { 0 };
        let Header { digest, before, after, origin, sequence, .. } = header;
        let delta = delta.map(Arc::new);
        let change = SessionChange { partition, sequence, digest, before, after, origin, kind, op, delta };
        Some(Self { change, weight })
    }
}

struct Header {
    kind: u8,
    flags: u8,
    reason: u8,
    sequence: u64,
    digest: IdDigest,
    origin: Origin,
    before: Option<Stamp>,
    after: Option<Stamp>,
}

impl Header {
    fn read(bytes: &[u8; HEADER]) -> Option<Self> {
        let [version, kind, flags, reason, rest @ ..] = bytes;
        if *version != VERSION {
            return None;
        }
        let mut cursor = Cursor(rest);
        let sequence = cursor.number::<8>()?;
        let (digest, origin) = (cursor.take()?, cursor.number::<8>()?);
        // A stamp that its flag does not announce is zeroes, and not read.
        let (before, after) = (stamp(&mut Cursor(cursor.take::<STAMP>()?)), stamp(&mut cursor));
        Some(Self {
            kind: *kind,
            flags: *flags,
            reason: *reason,
            sequence,
            digest: IdDigest::from(digest),
            origin: Origin::from(origin),
            before: if flags & BEFORE == 0 { None } else { Some(before?) },
            after: if flags & AFTER == 0 { None } else { Some(after?) },
        })
    }

    /// The kind, the op id and the delta, or `None` if this version does not know them.
    fn body(&self, mut body: Bytes, mask: u16) -> Option<(ChangeKind, Option<OpId>, Option<Delta>)> {
        let op = if self.kind == APPLIED { Some(op_id(&mut body)?) } else { None };
        let kind = match (self.kind, self.flags, self.reason) {
            (1, AFTER, 0) => ChangeKind::Created,
            (APPLIED, BOTH, 0) => ChangeKind::Applied,
            (3, BOTH, 0) => ChangeKind::Rotated { to: self.new_digest(&mut body, mask)?, kind: RotationKind::Renew },
            (4, BOTH, 0) => {
                ChangeKind::Rotated { to: self.new_digest(&mut body, mask)?, kind: RotationKind::Privilege }
            }
            (5, 0 | BEFORE, reason) => ChangeKind::Destroyed(end_reason(reason)),
            _ => return None,
        };
        let carried = !body.is_empty() && body.len() <= MAX_BODY;
        let delta = if carried { Some(Delta::from_bytes(body).ok()?) } else { None };
        Some((kind, op, delta))
    }

    fn new_digest(&self, body: &mut Bytes, mask: u16) -> Option<IdDigest> {
        let digest = IdDigest::from(body.first_chunk()?);
        let _ = body.split_to(DIGEST_LEN);
        // A rotation never leaves its partition.
        (digest.partition() & mask == self.digest.partition() & mask).then_some(digest)
    }
}

fn op_id(body: &mut Bytes) -> Option<OpId> {
    let op = u64::from_be_bytes(*body.first_chunk()?);
    let _ = body.split_to(8);
    Some(OpId::from(op))
}
