//! I9: while touches succeed, a session in use does not expire.

use std::collections::BTreeMap;

use session_core::model::Incarnation;

use crate::sim::Millis;

/// Uses of sessions: reads that were followed by a touch if one was due.
#[derive(Debug, Default)]
pub(crate) struct Uses(BTreeMap<u64, Millis>);

impl Uses {
    /// The session was used at this moment, and every touch that was due has succeeded.
    pub(crate) fn note(&mut self, session: Incarnation, now: Millis) {
        self.0.insert(u64::from(session), now);
    }

    /// The last use of a session.
    pub(crate) fn last(&self, session: Incarnation) -> Option<Millis> {
        self.0.get(&u64::from(session)).copied()
    }
}

impl super::Oracle {
    /// A session has expired in the store. That is wrong if it was in use and no fault was active. A touch may be omitted for
    /// a tenth of the timeout, and once more while it is coalesced with others. Three tenths leave room for the network too.
    pub(crate) fn expired(&mut self, session: Incarnation, at: Millis, calm_since: Millis) {
        let Some(used) = self.uses.last(session).filter(|used| *used >= calm_since) else { return };
        if at < used + self.idle * 7 / 10 {
            let text = format!("{session:?} was used at {used} and expired at {at}, idle for {} at most", self.idle);
            self.violate("i9_honest_deadlines", text);
        }
    }
}
