//! A load at level Local has every update that was acknowledged more than the staleness bound before it began.
//!
//! Guarantee: I1. The bound runs from the invocation of the load, so the time until it was answered, suspension included,
//! does not count against the product.

use crate::{
    checker::{Facts, Session, Violation, session::level_of},
    history::Level,
};

pub(super) fn check(facts: &Facts<'_>, session: &Session<'_>) -> Vec<Violation> {
    let mut violations = Vec::new();
    for (read, state) in session.found().filter(|(read, _)| level_of(read) == Some(Level::Local)) {
        let missing = session.updates().find(|update| {
            update.is_done()
                && update.completed.saturating_add(facts.patience()) < read.invoked
                && session.misses(update, read, state)
                && !facts.may_be_lost(session, update)
        });
        if let Some(update) = missing {
            let ago = (read.invoked - update.completed) / 1_000;
            let (op, number) = (update.request.op, update.number);
            let text = format!("{op:?} of call {number} was acknowledged {ago} ms before and is missing");
            violations.push(session.violation("bounded_staleness", read, text));
        }
    }
    violations
}

#[cfg(test)]
mod tests {
    use crate::checker::story::*;

    fn added() -> Story {
        Story::new().then(0, 0, 1..2, ADD, done(2))
    }

    #[test]
    fn a_local_read_may_be_as_old_as_the_bound_and_not_older() {
        added().then(1, 0, 521..522, LOCAL, found(1, &[])).passes();
        added().then(1, 0, 523..524, LOCAL, found(1, &[])).breaks("bounded_staleness");
        added().then(1, 0, 523..524, LOCAL, found(2, &[1])).passes();
    }

    #[test]
    fn the_time_of_a_suspension_does_not_count() {
        added().then(1, 0, 500..9_000, LOCAL, found(1, &[])).passes();
    }
}
