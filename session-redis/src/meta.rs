//! The metadata of a session's hash, as scripts write it and clients read it.
//!
//! All numbers are big-endian; moments are milliseconds since the Unix epoch; 2^53 − 1 is "never". Each part is at most
//! 64 bytes long, so that a session of small values stays in Redis's compact encoding of small hashes.
//!
//! | field | bytes |
//! |---|---|
//! | `@` of a session | 1, `S`, incarnation:8, version:8, tag in hexadecimal:16, idle deadline:7, entries:4, bytes:5 |
//! | `@` of a tombstone | 1, `T`, op id:8, reason:1, since:6, until:7 |
//! | `@` of a forward | 1, `F`, `R` (renewed) or `P` (privilege):1, op id:8, until:7, new digest:18 |
//! | `@c` | 1, created:6, idle timeout plus 1:7 (0: none), absolute deadline:7, listed until:7, the op that brought it to this id:8, until when an old id forwards here:7 |
//! | `@0`, `@1` | the op ids of the last 16 versions, 8 bytes each, the latest first: of the odd ones in `@0`, of the even ones in `@1` |
//! | `@p` | 1, signed in at:6, listed until:7, the principal |
//! | `@l` | 1, owner:8, counter:6, lease until:7 |
//!
//! The first byte of each is its format. A reader that does not know it reports the session as unreadable, never as
//! absent; fields that it does not know are left alone.

use std::time::Duration;

use session_core::model::{Deadlines, EndReason, Ended, IdDigest, Incarnation, Stamp, Timestamp};

/// The length of `@` of a session.
pub(crate) const STATE: usize = 50;
/// The length of `@c`.
pub(crate) const CONSTANTS: usize = 43;
const NOW: usize = 6;

/// What a key holds, by its `@`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Held {
    Session(Stamp, Timestamp),
    Tombstone { reason: EndReason, since: Timestamp },
    Forward { to: IdDigest, gives_access: bool },
}

/// Reads numbers and bytes from the front.
#[derive(Clone, Copy)]
pub(crate) struct Cursor<'a>(pub(crate) &'a [u8]);

impl<'a> Cursor<'a> {
    pub(crate) fn take<const N: usize>(&mut self) -> Option<&'a [u8; N]> {
        let (first, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(first)
    }

    pub(crate) fn number<const N: usize>(&mut self) -> Option<u64> {
        self.take::<N>().map(|bytes| bytes.iter().fold(0, |number, byte| number << 8 | u64::from(*byte)))
    }

    pub(crate) fn moment<const N: usize>(&mut self) -> Option<Timestamp> {
        self.number::<N>().map(Timestamp::from_millis)
    }
}

/// Writes numbers as scripts read them.
pub(crate) fn put<const N: usize>(out: &mut Vec<u8>, number: u64) {
    let bytes = number.to_be_bytes();
    if bytes[..8 - N].iter().all(|byte| *byte == 0) {
        out.extend_from_slice(&bytes[8 - N..]);
    } else {
        // Larger than the field: as large as it can be.
        out.extend_from_slice(&[0xff; 8][..N]);
    }
}

/// A duration in milliseconds, at least one, as far as a moment can hold it.
pub(crate) fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos().div_ceil(1_000_000)).unwrap_or(u64::MAX).clamp(1, Timestamp::MAX.as_millis())
}

/// 16 lower-case hexadecimal digits.
pub(crate) fn hex(bits: u64) -> [u8; 16] {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    std::array::from_fn(|at| DIGITS[(bits >> (60 - 4 * at)) as usize & 15])
}

/// The inverse of [`hex`].
pub(crate) fn unhex(text: &[u8; 16]) -> Option<u64> {
    text.iter().try_fold(0, |bits, digit| match digit {
        b'0'..=b'9' => Some(bits << 4 | u64::from(digit - b'0')),
        b'a'..=b'f' => Some(bits << 4 | u64::from(digit - b'a' + 10)),
        _ => None,
    })
}

/// A stamp as `@` has it.
pub(crate) fn put_stamp(out: &mut Vec<u8>, stamp: Stamp) {
    out.extend_from_slice(&stamp.incarnation().bits().to_be_bytes());
    put::<8>(out, stamp.version());
    out.extend_from_slice(&hex(stamp.tag()));
}

fn stamp(cursor: &mut Cursor<'_>) -> Option<Stamp> {
    let incarnation = Incarnation::from_bits(cursor.number::<8>()?);
    Some(Stamp::from_parts(incarnation, cursor.number::<8>()?, unhex(cursor.take()?)?))
}

/// The byte of a reason.
pub(crate) fn reason_byte(reason: EndReason) -> u8 {
    match reason {
        EndReason::Revoked => 2,
        EndReason::Limit => 3,
        // A reason of a later version of the core reads as a logout.
        _ => 1,
    }
}

/// The reason of a byte; one that is not known reads as a revocation, which explains least.
pub(crate) fn reason_of(byte: u64) -> EndReason {
    match byte {
        1 => EndReason::Logout,
        3 => EndReason::Limit,
        _ => EndReason::Revoked,
    }
}

impl Held {
    /// Reads `@`. `None` when it cannot be read.
    pub(crate) fn read(field: &[u8]) -> Option<Self> {
        let mut cursor = Cursor(field);
        match (cursor.take::<2>()?, field.len()) {
            (b"\x01S", STATE) => Some(Self::Session(stamp(&mut cursor)?, cursor.moment::<7>()?)),
            (b"\x01T", 24) => {
                cursor.take::<8>()?;
                Some(Self::Tombstone { reason: reason_of(cursor.number::<1>()?), since: cursor.moment::<6>()? })
            }
            (b"\x01F", 36) => {
                let gives_access = cursor.take()? == b"R";
                cursor.take::<15>()?;
                Some(Self::Forward { to: IdDigest::from_bytes(cursor.take()?), gives_access })
            }
            _ => None,
        }
    }
}

/// What `@c` holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Constants {
    pub(crate) created: Timestamp,
    timeout: u64,
    absolute: Timestamp,
}

impl Constants {
    /// Reads `@c`. `None` when it cannot be read.
    pub(crate) fn read(field: &[u8]) -> Option<Self> {
        let mut cursor = Cursor(field);
        if field.len() != CONSTANTS || cursor.take()? != &[1] {
            return None;
        }
        Some(Self { created: cursor.moment::<6>()?, timeout: cursor.number::<7>()?, absolute: cursor.moment::<7>()? })
    }

    /// The deadlines, with the idle deadline from `@`. `None` when there is none at all.
    pub(crate) fn deadlines(&self, idle: Timestamp) -> Option<Deadlines> {
        let timeout = self.timeout.checked_sub(1).map(Duration::from_millis);
        Deadlines::from_parts(timeout.map(|timeout| (timeout, idle)), Some(self.absolute))
    }
}

/// A session's stamp and deadlines, and the store's time, as scripts answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Standing {
    pub(crate) stamp: Stamp,
    pub(crate) deadlines: Deadlines,
    pub(crate) now: Timestamp,
}

impl Standing {
    /// Reads `@`, `@c` and the time.
    pub(crate) fn read(reply: &[u8]) -> Option<Self> {
        if reply.len() != STATE + CONSTANTS + NOW {
            return None;
        }
        let (state, rest) = reply.split_at(STATE);
        let (constants, now) = rest.split_at(CONSTANTS);
        let Held::Session(stamp, idle) = Held::read(state)? else { return None };
        let deadlines = Constants::read(constants)?.deadlines(idle)?;
        Some(Self { stamp, deadlines, now: Cursor(now).moment::<6>()? })
    }
}

/// Reads `<reason><since><now>` of a tombstone.
pub(crate) fn ended(reply: &[u8]) -> Option<Ended> {
    let mut cursor = Cursor(reply);
    let (reason, since, now) = (cursor.number::<1>()?, cursor.moment::<6>()?, cursor.moment::<6>()?);
    Some(Ended::new(reason_of(reason), now.since(since)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hexadecimal_digits_round_trip() {
        for bits in [0, 1, u64::MAX, 0x0123_4567_89ab_cdef] {
            assert_eq!(hex(bits), *format!("{bits:016x}").as_bytes());
            assert_eq!(unhex(&hex(bits)), Some(bits));
        }
        assert_eq!(unhex(b"0123456789ABCDEF"), None);
    }

    #[test]
    fn a_number_that_is_too_large_is_as_large_as_can_be() {
        let mut out = Vec::new();
        put::<4>(&mut out, 0x0102_0304);
        put::<4>(&mut out, 1 << 32);
        assert_eq!(out, [1, 2, 3, 4, 0xff, 0xff, 0xff, 0xff]);
    }

    /// Whatever is cut off or added, nothing is read and nothing panics.
    #[test]
    fn only_whole_fields_are_read() {
        let forward = [b"\x01FR".as_slice(), &[7; 8], &[0; 7], &[9; 18]].concat();
        let to = IdDigest::from_bytes(&[9; 18]);
        assert_eq!(Held::read(&forward), Some(Held::Forward { to, gives_access: true }));
        for length in 0..forward.len() {
            assert_eq!(Held::read(&forward[..length]), None);
        }
        assert_eq!(Held::read(&[forward.as_slice(), b"x"].concat()), None);
        let newer = [b"\x02".as_slice(), &forward[1..]].concat();
        assert_eq!(Held::read(&newer), None);
    }
}
