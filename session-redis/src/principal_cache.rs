//! The principals of recently loaded sessions.
//!
//! The index lists a new id before a rotation moves a session there, so a rotation that keeps the principal needs to
//! know it beforehand. A cached principal saves a round trip. A wrong one costs a round trip and nothing else, since the
//! script checks it.

use std::fmt;

use parking_lot::Mutex;
use session_core::{Principal, model::IdDigest, store::Found};

use crate::lifetimes::Lifetimes;

/// The number of places, a power of two. Each digest has one place, where a later session replaces an earlier one.
const PLACES: usize = 4_096;

type Cached = (IdDigest, Principal, Lifetimes);

/// Principals by digest.
pub(crate) struct PrincipalCache(Box<[Mutex<Option<Cached>>]>);

impl Default for PrincipalCache {
    fn default() -> Self {
        Self((0..PLACES).map(|_| Mutex::new(None)).collect())
    }
}

impl PrincipalCache {
    fn place(&self, digest: &IdDigest) -> &Mutex<Option<Cached>> {
        &self.0[digest.hash_bits() as usize & (PLACES - 1)]
    }

    /// Remembers the principal of a session that was found. Most sessions have none.
    pub(crate) fn remember(&self, digest: &IdDigest, found: &Found) {
        if let Some(principal) = found.record.principal() {
            let left = Lifetimes::left(found.record.deadlines(), found.now);
            *self.place(digest).lock() = Some((*digest, principal.clone(), left));
        }
    }

    pub(crate) fn recall(&self, digest: &IdDigest) -> Option<(Principal, Lifetimes)> {
        let place = self.place(digest).lock();
        place.as_ref().filter(|(of, ..)| of == digest).map(|(_, principal, left)| (principal.clone(), *left))
    }
}

impl fmt::Debug for PrincipalCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PrincipalCache").finish_non_exhaustive()
    }
}
