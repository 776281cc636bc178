//! Increments by compare and set count exactly: each that is acknowledged has a value of its own, and no value exceeds the
//! number of increments that were sent.
//!
//! Guarantee: an update whose precondition fails changes nothing (contract of `apply`).

use std::collections::BTreeMap;

use crate::{
    checker::{Facts, Session, Violation},
    history::{Call, Op, Outcome},
};

const RULE: &str = "counter";

pub(super) fn check(facts: &Facts<'_>, session: &Session<'_>) -> Vec<Violation> {
    let increments: Vec<&Call> =
        session.updates().filter(|call| matches!(call.request.op, Op::Increment) && call.may_have_happened()).collect();
    let most = |completed| increments.iter().filter(|call| call.invoked < completed).count() as u64;
    let mut by_value: BTreeMap<u64, &Call> = BTreeMap::new();
    let mut violations = Vec::new();
    for call in &increments {
        let Some(Outcome::Done { value: Some(value), .. }) = call.outcome else { continue };
        if let Some(other) = by_value.insert(value, call)
            && !facts.is_at_risk(call)
            && !facts.is_at_risk(other)
        {
            let text = format!("the value {value} was acknowledged to call {} too", other.number);
            violations.push(session.violation(RULE, call, text));
        }
        if value > most(call.completed) {
            violations.push(session.violation(RULE, call, format!("the value {value} exceeds the increments sent")));
        }
    }
    for (read, state) in session.found().filter(|(read, state)| state.counter > most(read.completed)) {
        let text = format!("the counter {} exceeds the increments sent", state.counter);
        violations.push(session.violation(RULE, read, text));
    }
    violations
}

#[cfg(test)]
mod tests {
    use crate::{checker::story::*, history::Op};

    #[test]
    fn every_increment_has_a_value_of_its_own() {
        let first = || Story::new().then(0, 0, 1..2, Op::Increment, counted(2, 1));
        first().then(1, 0, 3..4, Op::Increment, counted(3, 2)).passes();
        first().then(1, 0, 3..4, Op::Increment, counted(3, 1)).breaks("counter");
        first().then(1, 0, 3..4, Op::Increment, counted(3, 3)).breaks("counter");
    }
}
