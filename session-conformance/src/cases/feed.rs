//! The stream of all changes.

use std::{collections::HashMap, sync::Arc};

use session_core::{
    SessionId,
    model::{EndReason, IdDigest, Stamp, State, Value},
    store::{
        ChangeKind, FeedItem, Precondition, Rotation, RotationKind, SessionChange, SessionStore, Subscription,
        TouchOptions, Update,
    },
};

use crate::{
    model::changes,
    must::{Must as _, must_be},
    world::{World, destroy, update, update_if},
};

/// More changes than the shortest buffer of a subscriber holds.
const MANY: usize = 300;

/// A subscription and the changes received so far.
struct Subscriber {
    subscription: Subscription,
    partitions: u32,
    received: Vec<SessionChange>,
}

impl Subscriber {
    async fn on(store: &dyn SessionStore) -> Self {
        let feed = store.feed().unwrap_or_else(|| panic!("the store no longer has a feed"));
        let subscription = feed.subscribe().await.must();
        Self { subscription, partitions: feed.partitions(), received: Vec::new() }
    }

    fn partition(&self, id: &SessionId) -> u16 {
        // There are at most 2^16 partitions, so the partition is the low bits of the digest's.
        id.digest().partition() & u16::try_from(self.partitions - 1).unwrap_or(u16::MAX)
    }

    /// Reads up to a barrier requested now, and returns all changes of that session's partition so far.
    async fn changes(&mut self, id: &SessionId) -> Vec<SessionChange> {
        let partition = self.partition(id);
        let barrier = self.subscription.barriers().barrier(partition).await.must();
        loop {
            match self.subscription.next().await {
                Some(FeedItem::Change(change)) => self.received.push(change),
                Some(FeedItem::Barrier(at, reached)) if (at, reached) == (partition, barrier) => break,
                Some(FeedItem::Barrier(..)) => {}
                other => panic!("expected a change or a barrier, got {other:?}"),
            }
        }
        self.received.iter().filter(|change| change.partition == partition).cloned().collect()
    }

    async fn kinds(&mut self, id: &SessionId) -> Vec<ChangeKind> {
        self.changes(id).await.into_iter().map(|change| change.kind).collect()
    }
}

/// Fails the case unless the sequence numbers of these changes of one partition grow by one.
fn in_order(changes: &[SessionChange]) {
    for pair in changes.windows(2) {
        assert_eq!(pair[1].sequence, pair[0].sequence.wrapping_add(1), "{:?} then {:?}", pair[0].kind, pair[1].kind);
    }
}

/// Every change is published once, with the stamps before and after it, and the stamps form a chain.
pub(crate) async fn stamps_form_a_chain(world: &World) {
    let mut subscriber = Subscriber::on(world.store()).await;
    let (id, mut stamp) = world.start_with(&changes().set("a", "0")).await;
    let mut expected = vec![(None, Some(stamp), ChangeKind::Created)];
    for step in ["1", "2", "3"] {
        let after = world.apply(&id, &changes().set("a", step)).await.stamp;
        expected.push((Some(stamp), Some(after), ChangeKind::Applied));
        stamp = after;
    }
    world.end(&id).await;
    expected.push((Some(stamp), None, ChangeKind::Destroyed(EndReason::Logout)));
    let received = subscriber.changes(&id).await;
    in_order(&received);
    assert!(received.iter().all(|change| change.digest == *id.digest()));
    let received: Vec<(Option<Stamp>, Option<Stamp>, ChangeKind)> =
        received.iter().map(|change| (change.before, change.after, change.kind)).collect();
    assert_eq!(received, expected);
}

/// A rotation is published under the old digest and names the new one; later changes are under the new one.
pub(crate) async fn rotations_name_both_ids(world: &World) {
    for kind in [RotationKind::Renew, RotationKind::Privilege] {
        let mut subscriber = Subscriber::on(world.store()).await;
        let (old, stamp) = world.start_with(&changes().set("a", "0")).await;
        let rotation = Rotation { delta: changes().set("a", "1").delta(), ..world.rotation(&old, kind) };
        let moved = world.rotate(&old, &rotation).await.stamp;
        let through = if kind == RotationKind::Renew { old } else { rotation.to };
        world.apply(&through, &changes().set("a", "2")).await;
        world.end(&through).await;
        let received = subscriber.changes(&old).await;
        in_order(&received);
        let to = *rotation.to.digest();
        assert_eq!(received[1].kind, ChangeKind::Rotated { to, kind });
        assert_eq!((received[1].before, received[1].after), (Some(stamp), Some(moved)));
        let digests: Vec<IdDigest> = received.iter().map(|change| change.digest).collect();
        assert_eq!(digests, [*old.digest(), *old.digest(), to, to], "a change never names an id that forwards");
    }
}

/// Requests without effect are not published: touches, empty deltas, repeats, conflicts, refusals, and requests for
/// absent sessions.
pub(crate) async fn requests_without_effect_are_not_published(world: &World) {
    let (id, stamp) = world.start_with(&changes().set("a", "0")).await;
    let once = update(&changes().set("a", "1"));
    world.send(&id, &once).await;
    let mut subscriber = Subscriber::on(world.store()).await;
    world.touch(&id, TouchOptions::default()).await;
    world.apply(&id, &changes()).await;
    world.send(&id, &once).await;
    let conflict = update_if(Precondition::Stamp(stamp), &changes().set("a", "2"));
    world.store().apply(&id, &conflict).await.must();
    let huge = Value::from(vec![3; world.store().limits().max_value_bytes + 1]);
    must_be!(world.store().apply(&id, &update(&changes().set_value("huge", &huge))).await, Err(_));
    world.store().create(&id, &world.new_session()).await.must();
    world.load(&id).await;
    let logout = destroy(EndReason::Logout);
    for _ in 0..2 {
        world.store().destroy(&id, &logout).await.must();
    }
    world.store().apply(&id, &update(&changes().set("late", "x"))).await.must();
    assert_eq!(subscriber.kinds(&id).await, [ChangeKind::Destroyed(EndReason::Logout)]);
}

/// A repeated create or rotation is published once.
pub(crate) async fn repeats_are_published_once(world: &World) {
    let mut subscriber = Subscriber::on(world.store()).await;
    let new = world.new_session();
    let (id, _) = world.create(&new).await;
    world.store().create(&id, &new).await.must();
    let rotation = world.rotation(&id, RotationKind::Renew);
    for _ in 0..2 {
        world.rotate(&id, &rotation).await;
    }
    assert_eq!(subscriber.kinds(&id).await.len(), 2);
}

/// A carried delta turns the state before into the state after, so a copy can be patched in place.
pub(crate) async fn carried_deltas_patch_a_copy(world: &World) {
    let (id, _) = world.start_with(&changes().set("a", "0").insert("cart", "sku-1", "1")).await;
    let mut subscriber = Subscriber::on(world.store()).await;
    let record = world.found(&id).await.record;
    let (mut copy, mut stamp): (State, Stamp) = (record.state().clone(), record.stamp());
    let steps = [
        changes().set("a", "1").insert("cart", "sku-2", "2"),
        changes().clear("cart").insert("cart", "sku-3", "3").remove("a"),
        changes().remove_key("cart", "sku-3").set("b", "4"),
    ];
    for step in &steps {
        world.apply(&id, step).await;
    }
    for change in subscriber.changes(&id).await {
        let delta = change.delta.unwrap_or_else(|| panic!("a delta of a few bytes is small enough to carry"));
        assert_eq!(change.before, Some(stamp));
        delta.apply_to(&mut copy);
        stamp = change.after.unwrap_or(stamp);
    }
    let record = world.found(&id).await.record;
    assert_eq!((stamp, &copy), (record.stamp(), record.state()));
}

/// A large delta may be left out, but its change is published; a delta that is carried is right.
pub(crate) async fn a_large_change_is_published(world: &World) {
    let id = world.start().await;
    let mut subscriber = Subscriber::on(world.store()).await;
    let large = Value::from(vec![3; world.store().limits().max_value_bytes]);
    let delta = changes().set_value("large", &large);
    let after = world.apply(&id, &delta).await.stamp;
    let received = subscriber.changes(&id).await;
    assert_eq!((received.len(), received[0].after), (1, Some(after)));
    assert!(received[0].delta.as_ref().is_none_or(|carried| **carried == delta.delta()));
}

/// An update with new deadlines is published like any other, but without its delta: a cache that patched its copy would
/// keep the old deadlines.
pub(crate) async fn new_deadlines_are_published_without_a_delta(world: &World) {
    for changes in [changes(), changes().set("a", "1")] {
        let (id, stamp) = world.start_with(&changes).await;
        let mut subscriber = Subscriber::on(world.store()).await;
        let update = Update { expiry: Some(world.long_expiry()), ..update(&changes) };
        let after = world.send(&id, &update).await.stamp;
        let received = subscriber.changes(&id).await;
        let received: Vec<_> = received.iter().map(|it| (it.kind, it.before, it.after, it.delta.as_deref())).collect();
        assert_eq!(received, [(ChangeKind::Applied, Some(stamp), Some(after), None)]);
    }
}

/// A subscription starts with the changes that follow it.
pub(crate) async fn a_subscription_starts_now(world: &World) {
    let id = world.start().await;
    world.apply(&id, &changes().set("a", "1")).await;
    let mut subscriber = Subscriber::on(world.store()).await;
    assert_eq!(subscriber.kinds(&id).await, []);
    world.apply(&id, &changes().set("a", "2")).await;
    assert_eq!(subscriber.kinds(&id).await, [ChangeKind::Applied]);
}

/// A barrier follows every change that was published before it was requested.
pub(crate) async fn a_barrier_follows_earlier_changes(world: &World) {
    let id = world.start().await;
    let mut subscriber = Subscriber::on(world.store()).await;
    for step in 1..=20 {
        world.node(step).apply(&id, &update(&changes().set("a", &step.to_string()))).await.must();
        assert_eq!(subscriber.changes(&id).await.len(), step);
    }
}

/// Each node receives the other's changes, and recognizes its own by their origin.
pub(crate) async fn nodes_receive_each_others_changes(world: &World) {
    let id = world.start().await;
    let mut subscribers = [Subscriber::on(world.store()).await, Subscriber::on(world.other()).await];
    for turn in 0..6 {
        world.node(turn).apply(&id, &update(&changes().set("a", &turn.to_string()))).await.must();
    }
    let origin = |store: &dyn SessionStore| store.feed().map(|feed| feed.origin());
    let origins = [origin(world.store()), origin(world.other())];
    assert_ne!(origins[0], origins[1], "two nodes have two origins");
    for subscriber in &mut subscribers {
        let received: Vec<_> = subscriber.changes(&id).await.into_iter().map(|change| Some(change.origin)).collect();
        assert_eq!(received, [0, 1, 0, 1, 0, 1].map(|turn: usize| origins[turn]));
    }
}

/// Under concurrent writers every change is published once and in order: per partition the sequence grows by one, and
/// per session each stamp before is the stamp after of the previous change.
pub(crate) async fn concurrent_changes_are_published_in_order(world: &World) {
    let mut ids = vec![world.start().await];
    for _ in 0..3 {
        ids.push(crate::world::sibling(&ids[0]));
    }
    for id in &ids[1..] {
        world.store().create(id, &world.new_session()).await.must();
    }
    let mut subscriber = Subscriber::on(world.other()).await;
    let targets = ids.clone();
    let task = |turn: usize, store: Arc<dyn SessionStore>| {
        let ids = targets.clone();
        async move {
            for step in 0..15 {
                let line = update(&changes().insert("cart", &format!("{turn}-{step}"), "1"));
                store.apply(&ids[(turn + step) % ids.len()], &line).await.must();
            }
        }
    };
    world.race(4, task).await;
    let received = subscriber.changes(&ids[0]).await;
    assert_eq!(received.len(), 60);
    in_order(&received);
    let mut last: HashMap<IdDigest, Option<Stamp>> = HashMap::new();
    for change in &received {
        let before = last.insert(change.digest, change.after);
        assert!(before.is_none_or(|before| before == change.before), "a stamp was skipped or published twice");
    }
    for id in &ids {
        assert_eq!(last[id.digest()], Some(world.stamp(id).await));
    }
}

/// A subscriber that does not read for a while receives all changes, or a gap in their place.
pub(crate) async fn a_slow_subscriber_misses_nothing_silently(world: &World) {
    let id = world.start().await;
    let mut subscriber = Subscriber::on(world.store()).await;
    let partition = subscriber.partition(&id);
    for step in 0..MANY {
        world.node(step).apply(&id, &update(&changes().set("a", &step.to_string()))).await.must();
    }
    let barrier = subscriber.subscription.barriers().barrier(partition).await.must();
    let (mut received, mut gaps) = (Vec::new(), 0);
    loop {
        match subscriber.subscription.next().await {
            Some(FeedItem::Change(change)) if change.partition == partition => received.push(change),
            Some(FeedItem::Gap(at, _)) if at.is_none_or(|at| at == partition) => {
                received.clear();
                gaps += 1;
            }
            Some(FeedItem::Barrier(at, reached)) if (at, reached) == (partition, barrier) => break,
            Some(_) => {}
            None => panic!("the feed has ended"),
        }
    }
    in_order(&received);
    assert!(gaps > 0 || received.len() == MANY, "{} of {MANY} changes, and no gap", received.len());
}

/// Each change is published in the partition of its session's digest.
pub(crate) async fn changes_are_published_in_the_partition_of_their_digest(world: &World) {
    let mut subscriber = Subscriber::on(world.store()).await;
    assert!(subscriber.partitions.is_power_of_two() && subscriber.partitions <= 1 << 16);
    for _ in 0..8 {
        let id = world.start().await;
        let received = subscriber.changes(&id).await;
        in_order(&received);
        assert!(
            received.iter().any(|change| change.digest == *id.digest()),
            "the change was published in another partition"
        );
    }
}

/// A revocation is published like any other end, with its reason.
pub(crate) async fn revocations_are_published(world: &World) {
    let Some(index) = world.store().index() else { return };
    let principal = crate::world::new_principal();
    let id = world.sign_in(&principal).await;
    let mut subscriber = Subscriber::on(world.other()).await;
    let revoked = index.revoke_all(&principal, None, EndReason::Revoked).await.must();
    assert!(revoked.is_complete());
    assert_eq!(subscriber.kinds(&id).await, [ChangeKind::Destroyed(EndReason::Revoked)]);
}
