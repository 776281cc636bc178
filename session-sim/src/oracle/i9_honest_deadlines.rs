//! I9: while touches succeed, a session that is used does not expire.

use std::collections::BTreeMap;

use session_core::model::Incarnation;

use crate::sim::Millis;

/// Uses of sessions: reads that a client followed up with a touch where one was due.
#[derive(Debug, Default)]
pub(crate) struct Uses(BTreeMap<u64, Millis>);

impl Uses {
    /// Used at this moment, and all touches that were due have succeeded.
    pub(crate) fn note(&mut self, session: Incarnation, now: Millis) {
        self.0.insert(session.bits(), now);
    }

    /// Its last use.
    pub(crate) fn last(&self, session: Incarnation) -> Option<Millis> {
        self.0.get(&session.bits()).copied()
    }
}

impl super::Oracle {
    /// A session expired in the store, at a time when nothing was wrong. A touch may be left out for a tenth of the
    /// timeout, and again for as long as it is coalesced with others; three tenths are room for the network, too.
    pub(crate) fn expired(&mut self, session: Incarnation, at: Millis, calm_since: Millis) {
        let Some(used) = self.uses.last(session).filter(|used| *used >= calm_since) else { return };
        if at < used + self.idle * 7 / 10 {
            let text = format!("{session:?} was used at {used} and expired at {at}, idle for {} at most", self.idle);
            self.violate("i9_honest_deadlines", text);
        }
    }
}
