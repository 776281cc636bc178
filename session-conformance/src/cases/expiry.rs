//! Sessions that expire. All durations are in ticks, with a tick of margin on either side.

use std::time::Duration;

use session_core::{
    Expiry, LoadOptions, Sessions,
    model::Deadlines,
    store::{
        Absent, ApplyOutcome, LoadOutcome, NewSession, Precondition, Rotation, RotationKind, TouchOptions, Update,
    },
};

use crate::{
    gone::Gone,
    model::{changes, field, key, value},
    must::{Must as _, must_be},
    world::{World, same_moment, update, update_if},
};

impl World {
    fn idle(&self, ticks: u32) -> Expiry {
        Expiry::idle(self.ticks(ticks))
    }

    async fn pass(&self, ticks: u32) {
        self.elapse(self.ticks(ticks)).await;
    }
}

fn idle_timeout(deadlines: Deadlines) -> Option<Duration> {
    deadlines.idle().map(|(timeout, _)| timeout)
}

/// The deadlines of a new session are as far ahead as requested, on the store's clock.
pub(crate) async fn deadlines_count_from_the_create(world: &World) {
    let (idle, absolute) = (world.ticks(4), world.ticks(9));
    let (_, applied) = world.start_for(Expiry::both(idle, absolute)).await;
    let (deadlines, now) = (applied.deadlines, applied.now);
    let (timeout, at) = deadlines.idle().expect("an idle deadline");
    assert_eq!(timeout, idle);
    assert!(same_moment(world, at, now.after(idle)));
    assert!(deadlines.absolute().is_some_and(|at| same_moment(world, at, now.after(absolute))));
}

/// An unused session ends at its idle deadline. After that, no operation finds it or recreates it.
pub(crate) async fn an_unused_session_expires(world: &World) {
    let (id, _) = world.start_for(world.idle(4)).await;
    world.pass(5).await;
    world.must_be_gone(&id, Gone::NotFound(None)).await;
    must_be!(world.load(&id).await, LoadOutcome::Absent(Absent::NotFound(None)));
}

/// A session ends at its absolute deadline, used or not, and nothing recreates it.
pub(crate) async fn the_absolute_deadline_ends_the_session(world: &World) {
    let (id, _) = world.start_for(Expiry::absolute(world.ticks(4))).await;
    world.pass(2).await;
    world.apply(&id, &changes().set("theme", "dark")).await;
    world.touch(&id, TouchOptions::default()).await;
    world.pass(3).await;
    world.must_be_gone(&id, Gone::NotFound(None)).await;
}

/// With both deadlines, use extends the session up to the absolute one and not beyond.
pub(crate) async fn use_extends_the_session_up_to_the_absolute_deadline(world: &World) {
    let (id, applied) = world.start_for(Expiry::both(world.ticks(4), world.ticks(7))).await;
    world.pass(3).await;
    world.touch(&id, TouchOptions::default()).await;
    world.pass(3).await;
    let touched = world.touch(&id, TouchOptions::default()).await;
    assert_eq!(touched.deadlines.expires_at(), applied.deadlines.absolute().unwrap_or_default());
    world.pass(2).await;
    world.must_be_gone(&id, Gone::NotFound(None)).await;
}

/// A session is live just before its deadline, and gone at it.
pub(crate) async fn a_session_is_gone_at_its_deadline(world: &World) {
    let (id, _) = world.start_for(world.idle(2)).await;
    world.elapse(world.ticks(2) - 2 * world.resolution()).await;
    assert!(world.is_live(&id).await, "the session must be live before its deadline");
    world.elapse(2 * world.resolution()).await;
    must_be!(world.load(&id).await, LoadOutcome::Absent(Absent::NotFound(None)));
}

/// Deadlines are not rounded to seconds.
pub(crate) async fn deadlines_are_not_rounded_to_seconds(world: &World) {
    let half = Duration::from_millis(500).min(world.ticks(10));
    let (id, applied) = world.start_for(Expiry::idle(half)).await;
    assert_eq!(idle_timeout(applied.deadlines), Some(half));
    assert!(same_moment(world, applied.deadlines.expires_at(), applied.now.after(half)));
    world.elapse(half.mul_f32(0.75)).await;
    assert!(world.is_live(&id).await, "the session must be live before its deadline");
    world.elapse(half.mul_f32(0.25)).await;
    assert!(!world.is_live(&id).await, "the session must be gone at its deadline");
}

/// The shortest lifetime is a lifetime: the session ends, and the lifetime is not taken for "never".
pub(crate) async fn the_shortest_lifetime_expires(world: &World) {
    for expiry in [Expiry::idle(Duration::ZERO), Expiry::absolute(Duration::from_nanos(1))] {
        let (id, applied) = world.start_for(expiry).await;
        assert!(applied.deadlines.expires_at().since(applied.now) <= Duration::from_millis(1));
        world.pass(1).await;
        assert!(!world.is_live(&id).await);
    }
}

/// The longest lifetime does not overflow: the session can be loaded, renewed, updated and moved.
pub(crate) async fn the_longest_lifetime_does_not_overflow(world: &World) {
    let longest = Duration::MAX;
    for expiry in [Expiry::idle(longest), Expiry::absolute(longest), Expiry::both(longest, longest)] {
        let (id, created) = world.start_for(expiry).await;
        world.pass(30).await;
        assert_eq!(world.found(&id).await.record.deadlines(), created.deadlines);
        world.touch(&id, TouchOptions { idle: Some(longest), ..TouchOptions::default() }).await;
        world.apply(&id, &changes().set("theme", "dark")).await;
        let moved = world.moved(&id, RotationKind::Privilege).await;
        assert_eq!(world.found(&moved).await.record.deadlines(), created.deadlines);
    }
}

/// A touch sets the idle deadline to its own time plus the timeout, and so keeps the session alive.
pub(crate) async fn a_touch_renews_the_idle_deadline(world: &World) {
    let (id, _) = world.start_for(world.idle(4)).await;
    world.pass(3).await;
    let touched = world.touch(&id, TouchOptions::default()).await;
    assert!(same_moment(world, touched.deadlines.expires_at(), touched.now.after(world.ticks(4))));
    world.pass(3).await;
    assert!(world.is_live(&id).await);
    world.pass(2).await;
    assert!(!world.is_live(&id).await);
}

/// A touch changes neither state nor stamp.
pub(crate) async fn a_touch_changes_no_state(world: &World) {
    let (id, stamp) = world.start_with(&changes().set("theme", "dark")).await;
    world.pass(2).await;
    let touched = world.touch(&id, TouchOptions::default()).await;
    let record = world.found(&id).await.record;
    assert_eq!((record.stamp(), record.state().len()), (stamp, 1));
    assert_eq!(record.deadlines(), touched.deadlines);
}

/// Two touches that arrive in the wrong order leave the later deadline: a touch never shortens it.
pub(crate) async fn a_touch_never_shortens_the_deadline(world: &World) {
    let (id, _) = world.start_for(world.idle(2)).await;
    let long = world.touch(&id, TouchOptions { idle: Some(world.ticks(8)), ..TouchOptions::default() }).await;
    for shorter in [TouchOptions::default(), TouchOptions { idle: Some(Duration::ZERO), ..TouchOptions::default() }] {
        assert_eq!(world.touch(&id, shorter).await.deadlines, long.deadlines);
    }
    world.pass(6).await;
    assert!(world.is_live(&id).await, "the session must live until the later deadline");
    world.pass(3).await;
    assert!(!world.is_live(&id).await);
}

/// The idle timeout of one touch applies to that touch, not to later ones.
pub(crate) async fn a_touch_timeout_applies_once(world: &World) {
    let (id, _) = world.start_for(world.idle(4)).await;
    world.touch(&id, TouchOptions { idle: Some(world.ticks(6)), ..TouchOptions::default() }).await;
    world.pass(4).await;
    let touched = world.touch(&id, TouchOptions::default()).await;
    assert_eq!(idle_timeout(touched.deadlines), Some(world.ticks(4)));
    assert!(same_moment(world, touched.deadlines.expires_at(), touched.now.after(world.ticks(4))));
}

/// A touch does not add an idle deadline to a session without one.
pub(crate) async fn a_touch_adds_no_idle_deadline(world: &World) {
    let (id, applied) = world.start_for(Expiry::absolute(world.ticks(20))).await;
    world.pass(1).await;
    let touched = world.touch(&id, TouchOptions { idle: Some(world.ticks(1)), ..TouchOptions::default() }).await;
    assert_eq!(touched.deadlines, applied.deadlines);
}

/// An update renews the idle deadline, as a touch does, up to the absolute one.
pub(crate) async fn an_update_renews_the_idle_deadline(world: &World) {
    let (id, created) = world.start_for(Expiry::both(world.ticks(4), world.ticks(8))).await;
    world.pass(3).await;
    let applied = world.apply(&id, &changes().set("a", "1")).await;
    assert!(same_moment(world, applied.deadlines.expires_at(), applied.now.after(world.ticks(4))));
    assert_eq!(world.found(&id).await.record.deadlines(), applied.deadlines);
    world.pass(3).await;
    let last = world.apply(&id, &changes().set("a", "2")).await;
    assert_eq!(last.deadlines.expires_at(), created.deadlines.absolute().unwrap_or_default());
}

/// An update does not shorten a deadline that a touch has extended.
pub(crate) async fn an_update_does_not_shorten_the_deadline(world: &World) {
    let (id, _) = world.start_for(world.idle(2)).await;
    let touched = world.touch(&id, TouchOptions { idle: Some(world.ticks(9)), ..TouchOptions::default() }).await;
    assert_eq!(world.apply(&id, &changes().set("a", "1")).await.deadlines, touched.deadlines);
}

/// A load renews no deadline.
pub(crate) async fn a_load_renews_no_deadline(world: &World) {
    let (id, created) = world.start_for(world.idle(4)).await;
    for _ in 0..3 {
        world.pass(1).await;
        assert_eq!(world.found(&id).await.record.deadlines(), created.deadlines);
    }
    world.pass(2).await;
    assert!(!world.is_live(&id).await);
}

/// Opening a session passively does not renew its deadline, at any level.
pub(crate) async fn a_passive_open_renews_no_deadline(world: &World) {
    let (id, created) = world.start_for(world.idle(8)).await;
    let sessions = Sessions::new(world.node(0));
    let passively = LoadOptions { passive: true, ..LoadOptions::default() };
    for _ in 0..3 {
        world.pass(2).await;
        sessions.open_with(&id, passively).await.must();
        assert_eq!(world.found(&id).await.record.deadlines(), created.deadlines);
    }
    sessions.open(&id).await.must();
    assert!(world.found(&id).await.record.deadlines().expires_at() > created.deadlines.expires_at(), "a use renews");
}

/// A refused update renews no deadline.
pub(crate) async fn a_refused_update_renews_no_deadline(world: &World) {
    let (id, created) = world.start_for(world.idle(9)).await;
    world.pass(2).await;
    let wrong = Precondition::Keyed(field("cart"), key("sku"), Some(value("1")));
    let refused = update_if(wrong, &changes().set("a", "1"));
    must_be!(world.store().apply(&id, &refused).await.must(), ApplyOutcome::Conflict(_));
    assert_eq!(world.found(&id).await.record.deadlines(), created.deadlines);
}

/// A retry of an update that arrives after the session expired does not recreate it.
pub(crate) async fn a_retry_after_expiry_is_not_found(world: &World) {
    let (id, applied) = world.start_for(world.idle(3)).await;
    let update = update(&changes().set("a", "1"));
    world.send(&id, &update).await;
    world.pass(4).await;
    let late = Update { retry_from: Some(applied.stamp), ..update };
    must_be!(world.store().apply(&id, &late).await.must(), ApplyOutcome::Absent(Absent::NotFound(None)));
    assert!(!world.is_live(&id).await);
}

/// A rotated session expires like any other, at both its ids.
pub(crate) async fn a_rotated_session_expires(world: &World) {
    let (old, _) = world.start_for(world.idle(4)).await;
    let new = world.moved(&old, RotationKind::Renew).await;
    world.pass(5).await;
    for id in [old, new] {
        must_be!(world.load(&id).await, LoadOutcome::Absent(Absent::NotFound(None)));
    }
    world.must_be_gone(&new, Gone::NotFound(None)).await;
}

/// A rotation without deadlines renews the idle one and keeps the absolute one.
pub(crate) async fn a_rotation_renews_the_idle_deadline(world: &World) {
    let (id, created) = world.start_for(Expiry::both(world.ticks(6), world.ticks(30))).await;
    world.pass(3).await;
    let applied = world.rotate(&id, &world.rotation(&id, RotationKind::Privilege)).await;
    assert!(same_moment(world, applied.deadlines.expires_at(), applied.now.after(world.ticks(6))));
    assert_eq!(applied.deadlines.absolute(), created.deadlines.absolute());
}

/// A rotation with deadlines sets them anew, longer or shorter: remember-me at a login.
pub(crate) async fn a_rotation_sets_deadlines(world: &World) {
    for (idle, absolute) in [(50, 90), (3, 5)] {
        let (id, _) = world.start_for(Expiry::both(world.ticks(10), world.ticks(20))).await;
        let expiry = Expiry::both(world.ticks(idle), world.ticks(absolute));
        let rotation = Rotation { expiry: Some(expiry), ..world.rotation(&id, RotationKind::Privilege) };
        let applied = world.rotate(&id, &rotation).await;
        let record = world.found(&rotation.to).await.record;
        assert_eq!(record.deadlines(), applied.deadlines);
        assert_eq!(idle_timeout(record.deadlines()), Some(world.ticks(idle)));
        let absolute = applied.now.after(world.ticks(absolute));
        assert!(record.deadlines().absolute().is_some_and(|at| same_moment(world, at, absolute)));
        world.pass(2).await;
        assert!(world.is_live(&rotation.to).await);
    }
}

/// The deadline counts from the use that a late touch reports, and by the timeout that the session has by then.
pub(crate) async fn a_late_touch_counts_from_the_use(world: &World) {
    let (id, created) = world.start_for(world.idle(20)).await;
    world.pass(8).await;
    let age = world.ticks(3);
    let touched = world.touch(&id, TouchOptions { age, ..TouchOptions::default() }).await;
    let ends = touched.now.after(world.ticks(17));
    assert!(same_moment(world, touched.deadlines.expires_at(), ends));
    let older = TouchOptions { age: world.ticks(7), ..TouchOptions::default() };
    assert_eq!(world.touch(&id, older).await.deadlines, touched.deadlines, "an earlier use shortens nothing");
    let long_ago = TouchOptions { age: Duration::MAX, ..TouchOptions::default() };
    assert_eq!(world.touch(&id, long_ago).await.deadlines, touched.deadlines);
    assert!(created.deadlines.expires_at() < touched.deadlines.expires_at());
}

/// Each session expires at its own time.
pub(crate) async fn each_session_expires_at_its_own_time(world: &World) {
    let mut ids = Vec::new();
    for ticks in [2, 4, 6] {
        let new = NewSession::generate(world.idle(ticks)).must();
        ids.push(world.create(&new).await.0);
    }
    for ended in 1..=3 {
        world.pass(if ended == 1 { 3 } else { 2 }).await;
        for (at, id) in ids.iter().enumerate() {
            assert_eq!(world.is_live(id).await, at >= ended, "session {at} after {ended} ended");
        }
    }
}
