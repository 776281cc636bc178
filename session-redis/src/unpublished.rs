//! Changes that were stored but could not be published.

use crate::counter::Counter;

/// Counts changes that were stored but not published.
///
/// The permission to publish may be revoked while a store is connected. The change has happened by then, so it is
/// answered like any other: its number in the sequence shows other nodes that they have missed one.
#[derive(Debug, Default)]
pub(crate) struct Unpublished(Counter);

impl Unpublished {
    /// Notes whether the reply of a script says so, by a first letter in lower case, and restores the letter.
    pub(crate) fn note(&self, reply: &mut [u8]) {
        let Some(letter) = reply.first_mut().filter(|letter| letter.is_ascii_lowercase()) else { return };
        letter.make_ascii_uppercase();
        self.0.count();
        #[cfg(feature = "tracing")]
        tracing::warn!("a change was not published: the server's ACL denies it; grant what the README lists");
    }

    pub(crate) fn count(&self) -> u64 {
        self.0.get()
    }
}
