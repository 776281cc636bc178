//! A renewal, which the first use of the new id confirms. Until then, and for the grace after that, the old id gives
//! access.

use session_core::{
    Expiry, SessionId,
    model::EndReason,
    store::{Absent, LoadOutcome, NewSession, RotateOutcome, Rotation, RotationKind, TouchOptions},
};

use crate::{
    gone::Gone,
    model::changes,
    must::{Must as _, must_be},
    world::{World, at_store},
};

/// Renews a session with a grace of four ticks, and returns the new id.
async fn renewed(world: &World, old: &SessionId) -> SessionId {
    let rotation = Rotation { grace: world.ticks(4), ..world.rotation(old, RotationKind::Renew) };
    world.rotate(old, &rotation).await;
    rotation.to
}

async fn loses(world: &World, id: &SessionId) {
    let late = world.rotation(id, RotationKind::Renew);
    must_be!(world.store().rotate(id, &late).await.must(), RotateOutcome::AlreadyRotated);
    must_be!(world.load(&late.to).await, LoadOutcome::Absent(Absent::NotFound(None)));
}

/// The response with the new id was lost: the client goes on with the old id, for as long as the session lives.
pub(crate) async fn a_lost_response_ends_no_session(world: &World) {
    let (old, _) = world.start_for(Expiry::idle(world.ticks(6))).await;
    let new = renewed(world, &old).await;
    for turn in 0..5 {
        world.elapse(world.ticks(4)).await;
        if turn % 2 == 0 {
            world.touch(&old, TouchOptions::default()).await;
        } else {
            world.apply(&old, &changes().set("turn", &turn.to_string())).await;
        }
    }
    let record = world.found(&old).await.record;
    assert!(record.is_unconfirmed(), "a use of the old id does not confirm the new one");
    assert_eq!(world.found(&new).await.record, record);
    world.elapse(world.ticks(7)).await;
    world.must_be_gone(&old, Gone::NotFound(None)).await;
}

/// A record tells whether its id is unconfirmed, through either id.
pub(crate) async fn a_record_says_that_it_is_unconfirmed(world: &World) {
    let old = world.start().await;
    assert!(!world.found(&old).await.record.is_unconfirmed());
    let new = renewed(world, &old).await;
    assert!(world.found(&old).await.record.is_unconfirmed());
    assert!(world.found(&new).await.record.is_unconfirmed());
    world.touch(&new, TouchOptions::default()).await;
    assert!(!world.found(&new).await.record.is_unconfirmed());
}

/// A touch or an update at the new id confirms it. The old id then gives access for the grace, and no longer.
pub(crate) async fn the_first_use_ends_the_old_id_after_the_grace(world: &World) {
    for touches in [true, false] {
        let old = world.start().await;
        let new = renewed(world, &old).await;
        world.elapse(world.ticks(9)).await;
        assert!(world.is_live(&old).await, "unconfirmed");
        if touches {
            world.touch(&new, TouchOptions::default()).await;
        } else {
            world.apply(&new, &changes().set("theme", "dark")).await;
        }
        world.elapse(world.ticks(3)).await;
        assert!(world.is_live(&old).await, "within the grace");
        world.elapse(world.ticks(2)).await;
        world.must_be_gone(&old, Gone::NotFound(Some(EndReason::Renewed))).await;
        assert!(world.is_live(&new).await);
    }
}

/// Uses of the old id and later uses of the new one do not extend the grace.
pub(crate) async fn use_does_not_extend_the_grace(world: &World) {
    let old = world.start().await;
    let new = renewed(world, &old).await;
    world.touch(&new, TouchOptions::default()).await;
    for _ in 0..3 {
        world.elapse(world.ticks(1)).await;
        world.touch(&old, TouchOptions::default()).await;
        world.apply(&old, &changes().set("a", "1")).await;
        world.apply(&new, &changes().set("b", "1")).await;
    }
    world.elapse(world.ticks(2)).await;
    must_be!(world.load(&old).await, LoadOutcome::Absent(Absent::NotFound(Some(_))));
}

/// A load of the new id confirms nothing, since a prefetch or a scan does not use the session.
pub(crate) async fn reading_confirms_nothing(world: &World) {
    let old = world.start().await;
    let new = renewed(world, &old).await;
    for _ in 0..3 {
        must_be!(world.store().load(&new, at_store()).await.must(), LoadOutcome::Found(_));
        world.elapse(world.ticks(3)).await;
    }
    assert!(world.is_live(&old).await);
    assert!(world.found(&new).await.record.is_unconfirmed());
}

/// A touch that renews no deadline confirms the renewal nevertheless.
pub(crate) async fn a_touch_without_time_confirms(world: &World) {
    let old = world.start().await;
    let new = renewed(world, &old).await;
    let deadlines = world.found(&new).await.record.deadlines();
    let idle = Some(std::time::Duration::ZERO);
    let touched = world.touch(&new, TouchOptions { idle, ..TouchOptions::default() }).await;
    assert_eq!(touched.deadlines, deadlines);
    assert!(!world.found(&new).await.record.is_unconfirmed());
}

/// A renewal that is not confirmed within `confirm_within` ends the access of the old id.
pub(crate) async fn an_unconfirmed_renewal_ends_in_its_time(world: &World) {
    let old = world.start().await;
    let rotation = Rotation {
        grace: world.ticks(2),
        confirm_within: Some(world.ticks(6)),
        ..world.rotation(&old, RotationKind::Renew)
    };
    world.rotate(&old, &rotation).await;
    world.elapse(world.ticks(5)).await;
    world.touch(&old, TouchOptions::default()).await;
    world.elapse(world.ticks(2)).await;
    world.must_be_gone(&old, Gone::NotFound(None)).await;
    // A late use of the new id does not bring the old one back.
    world.touch(&rotation.to, TouchOptions::default()).await;
    assert!(!world.is_live(&old).await);
}

/// Within the grace after a renewal another one is refused, through the old id and through the new one: of many tabs that
/// restart at once, only one sets a cookie.
pub(crate) async fn a_renewal_during_a_grace_loses(world: &World) {
    let old = world.start().await;
    let new = renewed(world, &old).await;
    for id in [old, new] {
        loses(world, &id).await;
    }
    world.elapse(world.ticks(2)).await;
    world.touch(&new, TouchOptions::default()).await;
    world.elapse(world.ticks(3)).await;
    for id in [old, new] {
        loses(world, &id).await;
    }
    world.elapse(world.ticks(2)).await;
    let next = world.moved(&new, RotationKind::Renew).await;
    assert!(world.is_live(&next).await);
    must_be!(world.load(&old).await, LoadOutcome::Absent(Absent::NotFound(_)));
}

/// A renewal through the old id of an unconfirmed one moves the session to another id after the grace. The unused id
/// gives no access, and the old id leads to the newest: forwards do not chain.
pub(crate) async fn a_renewal_through_an_unconfirmed_one_replaces_the_unused_id(world: &World) {
    let entries = changes().set("theme", "dark");
    let (old, _) = world.start_with(&entries).await;
    let mut unused = renewed(world, &old).await;
    for _ in 0..2 {
        world.elapse(world.ticks(5)).await;
        let newest = renewed(world, &old).await;
        must_be!(world.load(&unused).await, LoadOutcome::Absent(Absent::Superseded));
        let found = world.found(&old).await;
        assert_eq!(found.forwarded, Some(*newest.digest()));
        assert_eq!(found.record, world.found(&newest).await.record);
        loses(world, &old).await;
        unused = newest;
    }
    world.touch(&unused, TouchOptions::default()).await;
    world.elapse(world.ticks(5)).await;
    world.must_be_gone(&old, Gone::NotFound(Some(EndReason::Renewed))).await;
    assert_eq!(world.model(&unused).await, crate::model::Model::from(&entries));
}

/// A repeat of a renewal through an unconfirmed one answers Rotated.
pub(crate) async fn a_repeated_second_renewal_answers_rotated(world: &World) {
    let old = world.start().await;
    let unused = renewed(world, &old).await;
    world.elapse(world.ticks(5)).await;
    let second = world.rotation(&old, RotationKind::Renew);
    world.rotate(&old, &second).await;
    assert!(world.rotate(&old, &second).await.repeated);
    assert!(world.is_live(&second.to).await);
    assert!(!world.is_live(&unused).await);
}

/// A renewal that the network delivers again when another one has followed does not make its changes again.
pub(crate) async fn a_late_repeat_of_a_renewal_changes_nothing(world: &World) {
    let old = world.start().await;
    let delta = changes().set("theme", "dark").delta();
    let first = Rotation { grace: world.ticks(4), delta, ..world.rotation(&old, RotationKind::Renew) };
    world.rotate(&old, &first).await;
    world.elapse(world.ticks(5)).await;
    renewed(world, &old).await;
    world.apply(&old, &changes().set("theme", "light")).await;
    world.elapse(world.ticks(5)).await;
    let before = world.found(&old).await.record;
    must_be!(world.store().rotate(&old, &first).await.must(), RotateOutcome::AlreadyRotated);
    assert_eq!(world.found(&old).await.record, before);
}

/// A renewal through the unconfirmed new id is a use of it: the old id gives no access, and the new one forwards.
pub(crate) async fn a_renewal_of_an_unconfirmed_id_ends_the_old_one(world: &World) {
    let old = world.start().await;
    let new = renewed(world, &old).await;
    world.elapse(world.ticks(5)).await;
    let next = world.moved(&new, RotationKind::Renew).await;
    assert!(world.is_live(&next).await);
    assert!(world.is_live(&new).await);
    must_be!(world.load(&old).await, LoadOutcome::Absent(Absent::NotFound(_)));
}

/// A sign-in or a step-up through an unconfirmed renewal ends both ids.
pub(crate) async fn a_step_up_through_an_unconfirmed_renewal_ends_both_ids(world: &World) {
    for through_old in [true, false] {
        let old = world.start().await;
        let new = renewed(world, &old).await;
        world.elapse(world.ticks(5)).await;
        let through = if through_old { old } else { new };
        let stepped_up = world.moved(&through, RotationKind::Privilege).await;
        for id in [old, new] {
            world.must_be_gone(&id, Gone::Superseded).await;
        }
        let record = world.found(&stepped_up).await.record;
        assert!(!record.is_unconfirmed());
        world.apply(&stepped_up, &changes().set("a", "1")).await;
    }
}

/// A destroy through the old id of an unconfirmed renewal ends the session.
pub(crate) async fn a_destroy_through_an_unconfirmed_renewal_ends_the_session(world: &World) {
    let old = world.start().await;
    let new = renewed(world, &old).await;
    world.elapse(world.ticks(5)).await;
    world.end(&old).await;
    for id in [old, new] {
        world.must_be_gone(&id, Gone::NotFound(Some(EndReason::Logout))).await;
    }
}

/// An unconfirmed session of any expiry ends at its own deadline.
pub(crate) async fn an_unconfirmed_session_expires(world: &World) {
    let new_session = NewSession::generate(Expiry::absolute(world.ticks(6))).must();
    let (old, _) = world.create(&new_session).await;
    let new = renewed(world, &old).await;
    world.elapse(world.ticks(7)).await;
    for id in [old, new] {
        world.must_be_gone(&id, Gone::NotFound(None)).await;
    }
}
