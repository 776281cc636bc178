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
