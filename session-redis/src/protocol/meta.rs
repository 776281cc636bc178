//! The metadata in a session's hash, as scripts write it and clients read it.
//!
//! All numbers are big-endian; times are milliseconds since the Unix epoch; 2^53 − 1 is "never". Each part is at most
//! 64 bytes long, so that a session of small values stays in Redis's compact encoding of small hashes.
//!
//! | field | bytes |
//! |---|---|
//! | `@` of a session | 1, `S`, incarnation:8, version:8, tag in hexadecimal:16, idle deadline:7, entries:4, bytes:5 |
//! | `@` of a tombstone | 1, `T`, op id:8, reason:1, since:6, until:7 |
//! | `@` of a forward | 1, `F`, `R` (renewed) or `P` (gives no access):1, op id:8, until:7, kept until:7, new digest:18; both times are "never" while a renewal is unconfirmed, and the key's expiry is its end |
//! | `@c` | 1, or 2 while the session's renewal is unconfirmed; created:6, idle timeout plus 1:7 (0: none), absolute deadline:7, listed until:7, the op that moved it to this id:8, until when another renewal is refused:7; after a confirmed renewal, an old id forwards here until then |
//! | `@r` | 1, the old id of an unconfirmed renewal:18, its grace:7, confirm by:7, how long its forward is kept after its end:7 |
//! | `@0`, `@1` | the op ids of the last 16 versions, 8 bytes each, the latest first: of the odd ones in `@0`, of the even ones in `@1` |
//! | `@p` | 1, signed in at:6, listed until:7, the principal |
//! | `@n` | 1, the note of the sign-in; it may be longer |
//! | `@i` | 1, the incarnation to which values are bound:8, if that is another one |
//! | `@d` | 1, when an update last replaced the deadlines:6; absent if none has |
//! | `@f` | 1, when the session last moved:6, the ids that it left, the latest first:18 each, at most three; a tombstone keeps it if the move was recent |
//! | `@l` | 1, owner:8, counter:6, lease until:7 |
//! | `@!` | in no hash: each read removes it, to learn whether the server accepts writes |
//!
//! The first byte of each is its format. A reader that does not know it reports the session as unreadable, never as
//! absent; fields that it does not know are left alone. A session is unreadable too if its tag is not hexadecimal, if its
//! version or a deadline is greater than "never", or if it has no deadline at all. Scripts and clients agree on that, so a
//! session that cannot be read is not changed; it can be ended.

use std::time::Duration;

use session_core::{
    Note, Principal,
    model::{Deadlines, EndReason, Ended, IdDigest, Incarnation, Stamp, Timestamp},
};

use super::bytes::{Cursor, hex, put, unhex};

/// The fields of the metadata that clients name.
pub(crate) const STATE_FIELD: &[u8] = b"@";
pub(crate) const CONSTANTS_FIELD: &[u8] = b"@c";
pub(crate) const PRINCIPAL_FIELD: &[u8] = b"@p";
pub(crate) const BOUND_FIELD: &[u8] = b"@i";
/// The field of a session that has the time at which an update last replaced its deadlines.
pub(crate) const REPLACED_FIELD: &[u8] = b"@d";
pub(crate) const NOTE_FIELD: &[u8] = b"@n";
pub(crate) const LOCK_FIELD: &[u8] = b"@l";
/// The field of a principal's revocation that has its stamp.
pub(crate) const REVOCATION_FIELD: &[u8] = b"v";
/// The length of a digest, in bytes.
pub(crate) const DIGEST_LEN: usize = 18;

/// The lengths of `@` of a session, a tombstone and a forward, and of `@c`.
pub(super) const STATE: usize = 50;
const TOMBSTONE: usize = 24;
const FORWARD: usize = 43;
const CONSTANTS: usize = 43;
/// The length of the time in a reply.
const NOW: usize = 6;
/// The length of `@`, `@c` and the time in a reply.
pub(super) const STATUS: usize = STATE + CONSTANTS + NOW;
/// The length of a stamp.
pub(crate) const STAMP: usize = 32;
/// The largest number that a script reads exactly; of times, "never".
const NEVER: u64 = Timestamp::MAX.as_millis();

/// The layout of the metadata for scripts, which name a constant of it as `$NAME`. The text is inserted when a script is
/// assembled, so a constant costs the server no more than a literal.
///
/// `…_FORMAT` is a format of `struct.pack`, `…_LENGTH` a length, `…_AT` a position that counts from 1, and `…_RANGE` two
/// of these. `…_TYPE` is the first two bytes of `@` as a number: the format and the letter.
pub(super) const LUA_CONSTANTS: &[(&str, &str)] = &[
    ("$STATE_FORMAT", "'>I2c8I8c16I7I4I5'"),
    ("$STATE_LENGTH", "50"),
    ("$SESSION_TYPE", "339"),
    ("$SESSION_HEAD", "'\\1S'"),
    ("$STAMP_RANGE", "3, 34"),
    ("$INCARNATION_RANGE", "3, 10"),
    ("$VERSION_AT", "11"),
    ("$IDLE_AT", "35"),
    ("$TOMBSTONE_FORMAT", "'>I2c8BI6I7'"),
    ("$TOMBSTONE_LENGTH", "24"),
    ("$TOMBSTONE_TYPE", "340"),
    ("$TOMBSTONE_HEAD", "'\\1T'"),
    ("$TOMBSTONE_OP_RANGE", "3, 10"),
    ("$FORWARD_FORMAT", "'>I2c1c8I7I7c18'"),
    ("$FORWARD_LENGTH", "43"),
    ("$FORWARD_TYPE", "326"),
    ("$FORWARD_HEAD", "'\\1F'"),
    ("$FORWARD_OP_RANGE", "4, 11"),
    ("$FORWARD_TILL_AT", "12"),
    ("$FORWARD_DIGEST_AT", "26"),
    ("$RENEWED_HEAD", "'\\1FR'"),
    ("$RENEWAL_FORMAT", "'>Bc18I7I7I7'"),
    ("$RENEWAL_LENGTH", "40"),
    // The bytes of two reasons.
    ("$REASON_REPLACED", "4"),
    ("$REASON_RENEWED", "5"),
    ("$CONSTANTS_FORMAT", "'>BI6I7I7I7c8I7'"),
    ("$CONSTANTS_LENGTH", "43"),
    ("$TIMEOUT_AT", "8"),
    ("$ABSOLUTE_AT", "15"),
    ("$LISTED_AT", "22"),
    ("$MOVED_BY_RANGE", "29, 36"),
    ("$RENEWED_AT", "37"),
    ("$PRINCIPAL_FORMAT", "'>BI6I7'"),
    ("$PRINCIPAL_AT", "15"),
    ("$LOCK_FORMAT", "'>Bc8I6I7'"),
    ("$TOKEN_RANGE", "2, 15"),
    ("$LEASE_AT", "16"),
    ("$LOCK_LENGTH", "22"),
    // The ids that a session has left. `LEFT_KEPT` is the length, in bytes, of the earlier ids that a move keeps.
    // `LEFT_FOR` is how long, in milliseconds, a failover may still lose a move.
    ("$LEFT_TIME_AT", "2"),
    ("$LEFT_DIGESTS_AT", "8"),
    ("$LEFT_KEPT", "36"),
    ("$LEFT_FOR", "60000"),
    // An entry of a principal's list: listed until, awaited until, place.
    ("$LISTING_FORMAT", "'>I7I7I7'"),
    ("$LISTING_LENGTH", "21"),
    // The field of a principal's revocation that has its stamp.
    ("$REVOCATION", "'v'"),
    // 2^53 - 1: the largest integer that a number of Lua holds exactly.
    ("$NEVER", "9007199254740991"),
    // The number of updates whose op ids a session remembers, and the bytes of one field of them but the last.
    ("$REMEMBERED", "16"),
    ("$RING_KEPT", "56"),
    // The first byte of the field of a scalar, `=`; it alone precedes the name. See `layout.rs`.
    ("$SCALAR", "61"),
    // The most arguments of one command: they must fit on Lua's stack.
    ("$CHUNK", "4000"),
];

/// The value of `@`: what a key holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum KeyState {
    Session(Stamp, Timestamp),
    Tombstone {
        reason: EndReason,
        since: Timestamp,
        until: Timestamp,
    },
    /// `gives_access` holds until `until`; the key is kept until `kept_until`.
    Forward {
        to: IdDigest,
        gives_access: bool,
        until: Timestamp,
        kept_until: Timestamp,
    },
}

impl KeyState {
    /// Reads `@`. Returns `None` if it cannot be read.
    pub(crate) fn read(field: &[u8]) -> Option<Self> {
        let mut cursor = Cursor(field);
        match (cursor.take::<2>()?, field.len()) {
            (b"\x01S", STATE) => {
                let (stamp, idle) = (stamp(&mut cursor)?, cursor.number::<7>()?);
                let is_valid = stamp.version() <= NEVER && idle <= NEVER;
                is_valid.then(|| Self::Session(stamp, Timestamp::from_millis(idle)))
            }
            (b"\x01T", TOMBSTONE) => {
                cursor.take::<8>()?;
                let [reason] = *cursor.take()?;
                let (since, until) = (cursor.time::<6>()?, cursor.time::<7>()?);
                Some(Self::Tombstone { reason: end_reason(reason), since, until })
            }
            (b"\x01F", FORWARD) => {
                let gives_access = cursor.take()? == b"R";
                cursor.take::<8>()?;
                let (until, kept_until) = (cursor.time::<7>()?, cursor.time::<7>()?);
                Some(Self::Forward { to: IdDigest::from(cursor.take()?), gives_access, until, kept_until })
            }
            _ => None,
        }
    }
}

/// The value of `@c`: what seldom changes in the life of a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Constants {
    pub(crate) created: Timestamp,
    /// Whether the session's renewal is unconfirmed.
    pub(crate) unconfirmed: bool,
    timeout: u64,
    absolute: Timestamp,
}

impl Constants {
    /// Reads `@c`. Returns `None` if it cannot be read.
    pub(crate) fn read(field: &[u8]) -> Option<Self> {
        let mut cursor = Cursor(field);
        let unconfirmed = match cursor.take()? {
            _ if field.len() != CONSTANTS => return None,
            [1] => false,
            [2] => true,
            _ => return None,
        };
        let (created, timeout, absolute) = (cursor.time::<6>()?, cursor.number::<7>()?, cursor.number::<7>()?);
        // The timeout is stored plus one, and 2^53 + 1 is 2^53 to scripts.
        let is_valid = timeout <= NEVER + 2 && absolute <= NEVER;
        is_valid.then(|| Self { created, unconfirmed, timeout, absolute: Timestamp::from_millis(absolute) })
    }

    /// The deadlines, with the idle deadline from `@`. Returns `None` if the session has no deadline at all.
    pub(crate) fn deadlines(&self, idle: Timestamp) -> Option<Deadlines> {
        let timeout = self.timeout.checked_sub(1).map(Duration::from_millis);
        Deadlines::from_parts(timeout.map(|timeout| (timeout, idle)), Some(self.absolute))
    }
}

/// A session's stamp and deadlines, and the store's time, as scripts reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SessionStatus {
    pub(crate) stamp: Stamp,
    pub(crate) deadlines: Deadlines,
    pub(crate) now: Timestamp,
}

impl SessionStatus {
    /// Reads `@`, `@c` and the time.
    pub(super) fn read(reply: &[u8]) -> Option<Self> {
        if reply.len() != STATUS {
            return None;
        }
        let (state, rest) = reply.split_at(STATE);
        let (constants, now) = rest.split_at(CONSTANTS);
        let KeyState::Session(stamp, idle) = KeyState::read(state)? else { return None };
        let deadlines = Constants::read(constants)?.deadlines(idle)?;
        Some(Self { stamp, deadlines, now: Cursor(now).time::<6>()? })
    }
}

/// Reads `@p`: the principal, and since when it has been signed in.
pub(super) fn signed_in(field: &[u8]) -> Option<(Principal, Timestamp)> {
    let mut cursor = Cursor(field);
    let (format, since) = (cursor.number::<1>()?, cursor.time::<6>()?);
    cursor.take::<7>()?;
    let principal = Principal::new(std::str::from_utf8(cursor.0).ok()?).ok()?;
    (format == 1).then_some((principal, since))
}

/// Reads `@i`: the incarnation to which values are bound.
pub(super) fn bound_to(field: &[u8]) -> Option<Incarnation> {
    let mut cursor = Cursor(field);
    let (format, incarnation) = (cursor.number::<1>()?, cursor.number::<8>()?);
    (format == 1 && cursor.0.is_empty()).then_some(Incarnation::from(incarnation))
}

/// Reads `@d`: when an update last replaced the deadlines.
pub(super) fn replaced_at(field: &[u8]) -> Option<Timestamp> {
    let mut cursor = Cursor(field);
    let (format, at) = (cursor.number::<1>()?, cursor.time::<6>()?);
    (format == 1 && cursor.0.is_empty()).then_some(at)
}

/// Reads `@n`: the note of a sign-in.
pub(super) fn note(field: &[u8]) -> Option<Note> {
    let (&1, note) = field.split_first()? else { return None };
    Note::new(note.to_vec()).ok()
}

/// Writes `@n`, or nothing.
pub(crate) fn note_field(note: Option<&Note>) -> Vec<u8> {
    note.map_or_else(Vec::new, |note| [b"\x01", note.as_bytes()].concat())
}

/// Reads `<reason><since><now>` of a tombstone.
pub(super) fn ended(reply: &[u8]) -> Option<Ended> {
    let mut cursor = Cursor(reply);
    let ([reason], since, now) = (*cursor.take()?, cursor.time::<6>()?, cursor.time::<6>()?);
    Some(Ended { reason: end_reason(reason), age: now.since(since) })
}

/// Reads a stamp: incarnation:8, version:8, tag in hexadecimal:16.
pub(crate) fn stamp(cursor: &mut Cursor<'_>) -> Option<Stamp> {
    let incarnation = Incarnation::from(cursor.number::<8>()?);
    Some(Stamp::from_parts(incarnation, cursor.number::<8>()?, unhex(cursor.take()?)?))
}

/// Writes a stamp.
pub(crate) fn put_stamp(out: &mut Vec<u8>, stamp: Stamp) {
    out.extend_from_slice(&u64::from(stamp.incarnation()).to_be_bytes());
    put::<8>(out, stamp.version());
    out.extend_from_slice(&hex(stamp.tag()));
}

/// The byte of a reason, in tombstones and messages.
pub(crate) fn reason_byte(reason: EndReason) -> u8 {
    match reason {
        EndReason::Revoked => 2,
        EndReason::Limit => 3,
        EndReason::Replaced => 4,
        EndReason::Renewed => 5,
        // A reason of a later version of the core is written as a logout.
        _ => 1,
    }
}

/// The reason of a byte. An unknown byte reads as a revocation: the session has ended in any case, and a revocation
/// explains least.
pub(crate) fn end_reason(byte: u8) -> EndReason {
    match byte {
        1 => EndReason::Logout,
        3 => EndReason::Limit,
        4 => EndReason::Replaced,
        5 => EndReason::Renewed,
        _ => EndReason::Revoked,
    }
}

#[cfg(test)]
mod tests;
