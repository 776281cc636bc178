//! Exactly once: no update happens twice in the history that a server has, and none happens that was refused.

use session_core::{model::OpId, store::machine::REMEMBERED_OPS};

use super::Updates;

impl Updates {
    /// An update happens to a session with this lineage.
    pub(crate) fn happens(&mut self, lineage: &[u64], op: OpId) {
        let before = lineage.iter().rev().position(|other| *other == op.bits());
        // An original that is still under way after so many others is outside the promise.
        if before.is_some_and(|others| others < REMEMBERED_OPS) {
            self.violate("exactly_once", format!("{op:?} happens again"));
        }
        if self.refused.contains(&op.bits()) {
            self.violate("exactly_once", format!("{op:?} was refused, and happens"));
        }
    }

    /// The store refused it, and it was sent only once: it must never happen.
    pub(crate) fn refuse(&mut self, op: OpId) {
        self.refused.insert(op.bits());
    }
}
