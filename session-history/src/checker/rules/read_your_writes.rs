//! On a process, every load has all updates that were acknowledged to that process before the load began.
//!
//! Guarantee: I2, while the store keeps what it acknowledged.

use crate::checker::{Facts, Session, Violation};

pub(super) fn check(facts: &Facts<'_>, session: &Session<'_>) -> Vec<Violation> {
    let mut violations = Vec::new();
    for (read, state) in session.found() {
        let missing = session.updates().find(|update| {
            update.request.process == read.request.process
                && update.is_done()
                && update.is_before(read)
                && session.misses(update, read, state)
                && !facts.may_be_lost(session, update)
        });
        if let Some(update) = missing {
            let (op, number) = (update.request.op, update.number);
            let text = format!("the process's own {op:?} of call {number} is missing");
            violations.push(session.violation("read_your_writes", read, text));
        }
    }
    violations
}

#[cfg(test)]
mod tests {
    use crate::checker::story::*;

    #[test]
    fn a_process_sees_its_own_writes_at_once() {
        let added = || Story::new().then(1, 0, 1..2, ADD, done(2));
        added().then(1, 0, 3..4, LOCAL, found(2, &[1])).passes();
        added().then(1, 0, 3..4, LOCAL, found(1, &[])).breaks("read_your_writes");
        added().then(0, 0, 3..4, LOCAL, found(1, &[])).passes();
    }
}
