//! A failover loses the end of a session together with a move that another node made.

use session_core::{
    LoadOptions, SessionId,
    model::OpId,
    store::{Absent, LoadOutcome, RotateOutcome, Rotation, RotationKind, SessionStore as _},
};
use session_redis::RedisStore;
use session_testkit::SentinelTrio;

use crate::{
    isolated::inside,
    reaper::{end, new_session},
    topology::{found, under_sentinel},
    until,
};

async fn moved(store: &RedisStore, id: &SessionId, kind: RotationKind) -> SessionId {
    let rotation = Rotation::new(OpId::generate().unwrap(), id.generate_sibling().unwrap(), kind);
    let outcome = store.rotate(id, &rotation).await.unwrap();
    assert!(matches!(outcome, RotateOutcome::Rotated(_)), "{outcome:?}");
    rotation.to
}

/// Two nodes are isolated together with the old primary: one moves sessions, the other one ends them. The new primary has
/// them where they were, and a client renews one of them there.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_is_ended_again_at_the_id_that_it_left_through_another_node() {
    let trio = SentinelTrio::builder().replicas(1).behind_links().start().await;
    let old = trio.primary().await;
    let (mover, ender) = (inside(&trio, old).await, inside(&trio, old).await);
    let mut sessions = Vec::new();
    for kind in [RotationKind::Renew, RotationKind::Privilege, RotationKind::Renew] {
        sessions.push((new_session(&mover, SessionId::generate().unwrap(), 1).await, kind));
    }

    trio.link_of(old).cut().await;
    for (id, kind) in &sessions {
        let to = moved(&mover, id, *kind).await;
        end(&ender, &to).await;
    }
    trio.wait_for_new_primary(old).await;
    let outside = under_sentinel(&trio).await;
    for (id, _) in &sessions {
        until("the new primary has it", || async { outside.load(id, LoadOptions::default()).await.ok() }).await;
        found(&outside, id).await;
    }
    let renewed = moved(&outside, &sessions[2].0, RotationKind::Renew).await;

    trio.link_of(old).heal().await;
    trio.wait_until_settled().await;
    let count = sessions.len() as u64;
    until("all are ended again", || async { (ender.stats().destroys_undone == count).then_some(()) }).await;
    for id in sessions.iter().map(|(id, _)| id).chain([&renewed]) {
        let outcome = outside.load(id, LoadOptions::default()).await.unwrap();
        assert!(matches!(outcome, LoadOutcome::Absent(Absent::NotFound(Some(_)))), "{outcome:?}");
    }
    assert_eq!(mover.stats().destroys_undone, 0);
}
