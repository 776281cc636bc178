//! Writes on other nodes do not turn a node's reads into misses.

use std::sync::Arc;

use session_core::{
    model::{Delta, Field, Format, Stamp, Value},
    store::{ChangeKind, FeedItem, Origin, SessionChange, SessionStore as _, Update},
};

use crate::stage::{Stage, is_hit, op, read, set, settle, warm, write};

#[tokio::test]
async fn a_change_is_applied_to_the_copy() {
    let stage = Stage::new();
    let (a, b) = (stage.node(), stage.node());
    let (id, _) = stage.session("0").await;
    warm(&a, &id).await;
    warm(&b, &id).await;
    for n in 1..=20 {
        let (writer, reader) = if n % 2 == 0 { (&a, &b) } else { (&b, &a) };
        write(writer, &id, &n.to_string()).await;
        settle().await;
        for node in [writer, reader] {
            let hits = node.stats().hits;
            assert_eq!(read(node, &id).await, Some(n.to_string()));
            assert_eq!(node.stats().hits, hits + 1, "{n}");
        }
    }
    assert_eq!((a.stats().patched, b.stats().patched), (10, 10));
    assert_eq!(a.stats().evicted + b.stats().evicted, 0);
}

/// A change that is too large to carry its delta drops the copy.
#[tokio::test]
async fn a_change_without_its_delta_drops_the_copy() {
    let (stage, node, id) = Stage::cached("old").await;
    let mut delta = Delta::new();
    delta.set(Field::new("large").unwrap(), Value::new(Format::JSON, &[b' '; 10_000]));
    stage.store.apply(&id, &Update::new(op(), delta)).await.unwrap();
    settle().await;
    assert_eq!(node.stats().evicted, 1);
    assert!(!is_hit(&node, &id).await);
}

/// A patched copy equals the state of the store.
#[tokio::test]
async fn a_patched_copy_is_the_record_of_the_store() {
    let (stage, node, id) = Stage::cached("0").await;
    for n in 1..=5 {
        write(&stage.store, &id, &n.to_string()).await;
    }
    settle().await;
    assert_eq!(node.stats().patched, 5);
    let of = |outcome| match outcome {
        session_core::store::LoadOutcome::Found(found) => (found.record.stamp(), found.record.state().clone()),
        other => panic!("{other:?}"),
    };
    let options = session_core::LoadOptions::default();
    assert_eq!(of(node.load(&id, options).await.unwrap()), of(stage.store.load(&id, options).await.unwrap()));
}

/// After a failover that lost updates, two states have one version. Only the whole stamp shows to which one a change applies.
#[tokio::test]
async fn a_change_of_another_history_drops_the_copy() {
    let stage = Stage::new();
    let node = stage.node();
    let (id, stamp) = stage.session("mine").await;
    warm(&node, &id).await;
    let other = Stamp::from_parts(stamp.incarnation(), stamp.version(), !stamp.tag());
    let op = op();
    let change = SessionChange {
        partition: 0,
        sequence: 7,
        digest: *id.digest(),
        before: Some(other),
        after: Some(other.next(op)),
        origin: Origin::generate().unwrap(),
        kind: ChangeKind::Applied,
        op: Some(op),
        delta: Some(Arc::new(set("b", "theirs"))),
    };
    node.remote().wire.inject(FeedItem::Change(change));
    settle().await;
    assert_eq!((node.stats().patched, node.stats().evicted), (0, 1));
}

/// A change whose stamp does not follow from its op id was not made by a store.
#[tokio::test]
async fn a_change_that_does_not_lead_to_its_stamp_drops_the_copy() {
    for announced in [None, Some(op())] {
        let stage = Stage::new();
        let node = stage.node();
        let (id, stamp) = stage.session("mine").await;
        warm(&node, &id).await;
        let change = SessionChange {
            partition: 0,
            sequence: 7,
            digest: *id.digest(),
            before: Some(stamp),
            after: Some(stamp.next(op())),
            origin: Origin::generate().unwrap(),
            kind: ChangeKind::Applied,
            op: announced,
            delta: Some(Arc::new(set("a", "theirs"))),
        };
        node.remote().wire.inject(FeedItem::Change(change));
        settle().await;
        assert_eq!((node.stats().patched, node.stats().evicted), (0, 1));
        assert_eq!(read(&node, &id).await.as_deref(), Some("mine"));
    }
}
