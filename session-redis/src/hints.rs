//! Whom the sessions that were loaded lately belong to.
//!
//! The index lists a new id before a rotation moves a session there, so a rotation that keeps the principal needs to
//! know whom to list it for. A hint saves asking; a wrong one costs a round trip and no more, since the script checks it.

use std::fmt;

use parking_lot::Mutex;
use session_core::{Principal, model::IdDigest, store::Found};

use crate::lifetimes::Lifetimes;

/// A power of two. One place for each hash, so a later session takes the place of an earlier one.
const PLACES: usize = 4_096;

type Hint = (IdDigest, Principal, Lifetimes);

/// Hints by digest.
pub(crate) struct Hints(Box<[Mutex<Option<Hint>>]>);

impl Default for Hints {
    fn default() -> Self {
        Self((0..PLACES).map(|_| Mutex::new(None)).collect())
    }
}

impl Hints {
    fn place(&self, digest: &IdDigest) -> &Mutex<Option<Hint>> {
        &self.0[digest.hash_bits() as usize & (PLACES - 1)]
    }

    /// A session was found. Most belong to nobody, and are not noted.
    pub(crate) fn note(&self, digest: &IdDigest, principal: Option<Principal>, found: &Found) {
        if let Some(principal) = principal {
            let left = Lifetimes::left(found.record.deadlines(), found.now);
            *self.place(digest).lock() = Some((*digest, principal, left));
        }
    }

    pub(crate) fn recall(&self, digest: &IdDigest) -> Option<(Principal, Lifetimes)> {
        let place = self.place(digest).lock();
        place.as_ref().filter(|(of, ..)| of == digest).map(|(_, principal, left)| (principal.clone(), *left))
    }
}

impl fmt::Debug for Hints {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hints").finish_non_exhaustive()
    }
}
