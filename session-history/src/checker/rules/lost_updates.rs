//! No acknowledged update is lost: after the run, when all faults have ended, every process finds it in the store.
//!
//! Guarantee: S1 and S4, as far as the store keeps what it acknowledged. Only an update that was on its way during a fault
//! that may lose writes can be missing.

use crate::checker::{Facts, Session, Violation, session::is_settled};

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

#[cfg(test)]
mod tests {
    use crate::{checker::story::*, history::Op};

    fn added() -> Story {
        Story::new().then(0, 0, 1..2, ADD, done(2))
    }

    #[test]
    fn what_was_acknowledged_is_there_after_the_run() {
        added().then(1, 0, 9..10, SETTLED, found(2, &[1])).passes();
        added().then(1, 0, 9..10, SETTLED, found(2, &[])).breaks("lost_updates");
    }

    #[test]
    fn an_unknown_update_may_be_missing() {
        Story::new().then(0, 0, 1..2, ADD, unknown()).then(1, 0, 9..10, SETTLED, found(1, &[])).passes();
    }

    #[test]
    fn only_a_fault_at_that_time_excuses_a_loss() {
        added().failover(2..5).then(1, 0, 9..10, SETTLED, found(1, &[])).passes();
        added().failover(3..5).then(1, 0, 9..10, SETTLED, found(1, &[])).breaks("lost_updates");
    }

    #[test]
    fn a_removed_element_does_not_come_back() {
        let removed = || added().then(0, 0, 3..4, Op::Remove { element: 1 }, done(3));
        removed().then(1, 0, 9..10, SETTLED, found(3, &[])).passes();
        removed().then(1, 0, 9..10, SETTLED, found(3, &[1])).breaks("lost_updates");
    }
}
