//! No acknowledged update is lost, except by the store itself.

use super::Updates;
use crate::sim::Lineages;

impl Updates {
    /// At the end of a run, every acknowledged update is in the lineage of its session, unless the store lost it.
    pub(crate) fn check_final(&mut self, lineages: &Lineages) {
        let lost = |(session, op): &(u64, u64)| {
            let mut of_session = lineages.iter().filter(|((_, incarnation), _)| incarnation == session);
            !of_session.any(|(_, ops)| ops.contains(op)) && !self.lost.contains(&(*session, *op))
        };
        if let Some((session, op)) = self.acknowledged.iter().copied().find(lost) {
            self.violate("no_lost_update", format!("{op:016x} of session {session:016x} was acknowledged and is gone"));
        }
    }
}
