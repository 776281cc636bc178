//! Exactly once: no update is executed twice in the history of a server, and no refused update is executed.

use session_core::{model::OpId, store::machine::REMEMBERED_OPS};

use super::Updates;
use crate::sim::Millis;

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

    /// An update is executed now. Its call ends at `until`.
    pub(crate) fn happens_in_time(&mut self, op: OpId, until: Option<Millis>, now: Millis) {
        if until.is_some_and(|until| now > until) {
            self.violate("late_update", format!("{op:?} is executed after its call"));
        }
    }

    /// The store refused an update that was sent only once. It must never be executed.
    pub(crate) fn refuse(&mut self, op: OpId) {
        self.refused.insert(u64::from(op));
    }
}
