//! Many loads of ids without a copy, at a store that is slow.

use std::sync::atomic::Ordering::SeqCst;

use session_core::{
    Error, ErrorKind, LoadOptions, ReadLevel, SessionId,
    store::{LoadOutcome, SessionStore as _, TouchOptions, TouchOutcome},
};
use tokio::task::JoinHandle;

use crate::stage::{BOUND, Node, Stage, begin, is_hit, settle, value_of, write};

/// More than the share of loads without a copy.
const FLOOD: usize = 2_000;
const SHARE: usize = session_tiered::defaults::FIRST_LOADS;

fn load(node: &Node, id: SessionId, level: ReadLevel) -> JoinHandle<Result<LoadOutcome, Error>> {
    let (node, options) = (node.clone(), LoadOptions { level, ..LoadOptions::default() });
    tokio::spawn(async move { node.load(&id, options).await })
}

/// Begins loads of ids that were never issued, while the store answers no load.
async fn flood(node: &Node) -> Vec<JoinHandle<Result<LoadOutcome, Error>>> {
    node.remote().wire.stop();
    let loads = (0..FLOOD).map(|_| load(node, SessionId::generate().unwrap(), ReadLevel::Local)).collect();
    node.remote().wire.wait_for_held(SHARE).await;
    settle().await;
    loads
}

#[tokio::test]
async fn loads_without_a_copy_have_a_share_of_their_own() {
    let (_stage, node, _) = Stage::cached("old").await;
    let loads = flood(&node).await;
    let (mut refused, mut waiting) = (0, 0);
    for load in loads {
        if !load.is_finished() {
            waiting += 1;
            load.abort();
            continue;
        }
        let error = load.await.unwrap().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Overloaded, "{error}");
        refused += 1;
    }
    assert_eq!((waiting, refused), (SHARE, FLOOD - SHARE));
    assert_eq!(node.stats().first_loads_refused, refused as u64);
    settle().await;
    // Loads that their callers have dropped leave room for others.
    let (held, next) =
        (node.remote().wire.loads.load(SeqCst), load(&node, SessionId::generate().unwrap(), ReadLevel::Local));
    settle().await;
    assert_eq!(node.remote().wire.loads.load(SeqCst), held + 1);
    next.abort();
}

/// Sessions with a copy are served and revalidated, writes are sent, and leases are extended.
#[tokio::test]
async fn a_flood_leaves_the_rest_alone() {
    let (stage, node, id) = Stage::cached("old").await;
    let loads = flood(&node).await;
    for _ in 0..12 {
        stage.pass(BOUND / 4).await;
        assert!(is_hit(&node, &id).await, "a heartbeat was missed");
    }
    write(&node, &id, "new").await;
    let touched = node.touch(&id, TouchOptions::default()).await.unwrap();
    assert!(matches!(touched, TouchOutcome::Touched(_)), "{touched:?}");
    let latest = load(&node, id, ReadLevel::Store);
    node.remote().wire.wait_for_held(SHARE + 1).await;
    loads.iter().for_each(JoinHandle::abort);
    node.remote().wire.go_on();
    node.remote().wire.go_on();
    assert_eq!(value_of(latest.await.unwrap().unwrap()).as_deref(), Some("new"));
    assert_eq!(node.stats().broken_circuits, 0);
}

/// A node that has just started has no copies. Loads of one session are one load, however many they are.
#[tokio::test]
async fn first_loads_of_one_session_count_once() {
    let stage = Stage::new();
    let node = stage.node();
    let (id, _) = stage.session("old").await;
    node.remote().wire.stop();
    let loads: Vec<_> = (0..FLOOD).map(|_| begin(&node, &id)).collect();
    node.remote().wire.wait_for_held(1).await;
    settle().await;
    node.remote().wire.go_on();
    for load in loads {
        assert!(value_of(load.await.unwrap()).is_some());
    }
    assert_eq!(node.remote().wire.loads.load(SeqCst), 1);
}

/// The share can be chosen.
#[tokio::test]
async fn a_smaller_share_refuses_sooner() {
    let stage = Stage::new();
    let node = stage.builder().first_loads(1).build();
    node.remote().wire.stop();
    let first = load(&node, SessionId::generate().unwrap(), ReadLevel::Local);
    node.remote().wire.wait_for_held(1).await;
    let second = load(&node, SessionId::generate().unwrap(), ReadLevel::Local);
    settle().await;
    assert!(second.is_finished(), "it waits instead");
    assert_eq!(second.await.unwrap().unwrap_err().kind(), ErrorKind::Overloaded);
    node.remote().wire.go_on();
    assert!(first.await.unwrap().is_ok());
}
