//! A destroyed session stays destroyed: no load that begins after the acknowledgement finds it, at level Store and on the
//! process that destroyed it; elsewhere at level Local, none that begins after the staleness bound.
//!
//! Guarantee: S3 and I7. Where the store can lose acknowledged writes, a node repeats its recent destroys and counts those
//! that had been lost in `destroys_undone`. So a session may come back only if its destroy was on its way during a fault
//! that may lose writes, and only if the process that destroyed it counts a loss or has ended itself; if that process
//! lives, the session is gone again after the run.

use crate::{
    checker::{Facts, Session, Violation, session::is_settled},
    history::Call,
};

pub(super) fn check(facts: &Facts<'_>, session: &Session<'_>) -> Vec<Violation> {
    let mut violations = Vec::new();
    for (read, _) in session.found() {
        let undone = session
            .destroys()
            .find(|destroy| destroy.is_done() && facts.binds(destroy, read) && !is_excused(facts, destroy, read));
        if let Some(destroy) = undone {
            let ago = (read.invoked - destroy.completed) / 1_000;
            let text = format!("call {} had destroyed the session {ago} ms before", destroy.number);
            violations.push(session.violation("destroyed", read, text));
        }
    }
    violations
}

fn is_excused(facts: &Facts<'_>, destroy: &Call, read: &Call) -> bool {
    match facts.counters(destroy.request.process) {
        _ if !facts.is_at_risk(destroy) => false,
        // The process has ended, and with it what it remembered.
        None => true,
        Some(counters) => counters.destroys_undone > 0 && !is_settled(read),
    }
}
