//! An entry of a principal's list.

use session_core::model::{IdDigest, Timestamp};

use super::bytes::{Cursor, put};

/// An entry of a principal's list, as `index_add.lua` writes it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ListEntry {
    pub(crate) digest: IdDigest,
    /// Until when the session is listed at all.
    pub(crate) until: Timestamp,
    /// Until when a session that is not there may still arrive.
    pub(crate) awaited_until: Timestamp,
    /// Its place in the order of the list; later entries have greater ones.
    pub(crate) place: u64,
}

impl ListEntry {
    /// The bytes of a digest and its entry.
    pub(super) const LEN: usize = 39;

    pub(super) fn read(cursor: &mut Cursor<'_>) -> Option<Self> {
        let digest = IdDigest::from(cursor.take()?);
        let (until, awaited_until) = (cursor.time::<7>()?, cursor.time::<7>()?);
        Some(Self { digest, until, awaited_until, place: cursor.number::<7>()? })
    }

    /// Reads a digest and its entry.
    pub(crate) fn parse(bytes: &[u8]) -> Option<Self> {
        if bytes.len() == Self::LEN { Self::read(&mut Cursor(bytes)) } else { None }
    }

    /// The digest, and the entry as the list has it.
    pub(crate) fn to_bytes(self) -> Vec<u8> {
        let mut bytes = self.digest.to_bytes().to_vec();
        put::<7>(&mut bytes, self.until.as_millis());
        put::<7>(&mut bytes, self.awaited_until.as_millis());
        put::<7>(&mut bytes, self.place);
        bytes
    }
}
