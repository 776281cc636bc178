//! The log of uses that the eviction policy has not seen yet.

use parking_lot::Mutex;
use session_core::model::IdDigest;

use crate::stats::{STRIPES, stripe};

/// The number of uses that one stripe keeps.
const KEPT: usize = 64;

/// The latest uses. A hit only writes its digest down. A use is lost if too many follow it before the log is read, or if
/// it comes while another thread reads its stripe: the policy needs a sample, not a count.
#[derive(Debug, Default)]
pub(crate) struct UsageLog([Stripe; STRIPES]);

#[derive(Debug, Default)]
#[repr(align(128))]
struct Stripe(Mutex<Uses>);

#[derive(Debug, Default)]
struct Uses {
    digests: Vec<IdDigest>,
    /// Where the next use is written once the stripe is full.
    oldest: usize,
}

impl UsageLog {
    /// Records a use. Never blocks.
    pub(crate) fn record(&self, digest: &IdDigest) {
        let Some(mut uses) = self.0[stripe()].0.try_lock() else { return };
        if uses.digests.len() < KEPT {
            uses.digests.push(*digest);
        } else {
            let at = uses.oldest;
            uses.digests[at] = *digest;
            uses.oldest = (at + 1) % KEPT;
        }
    }

    /// Takes the uses that one stripe has recorded.
    pub(crate) fn drain(&self, stripe: usize) -> Vec<IdDigest> {
        let mut uses = self.0[stripe % STRIPES].0.lock();
        uses.oldest = 0;
        if uses.digests.is_empty() {
            return Vec::new();
        }
        // With capacity, so that hits allocate nothing.
        std::mem::replace(&mut uses.digests, Vec::with_capacity(KEPT))
    }
}

#[cfg(test)]
mod tests {
    use session_core::SessionId;

    use super::*;

    #[test]
    fn the_latest_are_kept_and_drained_once() {
        let log = UsageLog::default();
        let used: Vec<IdDigest> = (0..KEPT + 3).map(|_| *SessionId::generate().unwrap().digest()).collect();
        used.iter().for_each(|digest| log.record(digest));
        let all = || -> Vec<IdDigest> { (0..STRIPES).flat_map(|stripe| log.drain(stripe)).collect() };
        let drained = all();
        assert_eq!(drained.len(), KEPT);
        assert!(used[3..].iter().all(|digest| drained.contains(digest)));
        assert_eq!(all(), []);
    }
}
