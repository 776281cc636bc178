//! No update is applied twice, and no state has an update that no client has sent.
//!
//! Guarantee: S1 and S2. Every applied update makes the version one greater, so a version counts the updates behind it. It
//! cannot exceed the number of those that were sent; two updates are not acknowledged with one version, unless the store has
//! lost one of them.

use std::collections::BTreeMap;

use crate::{
    checker::{Facts, Session, Violation},
    history::{Call, Outcome},
};

const RULE: &str = "exactly_once";

pub(super) fn check(facts: &Facts<'_>, session: &Session<'_>) -> Vec<Violation> {
    let mut violations = too_many(session);
    violations.extend(same_version(facts, session));
    violations.extend(invented(session));
    violations
}

/// Versions that need more updates than were sent.
fn too_many(session: &Session<'_>) -> Vec<Violation> {
    let sent: Vec<_> = session.updates().filter(|update| update.may_have_happened()).map(|it| it.invoked).collect();
    let mut violations = Vec::new();
    for (read, state) in session.found() {
        let most = sent.partition_point(|invoked| *invoked < read.completed) as u64;
        if state.stamp.version > 1 + most {
            let text = format!("version {} after {most} updates that can have been applied", state.stamp.version);
            violations.push(session.violation(RULE, read, text));
        }
    }
    violations
}

/// Two updates that were acknowledged with one version.
fn same_version(facts: &Facts<'_>, session: &Session<'_>) -> Vec<Violation> {
    let mut by_version: BTreeMap<u64, &Call> = BTreeMap::new();
    let mut violations = Vec::new();
    for update in session.updates() {
        // A repeat is answered with the current version.
        let Some(Outcome::Done { stamp: Some(stamp), repeated: false, .. }) = &update.outcome else { continue };
        let Some(other) = by_version.insert(stamp.version, update) else { continue };
        if !facts.is_at_risk(update) && !facts.is_at_risk(other) {
            let text = format!("version {} was acknowledged to call {} too", stamp.version, other.number);
            violations.push(session.violation(RULE, update, text));
        }
    }
    violations
}

/// Elements and values that no client had sent when the answer came, and states of another session.
fn invented(session: &Session<'_>) -> Vec<Violation> {
    let created = session.creates().find_map(|create| match create.outcome {
        Some(Outcome::Done { stamp: Some(stamp), .. }) => Some(stamp.incarnation),
        _ => None,
    });
    let mut violations = Vec::new();
    for (read, state) in session.found() {
        let is_sent = |write: Option<&Call>| write.is_some_and(|write| write.invoked < read.completed);
        let element = state.elements.iter().find(|element| !is_sent(session.add_of(**element)));
        let register = state.register.filter(|value| !is_sent(session.set_of(*value)));
        if element.is_some() || register.is_some() {
            let text = format!("element {element:?} or value {register:?} was never sent");
            violations.push(session.violation(RULE, read, text));
        }
        if created.is_some_and(|incarnation| incarnation != state.stamp.incarnation) {
            violations.push(session.violation(RULE, read, "the state of another session".to_owned()));
        }
    }
    violations
}

#[cfg(test)]
mod tests {
    use crate::{checker::story::*, history::Op};

    #[test]
    fn a_version_counts_the_updates_behind_it() {
        let added = || Story::new().then(0, 0, 1..2, ADD, unknown());
        added().then(1, 0, 3..4, STORE, found(2, &[1])).passes();
        added().then(1, 0, 3..4, STORE, found(3, &[1])).breaks("exactly_once");
    }

    #[test]
    fn a_version_is_acknowledged_once() {
        let add = |element| Op::Add { element };
        let added = || Story::new().then(0, 0, 1..2, add(1), done(2));
        added().then(1, 0, 3..4, add(2), done(3)).passes();
        added().then(1, 0, 3..4, add(2), done(2)).breaks("exactly_once");
        added().failover(2..3).then(1, 0, 3..4, add(2), done(2)).passes();
    }

    #[test]
    fn nothing_is_invented() {
        Story::new().then(0, 0, 1..9, ADD, unknown()).then(1, 0, 2..3, STORE, found(2, &[1])).passes();
        Story::new().then(0, 0, 1..9, ADD, unknown()).then(1, 0, 2..3, STORE, found(2, &[5])).breaks("exactly_once");
    }
}
