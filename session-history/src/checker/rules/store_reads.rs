//! A load at level Store has every update that was acknowledged before it began, to any process.
//!
//! Guarantee: `ReadLevel::Store`, for as long as the store keeps what it acknowledged. Reads after the run are judged by
//! `lost_updates`.

use crate::{
    checker::{
        Facts, Session, Violation,
        session::{is_settled, level_of},
    },
    history::Level,
};

pub(super) fn check(facts: &Facts<'_>, session: &Session<'_>) -> Vec<Violation> {
    let mut violations = Vec::new();
    let at_store = session.found().filter(|(read, _)| level_of(read) == Some(Level::Store) && !is_settled(read));
    for (read, state) in at_store {
        let missing = session.updates().find(|update| {
            update.is_done()
                && update.is_before(read)
                && session.misses(update, read, state)
                && !facts.may_be_lost(session, update)
        });
        if let Some(update) = missing {
            let ago = (read.invoked - update.completed) / 1_000;
            let (op, number) = (update.request.op, update.number);
            let text = format!("{op:?} of call {number} was acknowledged {ago} ms before and is missing");
            violations.push(session.violation("store_reads", read, text));
        }
    }
    violations
}
