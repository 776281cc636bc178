//! Uses of copies that the keeper has not been told of.

use parking_lot::Mutex;
use session_core::model::IdDigest;

use crate::stats::{STRIPES, stripe};

/// So many of the latest uses by the threads of one stripe.
const LATEST: usize = 64;

/// The latest uses, for when there is something to decide. Whoever hits only writes the digest down; a use that others
/// follow too soon is lost, as is one that meets somebody who collects: the policy needs a sample, not a count.
#[derive(Debug, Default)]
pub(crate) struct Notes([Page; STRIPES]);

#[derive(Debug, Default)]
#[repr(align(128))]
struct Page(Mutex<Uses>);

#[derive(Debug, Default)]
struct Uses {
    digests: Vec<IdDigest>,
    /// Where the next one goes, once there are as many as are kept.
    oldest: usize,
}

impl Notes {
    /// Waits for nobody.
    pub(crate) fn add(&self, digest: &IdDigest) {
        let Some(mut uses) = self.0[stripe()].0.try_lock() else { return };
        if uses.digests.len() < LATEST {
            uses.digests.push(*digest);
        } else {
            let at = uses.oldest;
            uses.digests[at] = *digest;
            uses.oldest = (at + 1) % LATEST;
        }
    }

    /// Takes what the threads of one stripe have written down.
    pub(crate) fn collect(&self, stripe: usize) -> Vec<IdDigest> {
        let mut uses = self.0[stripe % STRIPES].0.lock();
        uses.oldest = 0;
        if uses.digests.is_empty() {
            return Vec::new();
        }
        // With room, so that hits allocate nothing.
        std::mem::replace(&mut uses.digests, Vec::with_capacity(LATEST))
    }
}

#[cfg(test)]
mod tests {
    use session_core::SessionId;

    use super::*;

    #[test]
    fn the_latest_are_kept_and_collected_once() {
        let notes = Notes::default();
        let used: Vec<IdDigest> = (0..LATEST + 3).map(|_| *SessionId::generate().unwrap().digest()).collect();
        used.iter().for_each(|digest| notes.add(digest));
        let all = || -> Vec<IdDigest> { (0..STRIPES).flat_map(|stripe| notes.collect(stripe)).collect() };
        let collected = all();
        assert_eq!(collected.len(), LATEST);
        assert!(used[3..].iter().all(|digest| collected.contains(digest)));
        assert_eq!(all(), []);
    }
}
