//! No acknowledged update is lost: after the run, when all faults have ended, every process finds it in the store.
//!
//! Guarantee: S1 and S4, as far as the store keeps what it acknowledged. Only an update that was on its way during a fault
//! that may lose writes can be missing.

use crate::checker::{
    Facts, Session, Violation,
    session::is_settled,
};

pub(super) fn check(facts: &Facts<'_>, session: &Session<'_>) -> Vec<Violation> {
    let mut violations = Vec::new();
    for (read, state) in session.found().filter(|(read, _)| is_settled(read)) {
        for update in session.updates().filter(|update| update.is_done()) {
            if session.misses(update, read, state) && !facts.may_be_lost(session, update) {
                let text = format!("{:?} of call {} was acknowledged and is gone", update.request.op, update.number);
                violations.push(session.violation("lost_updates", read, text));
            }
        }
    }
    violations
}
