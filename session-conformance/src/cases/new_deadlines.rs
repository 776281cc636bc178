//! Updates with new deadlines. All durations are in ticks, with a tick of margin on either side.

use session_core::{
    Expiry, LoadOptions, SessionId, SignIn,
    model::Stamp,
    store::{Absent, Applied, ApplyOutcome, LoadOutcome, NewSession, Precondition, RotationKind, TouchOptions, Update},
};

use crate::{
    model::{Changes, Model, changes},
    must::{Must as _, must_be},
    world::{World, at_store, new_principal, same_moment, update, update_if},
};

impl World {
    /// An update that also sets an idle timeout and a lifetime, in ticks.
    fn update_for(&self, idle: u32, absolute: u32, changes: &Changes) -> Update {
        let expiry = Expiry::both(self.ticks(idle), self.ticks(absolute));
        Update { expiry: Some(expiry), ..update(changes) }
    }

    /// Fails the case unless the session has exactly these deadlines, counted from the update.
    async fn must_live_for(&self, id: &SessionId, idle: u32, absolute: u32, applied: &Applied) {
        let deadlines = self.found(id).await.record.deadlines();
        assert_eq!(deadlines, applied.deadlines);
        let (timeout, at) = deadlines.idle().expect("an idle deadline");
        assert_eq!(timeout, self.ticks(idle));
        let ends = |ticks| applied.now.after(self.ticks(ticks));
        assert!(same_moment(self, at, ends(idle.min(absolute))), "the idle deadline counts from the update");
        assert!(deadlines.absolute().is_some_and(|at| same_moment(self, at, ends(absolute))));
    }
}

/// An update can set deadlines that are longer or shorter than before, in the same step as its delta.
pub(crate) async fn an_update_sets_deadlines(world: &World) {
    for (idle, absolute) in [(50, 90), (50, 5), (3, 5)] {
        let (id, _) = world.start_for(Expiry::both(world.ticks(10), world.ticks(20))).await;
        let update = world.update_for(idle, absolute, &changes().set("remember", "1"));
        let applied = world.send(&id, &update).await;
        world.must_live_for(&id, idle, absolute, &applied).await;
        assert_eq!(world.model(&id).await, Model::from(&changes().set("remember", "1")));
    }
}

/// New deadlines can have a kind that the session did not have, and lack one that it had.
pub(crate) async fn the_kinds_of_deadlines_can_change(world: &World) {
    let (idle, absolute) = (Expiry::idle(world.ticks(50)), Expiry::absolute(world.ticks(60)));
    for (first, second) in [(idle, absolute), (absolute, idle)] {
        let (id, _) = world.start_for(first).await;
        let applied = world.send(&id, &Update { expiry: Some(second), ..update(&changes()) }).await;
        let deadlines = world.found(&id).await.record.deadlines();
        assert_eq!(deadlines, applied.deadlines);
        let expected = second.start(applied.now);
        assert_eq!(deadlines.idle().map(|(timeout, _)| timeout), expected.idle().map(|(timeout, _)| timeout));
        assert_eq!(deadlines.absolute().is_some(), expected.absolute().is_some());
        assert!(same_moment(world, deadlines.expires_at(), expected.expires_at()));
    }
}

/// New deadlines without a delta are an update: they have a version, and their repeat changes nothing.
pub(crate) async fn deadlines_alone_are_an_update(world: &World) {
    let (id, created) = world.start_for(Expiry::both(world.ticks(20), world.ticks(40))).await;
    let update = world.update_for(30, 60, &changes());
    let applied = world.send(&id, &update).await;
    assert_eq!(applied.stamp, created.stamp.next(update.write.op));
    world.elapse(world.ticks(2)).await;
    for attempt in [update.clone(), Update { retry_from: Some(created.stamp), ..update }] {
        let again = world.send(&id, &attempt).await;
        assert!(again.repeated);
        assert_eq!((again.stamp, again.deadlines), (applied.stamp, applied.deadlines), "a repeat counts from nothing");
    }
    world.must_live_for(&id, 30, 60, &applied).await;
}

/// A session with a shorter life ends at its new deadline, whatever uses it.
pub(crate) async fn an_earlier_deadline_ends_the_session(world: &World) {
    let id = world.start().await;
    world.send(&id, &world.update_for(50, 4, &changes())).await;
    world.elapse(world.ticks(2)).await;
    world.touch(&id, TouchOptions::default()).await;
    world.apply(&id, &changes().set("a", "1")).await;
    world.elapse(world.ticks(3)).await;
    must_be!(world.load(&id).await, LoadOutcome::Absent(Absent::NotFound(None)));
}

/// Later uses renew the new idle timeout.
pub(crate) async fn later_uses_renew_the_new_timeout(world: &World) {
    let (id, _) = world.start_for(Expiry::idle(world.ticks(4))).await;
    world.send(&id, &Update { expiry: Some(Expiry::idle(world.ticks(30))), ..update(&changes()) }).await;
    world.elapse(world.ticks(6)).await;
    let touched = world.touch(&id, TouchOptions::default()).await;
    assert!(same_moment(world, touched.deadlines.expires_at(), touched.now.after(world.ticks(30))));
    assert_eq!(touched.stamp, world.stamp(&id).await);
    let applied = world.apply(&id, &changes().set("a", "1")).await;
    assert!(same_moment(world, applied.deadlines.expires_at(), applied.now.after(world.ticks(30))));
}

/// An update that is refused sets no deadlines, nor does one for a session that is not there.
pub(crate) async fn a_refused_update_sets_no_deadlines(world: &World) {
    let (id, created) = world.start_for(Expiry::both(world.ticks(20), world.ticks(40))).await;
    let (wrong, expiry) = (Precondition::Stamp(created.stamp.next(1.into())), Some(world.long_expiry()));
    let refused = Update { expiry, ..update_if(wrong, &changes()) };
    must_be!(world.store().apply(&id, &refused).await.must(), ApplyOutcome::Conflict(_));
    let other = Update { retry_from: Some(Stamp::from_parts(1.into(), 1, 1)), expiry, ..update(&changes()) };
    must_be!(world.store().apply(&id, &other).await.must(), ApplyOutcome::Absent(_));
    let late = Update { not_after: Some(created.now), expiry, ..update(&changes()) };
    world.elapse(world.ticks(2)).await;
    assert!(world.store().apply(&id, &late).await.is_err(), "it comes after its time");
    assert_eq!(world.found(&id).await.record.deadlines(), created.deadlines);
    world.end(&id).await;
    let missed = Update { expiry, ..update(&changes()) };
    must_be!(world.store().apply(&id, &missed).await.must(), ApplyOutcome::Absent(_));
}

/// New deadlines can be set through the old id of a renewal, and confirm it at the new one.
pub(crate) async fn both_ids_of_a_renewal_set_deadlines(world: &World) {
    for through_old in [true, false] {
        let old = world.start().await;
        let new = world.moved(&old, RotationKind::Renew).await;
        let through = if through_old { old } else { new };
        let applied = world.send(&through, &world.update_for(50, 90, &changes())).await;
        assert_eq!(applied.forwarded, through_old.then_some(*new.digest()));
        world.must_live_for(&new, 50, 90, &applied).await;
        assert_eq!(world.found(&new).await.record.is_unconfirmed(), through_old);
    }
}

/// A session that lives longer than its index entry was meant for stays listed, with its new deadlines.
pub(crate) async fn an_extended_session_stays_listed(world: &World) {
    let principal = new_principal();
    let sign_in = Some(SignIn::new(principal.clone()));
    let expiry = Expiry::both(world.ticks(3), world.ticks(4));
    let (id, _) = world.create(&NewSession { sign_in, ..NewSession::generate(expiry).must() }).await;
    let applied = world.send(&id, &world.update_for(50, 90, &changes())).await;
    world.elapse(world.ticks(6)).await;
    let listed = world.index().sessions(&principal, 10).await.must();
    assert_eq!(listed.iter().map(|it| it.expires_at).collect::<Vec<_>>(), [applied.deadlines.expires_at()]);
}

/// Both nodes see new deadlines, also a node that has a copy of the session.
pub(crate) async fn the_other_node_sees_them(world: &World) {
    let id = world.start().await;
    world.other().load(&id, LoadOptions::default()).await.must();
    let applied = world.send(&id, &world.update_for(50, 90, &changes())).await;
    let found = must_be!(world.other().load(&id, at_store()).await.must(), LoadOutcome::Found(it) => it);
    assert_eq!((found.record.stamp(), found.record.deadlines()), (applied.stamp, applied.deadlines));
    let again = world.other().load(&id, LoadOptions::default()).await.must();
    let again = must_be!(again, LoadOutcome::Found(found) => found);
    assert_eq!(again.record.deadlines(), applied.deadlines, "after that, the node's own copy has them");
}
