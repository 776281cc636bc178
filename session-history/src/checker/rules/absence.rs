//! A session that was created and neither destroyed nor moved is not reported as absent.
//!
//! Guarantee: "absent is not failed", read your writes, and for the old id of a renewal: it forwards until the new id is
//! used, and for the grace after that, of which the first grace is judged. A failure to reach the store, or a record that
//! cannot be read, is an error and never an absent session.

use crate::{
    checker::{Facts, Session, Violation},
    history::{Call, Outcome},
};

pub(super) fn check(facts: &Facts<'_>, session: &Session<'_>) -> Vec<Violation> {
    let is_absent = |load: &&Call| matches!(load.outcome, Some(Outcome::Absent { .. }));
    let mut violations = Vec::new();
    for load in session.loads().filter(is_absent) {
        let arrived = |arrival: &Call| facts.binds(arrival, load) && !facts.may_be_lost(session, arrival);
        if session.must_be_at_its_id(load, facts.setup().slack, arrived) {
            let text = format!("the session is at this id and was reported as {:?}", load.outcome);
            violations.push(session.violation("absence", load, text));
        }
    }
    violations
}

#[cfg(test)]
mod tests {
    use crate::{
        checker::story::*,
        history::{Op, RotationKind},
    };

    #[test]
    fn a_session_that_is_there_is_found() {
        Story::new().then(1, 0, 3..4, STORE, refused()).passes();
        Story::new().then(1, 0, 3..4, STORE, absent()).breaks("absence");
        Story::new().then(1, 0, 3..4, LOCAL, absent()).passes();
        Story::new().then(1, 0, 600..601, LOCAL, absent()).breaks("absence");
        Story::new().then(0, 0, 3..4, LOCAL, absent()).breaks("absence");
    }

    #[test]
    fn a_destroy_that_is_on_its_way_may_have_ended_it() {
        Story::new().then(1, 0, 1..9, Op::Destroy, unknown()).then(1, 0, 3..4, STORE, absent()).passes();
        Story::new().then(1, 0, 1..2, Op::Destroy, refused()).then(1, 0, 3..4, STORE, absent()).breaks("absence");
    }

    #[test]
    fn an_old_id_forwards_for_the_grace_of_a_renewal() {
        let moved = |kind| Story::new().then(0, 0, 1..2, rotate(1, kind), done(1));
        moved(RotationKind::Renew).then(1, 0, 3..4, STORE, absent()).breaks("absence");
        moved(RotationKind::Renew).then(1, 0, 16_000..16_001, STORE, absent()).passes();
        moved(RotationKind::Privilege).then(1, 0, 3..4, STORE, absent()).passes();
        moved(RotationKind::Privilege).then(1, 1, 3..4, STORE, absent()).breaks("absence");
    }
}
