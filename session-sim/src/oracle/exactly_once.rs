//! Exactly once: no update is executed twice in the history of a server, and no refused update is executed.

use session_core::{model::OpId, store::machine::REMEMBERED_OPS};

use super::Updates;

impl Updates {
    /// An update of a session with this lineage is executed.
    pub(crate) fn happens(&mut self, lineage: &[u64], op: OpId) {
        let before = lineage.iter().rev().position(|other| *other == u64::from(op));
        // An original that is still in flight after this many others is outside the guarantee.
        if before.is_some_and(|others| others < REMEMBERED_OPS) {
            self.violate("exactly_once", format!("{op:?} is executed again"));
        }
        if self.refused.contains(&u64::from(op)) {
            self.violate("exactly_once", format!("{op:?} was refused, and is executed"));
        }
    }

    /// The store refused an update that was sent only once. It must never be executed.
    pub(crate) fn refuse(&mut self, op: OpId) {
        self.refused.insert(u64::from(op));
    }
}
