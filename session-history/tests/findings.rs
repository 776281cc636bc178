//! Violations that runs have found, as small as they can be made.

use std::time::Duration;

use session_core::{
    Expiry, LoadOptions, ReadLevel, SessionId,
    model::{EndReason, OpId},
    store::{Absent, Destroy, LoadOutcome, NewSession, Rotation, RotationKind, SessionStore},
};
use session_redis::{RedisConfig, RedisStore, Sentinel};
use session_testkit::{Direction, SentinelTrio, until};

fn op() -> OpId {
    OpId::generate().expect("random bytes")
}

async fn load(store: &RedisStore, id: &SessionId) -> Option<LoadOutcome> {
    store.load(id, LoadOptions { level: ReadLevel::Store, ..LoadOptions::default() }).await.ok()
}

/// A session is renewed and then destroyed at a primary that is isolated, so the new primary knows neither. The node repeats
/// its destroy at the new id, where the new primary has nothing; the session lives on at the old one.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_destroy_lost_together_with_a_rotation_is_repeated_where_the_session_is() {
    let trio = SentinelTrio::builder().min_replicas_to_write(1, 1).down_after(Duration::from_secs(4)).behind_links();
    let trio = trio.start().await;
    let old = trio.primary().await;
    let config = RedisConfig::sentinel(trio.sentinel_urls(), Sentinel::new(trio.master_name()));
    // It knows the servers by address, and so stays at the old primary while that is one.
    let others = trio.servers().iter().filter(|server| *server != old);
    let urls: Vec<String> = std::iter::once(old).chain(others).map(session_testkit::Server::url).collect();
    let inside = RedisStore::builder(RedisConfig::default().urls(urls)).connect().await.unwrap();
    let (id, new) = (SessionId::generate().unwrap(), NewSession::generate(Expiry::idle(Duration::from_secs(600))));
    let mut new = new.unwrap();
    new.write.replicas = 2;
    until("the session is stored", || async { inside.create(&id, &new).await.ok() }).await;

    trio.link_of(old).hold(Direction::Requests);
    trio.link_of(old).hold(Direction::Replies);
    let to = id.generate_sibling().unwrap();
    inside.rotate(&id, &Rotation::new(op(), to, RotationKind::Renew)).await.unwrap();
    inside.destroy(&to, &Destroy::new(op(), EndReason::Logout)).await.unwrap();
    trio.wait_for_new_primary(old).await;
    trio.link_of(old).heal().await;
    trio.wait_until_settled().await;

    until("the node that destroyed it is back", || async { inside.check().await.ok() }).await;
    let outside = RedisStore::builder(config).connect().await.unwrap();
    for store in [&inside, &outside] {
        let outcome = until("it is answered", || load(store, &id)).await;
        assert!(matches!(outcome, LoadOutcome::Absent(Absent::NotFound(_))), "destroyed, and found: {outcome:?}");
    }
}
