//! A load with a floor is answered with that state or a later one, on any process.
//!
//! Guarantee: I4. If the store has lost what the floor refers to, one load may stay below it, and a process
//! with a cache counts the loss in `history_lost` or `floors_unmet`; the rule asks every such process that lives until the end of the run.

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

#[cfg(test)]
mod tests {
    use crate::{
        checker::story::*,
        history::{Level, Op, SeenStamp},
    };

    const AT_TWO: Op =
        Op::Load { level: Level::Local, floor: Some(SeenStamp { incarnation: 7, version: 2 }), settled: false };

    fn added() -> Story {
        Story::new().then(0, 0, 1..2, ADD, done(2))
    }

    #[test]
    fn an_answer_is_at_the_floor_or_above() {
        added().then(1, 0, 3..4, AT_TWO, found(2, &[1])).passes();
        added().then(1, 0, 3..4, AT_TWO, found(1, &[])).breaks("floors");
    }

    #[test]
    fn a_loss_is_counted() {
        let lost = || added().failover(2..9).then(1, 0, 10..11, AT_TWO, found(1, &[]));
        lost().counters(1, 1, 0).passes();
        lost().counters(1, 0, 0).breaks("floors");
    }
}
