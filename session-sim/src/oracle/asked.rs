//! When a node last received an answer of the store about a session.

use std::collections::BTreeMap;

use session_core::model::{IdDigest, Stamp};

use crate::sim::Millis;

/// When the last answered request was sent, by id and by session.
#[derive(Debug, Default)]
pub(crate) struct Asked {
    of_id: BTreeMap<(usize, IdDigest), Millis>,
    of_session: BTreeMap<(usize, u64), Millis>,
    /// When the last answer came.
    answered: BTreeMap<(usize, IdDigest), Millis>,
}

impl Asked {
    /// A request that was sent at the first of these moments was answered at the second.
    pub(crate) fn note(
        &mut self,
        node: usize,
        digests: &[&IdDigest],
        stamp: Option<Stamp>,
        (sent, now): (Millis, Millis),
    ) {
        for digest in digests {
            self.answered.insert((node, **digest), now);
            raise(self.of_id.entry((node, **digest)).or_default(), sent);
        }
        if let Some(stamp) = stamp {
            raise(self.of_session.entry((node, u64::from(stamp.incarnation()))).or_default(), sent);
        }
    }

    /// Whether an answer about this id arrives at this moment. A caller that joins its request now does not wait, and yet
    /// its answer comes from the store.
    pub(crate) fn is_fresh(&self, node: usize, digest: &IdDigest, now: Millis) -> bool {
        self.answered.get(&(node, *digest)) == Some(&now)
    }

    pub(crate) fn last(&self, node: usize, digest: &IdDigest, stamp: Option<Stamp>) -> Option<Millis> {
        let session = stamp.and_then(|stamp| self.of_session.get(&(node, u64::from(stamp.incarnation()))));
        self.of_id.get(&(node, *digest)).max(session).copied()
    }
}

fn raise(last: &mut Millis, sent: Millis) {
    *last = (*last).max(sent);
}
