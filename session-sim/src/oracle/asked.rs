//! When a node last had an answer of the store about a session.

use std::collections::BTreeMap;

use session_core::{IdDigest, Stamp};

use crate::sim::Millis;

/// By id and by session: when the last request that was answered had been sent.
#[derive(Debug, Default)]
pub(crate) struct Asked {
    of_id: BTreeMap<(usize, IdDigest), Millis>,
    of_session: BTreeMap<(usize, u64), Millis>,
}

impl Asked {
    pub(crate) fn note(&mut self, node: usize, digests: &[&IdDigest], stamp: Option<Stamp>, sent: Millis) {
        for digest in digests {
            raise(self.of_id.entry((node, **digest)).or_default(), sent);
        }
        if let Some(stamp) = stamp {
            raise(self.of_session.entry((node, stamp.incarnation.bits())).or_default(), sent);
        }
    }

    pub(crate) fn last(&self, node: usize, digest: &IdDigest, stamp: Option<Stamp>) -> Option<Millis> {
        let session = stamp.and_then(|stamp| self.of_session.get(&(node, stamp.incarnation.bits())));
        self.of_id.get(&(node, *digest)).max(session).copied()
    }
}

fn raise(last: &mut Millis, sent: Millis) {
    *last = (*last).max(sent);
}
