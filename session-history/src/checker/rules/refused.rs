//! A write that was answered as "nothing was changed" has changed nothing: its element or value is never seen.
//!
//! Guarantee: "unknown is its own outcome". A failure that may have been carried out must say so.

use crate::{
    checker::{Facts, Session, Violation},
    history::{Call, Outcome},
};

pub(super) fn check(_: &Facts<'_>, session: &Session<'_>) -> Vec<Violation> {
    let mut violations = Vec::new();
    for (read, state) in session.found() {
        let writes = state.elements.iter().filter_map(|element| session.add_of(*element));
        let writes = writes.chain(state.register.and_then(|value| session.set_of(value)));
        if let Some(write) = writes.into_iter().find(|write| is_refused(write)) {
            let (op, number) = (write.request.op, write.number);
            let text = format!("{op:?} of call {number} was refused without effect ({:?}) and is seen", write.outcome);
            violations.push(session.violation("refused", read, text));
        }
    }
    violations
}

fn is_refused(write: &Call) -> bool {
    write.outcome.as_ref().is_some_and(Outcome::is_without_effect)
}

#[cfg(test)]
mod tests {
    use crate::checker::story::*;

    #[test]
    fn a_refused_update_is_never_seen() {
        Story::new().then(0, 0, 1..2, ADD, unknown()).then(1, 0, 3..4, STORE, found(2, &[1])).passes();
        Story::new().then(0, 0, 1..2, ADD, refused()).then(1, 0, 3..4, STORE, found(2, &[1])).breaks("refused");
    }
}
