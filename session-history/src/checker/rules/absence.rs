//! A session that was created and neither destroyed nor moved is not reported as absent.
//!
//! Guarantee: "absent is not failed", read your writes, and for the old id of a renewal: it forwards for the grace. A
//! failure to reach the store, or a record that cannot be read, is an error and never an absent session.

use crate::{
    checker::{Facts, Session, Violation},
    history::{Call, Outcome},
};

pub(super) fn check(facts: &Facts<'_>, session: &Session<'_>) -> Vec<Violation> {
    let is_absent = |load: &&Call| matches!(load.outcome, Some(Outcome::Absent { .. }));
    let mut violations = Vec::new();
    for load in session.loads().filter(is_absent) {
        let arrived = |arrival: &Call| facts.binds(arrival, load) && !facts.is_at_risk(arrival);
        if session.must_be_at_its_id(load, facts.setup().slack, arrived) {
            let text = format!("the session is at this id and was reported as {:?}", load.outcome);
            violations.push(session.violation("absence", load, text));
        }
    }
    violations
}
