//! A destroyed session stays destroyed: no load that begins after the acknowledgement finds it, at level Store and on the
//! process that destroyed it; elsewhere at level Local, none that begins after the staleness bound.
//!
//! Guarantee: S3 and I7. Where the store can lose acknowledged writes, a node repeats its recent destroys and counts those
//! that had been lost in `destroys_undone`. So a session may come back only if its destroy was on its way during a fault
//! that may lose writes, and only if the process that destroyed it counts a loss or has ended itself; if that process
//! lives, the session is gone again after the run.
//!
//! An id that the session had left before, by a rotation that may be lost too, is judged by `destroyed_after_rotation`.

use crate::{
    checker::{Facts, Session, Violation, session::is_settled},
    history::{Call, Op},
};

pub(super) fn check(facts: &Facts<'_>, session: &Session<'_>) -> Vec<Violation> {
    found_again(facts, session)
        .filter(|(read, destroy)| lost_rotation(facts, session, read, destroy).is_none())
        .map(|(read, destroy)| {
            let ago = (read.invoked - destroy.completed) / 1_000;
            let text = format!("call {} had destroyed the session {ago} ms before", destroy.number);
            session.violation("destroyed", read, text)
        })
        .collect()
}

/// The loads that found the session again, each with the destroy that should have prevented it.
pub(super) fn found_again<'a>(facts: &Facts<'_>, session: &Session<'a>) -> impl Iterator<Item = (&'a Call, &'a Call)> {
    session.found().filter_map(move |(read, _)| {
        let is_undone =
            |destroy: &&Call| destroy.is_done() && facts.binds(destroy, read) && !is_excused(facts, destroy, read);
        Some((read, session.destroys().find(is_undone)?))
    })
}

/// The rotation by which the session had left the id of the load before it was destroyed, if the store may have lost it.
pub(super) fn lost_rotation<'a>(
    facts: &Facts<'_>,
    session: &Session<'a>,
    read: &Call,
    destroy: &Call,
) -> Option<&'a Call> {
    session.rotations().find(|call| {
        let led_away = matches!(call.request.op, Op::Rotate { to, .. } if to > read.request.id);
        let was_sent = call.may_have_happened() && call.invoked < destroy.completed;
        led_away && was_sent && facts.may_be_lost(session, call)
    })
}

fn is_excused(facts: &Facts<'_>, destroy: &Call, read: &Call) -> bool {
    match facts.counters(destroy.request.process) {
        _ if !facts.is_at_risk(destroy) => false,
        // The process has ended, and with it what it remembered.
        None => true,
        Some(counters) => counters.destroys_undone > 0 && !is_settled(read),
    }
}

#[cfg(test)]
mod tests {
    use crate::{checker::story::*, history::Op};

    fn ended() -> Story {
        Story::new().then(0, 0, 1..2, Op::Destroy, done(1))
    }

    #[test]
    fn nothing_finds_it_again() {
        ended().then(1, 0, 3..4, STORE, absent()).passes();
        ended().then(1, 0, 3..4, STORE, found(1, &[])).breaks("destroyed");
        ended().then(0, 0, 3..4, LOCAL, found(1, &[])).breaks("destroyed");
    }

    #[test]
    fn a_copy_elsewhere_may_show_it_for_the_bound() {
        ended().then(1, 0, 521..522, LOCAL, found(1, &[])).passes();
        ended().then(1, 0, 523..524, LOCAL, found(1, &[])).breaks("destroyed");
    }

    #[test]
    fn a_lost_destroy_is_counted_and_repeated() {
        let lost = || ended().failover(0..9).then(1, 0, 5..6, STORE, found(1, &[]));
        lost().counters(0, 0, 1).passes();
        lost().passes();
        lost().counters(0, 0, 0).breaks("destroyed");
        lost().counters(0, 0, 1).then(1, 0, 20..21, SETTLED, found(1, &[])).breaks("destroyed");
    }
}
