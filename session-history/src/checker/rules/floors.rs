//! A load with a floor is answered with that state or a later one, on any process.
//!
//! Guarantee: I4. If the store has lost what the floor refers to, one load may stay below it, and a process
//! with a cache counts the loss in `history_lost`; the rule asks every such process that lives until the end of the run.

use crate::{
    checker::{Facts, Session, Violation},
    history::{Call, Op, State},
};

pub(super) fn check(facts: &Facts<'_>, session: &Session<'_>) -> Vec<Violation> {
    let may_be_lost = facts.may_have_lost_any(session);
    let mut violations = Vec::new();
    for (read, state) in session.found() {
        let Some(floor) = floor_missed(read, state) else { continue };
        let text = format!("version {} below the floor {floor}", state.stamp.version);
        if !may_be_lost {
            violations.push(session.violation("floors", read, text));
        } else if facts.setup().caching_nodes.contains(&read.request.process.node)
            && facts.counters(read.request.process).is_some_and(|counters| counters.history_lost == 0)
        {
            let text = format!("{text}, and the process counts no lost history");
            violations.push(session.violation("floors", read, text));
        }
    }
    violations
}

/// The floor that the answer is below.
fn floor_missed(read: &Call, state: &State) -> Option<u64> {
    let Op::Load { floor: Some(floor), .. } = read.request.op else { return None };
    let is_below = floor.incarnation == state.stamp.incarnation && state.stamp.version < floor.version;
    is_below.then_some(floor.version)
}
