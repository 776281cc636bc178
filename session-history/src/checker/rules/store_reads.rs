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

#[cfg(test)]
mod tests {
    use crate::{
        checker::story::*,
        history::{Op, Outcome, State},
    };

    fn added() -> Story {
        Story::new().then(0, 0, 1..5, ADD, done(2))
    }

    #[test]
    fn every_update_acknowledged_before_the_read_is_there() {
        added().then(1, 0, 6..7, STORE, found(2, &[1])).passes();
        added().then(1, 0, 6..7, STORE, found(2, &[])).breaks("store_reads");
    }

    #[test]
    fn an_update_that_is_on_its_way_may_be_missing() {
        added().then(1, 0, 4..7, STORE, found(1, &[])).passes();
    }

    #[test]
    fn an_update_that_was_not_lost_is_not_excused() {
        let late = || added().failover(0..20).then(1, 0, 6..7, STORE, found(1, &[]));
        late().passes();
        let call = late().then(1, 0, 30..31, SETTLED, found(2, &[1]));
        assert!(call.rules().contains("store_reads"));
    }

    #[test]
    fn a_register_is_not_older_than_an_acknowledged_value() {
        let set = |value| Op::Set { value };
        let seen = |value| match found(3, &[]) {
            Outcome::Found { state } => Outcome::Found { state: State { register: Some(value), ..state } },
            other => other,
        };
        let story = || Story::new().then(0, 0, 1..2, set(8), done(2)).then(0, 0, 3..4, set(9), done(3));
        story().then(1, 0, 6..7, STORE, seen(9)).passes();
        story().then(1, 0, 6..7, STORE, seen(8)).breaks("store_reads");
    }
}
