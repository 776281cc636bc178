//! Stamps order and identify states; op ids identify updates.

use std::fmt;

use sha1::{Digest as _, Sha1};

use crate::{Error, random};

/// The name of one mutation: 64 random bits. A retry bears the op id of its original, so that a store which
/// remembers the original changes nothing.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct OpId(u64);

impl OpId {
    /// A new op id.
    ///
    /// # Errors
    /// [`Unavailable`](crate::ErrorKind::Unavailable) when the operating system gives no random bytes.
    pub fn draw() -> Result<Self, Error> {
        random::buffered_u64().map(Self)
    }

    /// The op id with these bits.
    pub const fn from_bits(bits: u64) -> Self {
        Self(bits)
    }

    /// Its bits.
    pub const fn bits(self) -> u64 {
        self.0
    }
}

impl fmt::Debug for OpId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "OpId({:016x})", self.0)
    }
}

/// 64 random bits drawn by whoever creates a session. They stay the same across rotation, and bind sealed values
/// to their session.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Incarnation(u64);

impl Incarnation {
    /// A new incarnation.
    ///
    /// # Errors
    /// [`Unavailable`](crate::ErrorKind::Unavailable) when the operating system gives no random bytes.
    pub fn draw() -> Result<Self, Error> {
        random::u64().map(Self)
    }

    /// The incarnation with these bits.
    pub const fn from_bits(bits: u64) -> Self {
        Self(bits)
    }

    /// Its bits.
    pub const fn bits(self) -> u64 {
        self.0
    }
}

impl fmt::Debug for Incarnation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Incarnation({:016x})", self.0)
    }
}

/// Which state of which session.
///
/// Within one incarnation the version orders states. Only **all three parts equal** mean equal states: after a
/// failover that lost updates, two different states can bear one version. The tag chains the op ids of all updates
/// so far, so equal stamps mean equal histories.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Stamp {
    /// Drawn at create.
    pub incarnation: Incarnation,
    /// 1 at create; one more with every applied delta.
    pub version: u64,
    /// The first 64 bits of SHA-1(previous tag ‖ op id), both as 16 lower-case hexadecimal digits; the tag before
    /// the first is 0.
    pub tag: u64,
}

impl Stamp {
    /// The stamp of a session that `op` creates.
    pub fn first(incarnation: Incarnation, op: OpId) -> Self {
        Self { incarnation, version: 1, tag: chain(0, op) }
    }

    /// The stamp after `op` has been applied to a state with this stamp.
    #[must_use]
    pub fn next(self, op: OpId) -> Self {
        Self { version: self.version.saturating_add(1), tag: chain(self.tag, op), ..self }
    }

    /// What a later read must not fall below.
    pub fn floor(self) -> Floor {
        Floor { incarnation: self.incarnation, version: self.version }
    }
}

/// The oldest state that a reader accepts: it has seen this version of this incarnation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Floor {
    /// Of the session that was seen.
    pub incarnation: Incarnation,
    /// The version that was seen.
    pub version: u64,
}

impl Floor {
    /// Whether a state with this stamp satisfies the floor. Another incarnation does: the floor says nothing of it.
    pub fn admits(self, stamp: Stamp) -> bool {
        stamp.incarnation != self.incarnation || stamp.version >= self.version
    }
}

fn chain(tag: u64, op: OpId) -> u64 {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    let mut text = [0; 32];
    for (at, byte) in tag.to_be_bytes().into_iter().chain(op.0.to_be_bytes()).enumerate() {
        text[2 * at] = HEX[usize::from(byte >> 4)];
        text[2 * at + 1] = HEX[usize::from(byte & 15)];
    }
    let digest = Sha1::digest(text);
    digest.iter().take(8).fold(0, |bits, byte| bits << 8 | u64::from(*byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Computed with `printf '%016x%016x' 0 1 | sha1sum | cut -c1-16`, and the same with that result and 2.
    #[test]
    fn the_tag_chains_op_ids_by_sha1() {
        let first = Stamp::first(Incarnation::from_bits(9), OpId::from_bits(1));
        assert_eq!(format!("{:016x}", first.tag), TAG_1);
        let next = first.next(OpId::from_bits(2));
        assert_eq!((next.version, format!("{:016x}", next.tag).as_str()), (2, TAG_2));
    }

    const TAG_1: &str = "685638cda0a3bb07";
    const TAG_2: &str = "9784d07766faf28a";
}
