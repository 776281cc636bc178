//! On a process, a load that begins after another was answered shows no older state of the session, and no session that
//! the other has shown as ended.
//!
//! Guarantee: I3, while the store keeps what it acknowledged. An element shows the order of two states: once seen, it
//! stays until its removal. Versions show it too, as long as no version can have been used twice.

use std::collections::BTreeMap;

use crate::{
    checker::{Facts, Session, Violation},
    history::{Call, Micros, Op, Outcome, Process},
};

pub(super) fn check(facts: &Facts<'_>, session: &Session<'_>) -> Vec<Violation> {
    let mut violations = elements(facts, session);
    violations.extend(versions(facts, session));
    violations.extend(ends(facts, session));
    violations
}

fn elements(facts: &Facts<'_>, session: &Session<'_>) -> Vec<Violation> {
    let mut first_seen: BTreeMap<(Process, u64), Micros> = BTreeMap::new();
    for (read, state) in session.found() {
        for element in &state.elements {
            let seen = first_seen.entry((read.request.process, *element)).or_insert(Micros::MAX);
            *seen = read.completed.min(*seen);
        }
    }
    let mut violations = Vec::new();
    for (read, state) in session.found() {
        let of_process = first_seen.range((read.request.process, 0)..=(read.request.process, u64::MAX));
        let missing = of_process.filter(|(_, seen)| **seen < read.invoked).find_map(|((_, element), _)| {
            let add = session.add_of(*element)?;
            (session.misses(add, read, state) && !facts.may_be_lost(session, add)).then_some(element)
        });
        if let Some(element) = missing {
            let text = format!("element {element}, which the process has shown, is missing");
            violations.push(session.violation("monotonic_reads", read, text));
        }
    }
    violations
}

fn versions(facts: &Facts<'_>, session: &Session<'_>) -> Vec<Violation> {
    if facts.may_have_lost_any(session) {
        return Vec::new();
    }
    let found: Vec<_> = session.found().collect();
    let mut by_completion = found.clone();
    by_completion.sort_by_key(|(read, _)| read.completed);
    let (mut answered, mut newest) = (by_completion.into_iter().peekable(), BTreeMap::new());
    let mut violations = Vec::new();
    for (read, state) in found {
        while let Some((earlier, seen)) = answered.next_if(|(earlier, _)| earlier.is_before(read)) {
            let version = newest.entry(earlier.request.process).or_insert(0);
            *version = seen.stamp.version.max(*version);
        }
        let newest = newest.get(&read.request.process).copied().unwrap_or(0);
        if state.stamp.version < newest {
            let text = format!("version {} after the process has shown version {newest}", state.stamp.version);
            violations.push(session.violation("monotonic_reads", read, text));
        }
    }
    violations
}

/// An id at which a process has shown that the session is gone leads to no session any more.
fn ends(facts: &Facts<'_>, session: &Session<'_>) -> Vec<Violation> {
    let is_move = |call: &&Call| matches!(call.request.op, Op::Create | Op::Destroy | Op::Rotate { .. });
    let mut moves = session.creates().chain(session.destroys()).chain(session.rotations());
    if moves.any(|call| is_move(&call) && call.may_have_happened() && facts.is_at_risk(call)) {
        return Vec::new();
    }
    let is_gone =
        |load: &&Call| matches!(load.outcome, Some(Outcome::Absent { ended, superseded }) if ended || superseded);
    let gone: Vec<_> = session.loads().filter(is_gone).collect();
    let mut violations = Vec::new();
    for (read, _) in session.found() {
        let same = |load: &&&Call| {
            load.request.process == read.request.process && load.request.id == read.request.id && load.is_before(read)
        };
        if let Some(load) = gone.iter().find(same) {
            let text = format!("the session is found at an id at which call {} has shown its end", load.number);
            violations.push(session.violation("monotonic_reads", read, text));
        }
    }
    violations
}

#[cfg(test)]
mod tests {
    use crate::{checker::story::*, history::Op};

    fn seen() -> Story {
        Story::new().then(1, 0, 1..2, ADD, unknown()).then(0, 0, 3..4, LOCAL, found(2, &[1]))
    }

    #[test]
    fn what_a_process_has_shown_it_shows_again() {
        seen().then(0, 0, 5..6, LOCAL, found(2, &[1])).passes();
        seen().then(0, 0, 5..6, LOCAL, found(2, &[])).breaks("monotonic_reads");
        seen().then(0, 0, 5..6, LOCAL, found(1, &[1])).breaks("monotonic_reads");
        seen().then(1, 0, 5..6, LOCAL, found(1, &[])).passes();
    }

    #[test]
    fn reads_at_the_same_time_have_no_order() {
        seen().then(0, 0, 3..6, LOCAL, found(1, &[])).passes();
    }

    #[test]
    fn an_end_stays_an_end() {
        let ended = || Story::new().then(1, 0, 1..2, Op::Destroy, unknown()).then(0, 0, 3..4, LOCAL, absent());
        ended().then(0, 0, 5..6, LOCAL, absent()).passes();
        ended().then(0, 0, 5..6, LOCAL, found(1, &[])).breaks("monotonic_reads");
        ended().failover(0..9).then(0, 0, 5..6, LOCAL, found(1, &[])).passes();
    }
}
