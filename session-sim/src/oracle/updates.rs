//! The updates of all sessions: which were acknowledged, refused, or lost by the store.

use std::collections::BTreeSet;

use session_core::model::OpId;

use super::Violation;
use crate::sim::Lineages;

/// A session and one of its updates.
pub(crate) type UpdateId = (u64, u64);

/// The known facts about updates.
#[derive(Debug, Default)]
pub(crate) struct Updates {
    pub(super) acknowledged: BTreeSet<UpdateId>,
    pub(super) refused: BTreeSet<u64>,
    pub(super) lost: BTreeSet<UpdateId>,
    pub(super) violation: Option<Violation>,
}

impl Updates {
    /// The store has acknowledged an update.
    pub(crate) fn acknowledge(&mut self, session: u64, op: OpId) {
        self.acknowledged.insert((session, u64::from(op)));
    }

    /// The store has lost all updates that are in `had` and not in `has`.
    pub(crate) fn lose(&mut self, had: &Lineages, has: &Lineages) -> usize {
        let before = self.lost.len();
        for (session, ops) in had {
            let kept = has.get(session).map(Vec::as_slice).unwrap_or_default();
            self.lost.extend(ops.iter().filter(|op| !kept.contains(op)).map(|op| (session.1, *op)));
        }
        self.lost.len() - before
    }

    /// Whether the store has lost an update, of whichever session.
    pub(super) fn has_lost(&self, op: u64) -> bool {
        self.lost.iter().any(|(_, lost)| *lost == op)
    }

    pub(crate) fn violation(&self) -> Option<&Violation> {
        self.violation.as_ref()
    }

    pub(super) fn violate(&mut self, invariant: &'static str, text: String) {
        self.violation.get_or_insert(Violation { invariant, text });
    }
}
