//! After an acknowledged privilege rotation, the old id gives no access: at level Store and on the process that rotated at
//! once, elsewhere at level Local after the staleness bound.
//!
//! Guarantee: S7. What an old id does after a renewal is judged by `absence` for the grace; after the grace, nothing is
//! asserted. A rotation that the store may have lost binds no load.

use crate::{
    checker::{Facts, Session, Violation},
    history::{Op, RotationKind},
};

pub(super) fn check(facts: &Facts<'_>, session: &Session<'_>) -> Vec<Violation> {
    let mut violations = Vec::new();
    let privileges: Vec<_> = session
        .rotations()
        .filter(|call| matches!(call.request.op, Op::Rotate { kind: RotationKind::Privilege, .. }))
        .filter(|call| call.is_done() && !facts.may_be_lost(session, call))
        .collect();
    for (read, _) in session.found() {
        let is_from_here = |id: u32| id == read.request.id;
        let barred = privileges.iter().find(|call| is_from_here(call.request.id) && facts.binds(call, read));
        if let Some(rotation) = barred {
            let text = format!("the privilege rotation of call {} had barred this id", rotation.number);
            violations.push(session.violation("rotation", read, text));
        }
    }
    violations
}

#[cfg(test)]
mod tests {
    use crate::{checker::story::*, history::RotationKind};

    #[test]
    fn an_old_id_gives_no_access_after_a_privilege_rotation() {
        let moved = |kind| Story::new().then(0, 0, 1..2, rotate(1, kind), done(1));
        moved(RotationKind::Renew).then(1, 0, 3..4, STORE, found(1, &[])).passes();
        moved(RotationKind::Privilege).then(1, 1, 3..4, STORE, found(1, &[])).passes();
        moved(RotationKind::Privilege).then(1, 0, 3..4, STORE, found(1, &[])).breaks("rotation");
        moved(RotationKind::Privilege).then(1, 0, 3..4, LOCAL, found(1, &[])).passes();
        moved(RotationKind::Privilege).then(1, 0, 600..601, LOCAL, found(1, &[])).breaks("rotation");
        moved(RotationKind::Privilege).failover(0..9).then(1, 0, 3..4, STORE, found(1, &[])).passes();
    }
}
