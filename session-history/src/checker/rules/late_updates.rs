//! An update that is not there two call deadlines after its call is never there.
//!
//! Guarantee: S1. An update names the end of its call as the last moment to apply it. The store estimates the server's
//! clock from the answer to an earlier call, so that moment is late by at most the duration of that call.

use crate::{
    checker::{Facts, Session, Violation},
    history::{Call, Level, Op},
};

pub(super) fn check(facts: &Facts<'_>, session: &Session<'_>) -> Vec<Violation> {
    let setup = facts.setup();
    let patience = 2 * setup.call_deadline + setup.slack;
    let is_current = |read: &Call| matches!(read.request.op, Op::Load { level: Level::Store, .. });
    let mut violations = Vec::new();
    for add in session.updates() {
        let Op::Add { element } = add.request.op else { continue };
        let over = add.completed.saturating_add(patience);
        let mut after = session.found().filter(|(read, _)| over < read.invoked);
        let Some((without, _)) = after.find(|(read, state)| is_current(read) && session.misses(add, read, state))
        else {
            continue;
        };
        let mut later = session.found().filter(|(read, _)| without.is_before(read));
        if let Some((read, _)) = later.find(|(_, state)| state.elements.contains(&element)) {
            let text = format!("call {} had not found what call {} sent", without.number, add.number);
            violations.push(session.violation("late_updates", read, text));
        }
    }
    violations
}

#[cfg(test)]
mod tests {
    use crate::checker::story::*;

    #[test]
    fn an_update_does_not_happen_after_its_call() {
        let added = || Story::new().then(0, 0, 1..1_001, ADD, unknown());
        let without = || added().then(1, 0, 3_100..3_101, STORE, found(1, &[]));
        added().then(1, 0, 2_900..2_901, STORE, found(1, &[])).then(1, 0, 3_200..3_201, STORE, found(2, &[1])).passes();
        without().then(1, 0, 3_200..3_201, STORE, found(1, &[])).passes();
        without().then(1, 0, 3_200..3_201, STORE, found(2, &[1])).breaks("late_updates");
    }
}
