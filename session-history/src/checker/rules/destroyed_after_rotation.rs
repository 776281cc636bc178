//! A destroyed session does not come back at an id that it had left before, when the store has lost the rotation together
//! with the destroy.
//!
//! Guarantee: as of `destroyed`. A node that repeats a lost destroy has to end the session where it then is: at the id
//! that it had before the lost rotation.

use crate::checker::{
    Facts, Session, Violation,
    rules::destroyed::{found_again, lost_rotation},
};

pub(super) fn check(facts: &Facts<'_>, session: &Session<'_>) -> Vec<Violation> {
    let mut violations = Vec::new();
    for (read, destroy) in found_again(facts, session) {
        if let Some(rotation) = lost_rotation(facts, session, read, destroy) {
            let ago = (read.invoked - destroy.completed) / 1_000;
            let (rotation, destroy) = (rotation.number, destroy.number);
            let text = format!("destroyed {ago} ms before by call {destroy}, after the rotation of call {rotation}");
            violations.push(session.violation("destroyed_after_rotation", read, text));
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
    fn it_does_not_come_back_at_the_id_that_it_had_left() {
        let moved = || Story::new().then(0, 0, 1..2, rotate(1, RotationKind::Renew), done(1)).failover(0..9);
        let ended = || moved().then(0, 1, 3..4, Op::Destroy, done(1)).counters(0, 0, 1);
        ended().then(1, 0, 20..21, SETTLED, absent()).passes();
        ended().then(1, 0, 20..21, SETTLED, found(1, &[])).breaks("destroyed_after_rotation");
        let through = moved().then(0, 0, 3..4, Op::Destroy, done(1)).counters(0, 0, 1);
        through.then(1, 0, 20..21, SETTLED, found(1, &[])).breaks("destroyed_after_rotation");
    }
}
