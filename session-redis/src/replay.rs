//! Replays recent destroys when a primary is regained.
//!
//! A failover, or a restart from an older state, can lose an acknowledged destroy and so bring a session back. The store
//! that destroyed it repeats the destroy under the same op id.

use std::sync::{Arc, Weak};

use redis::{Pipeline, RedisError, Value as Reply, aio::MultiplexedConnection};
use session_core::{model::IdDigest, store::Destroy};

use crate::{backoff::Backoff, store_inner::StoreInner};

/// How many destroys one pipeline has.
const AT_ONCE: usize = 256;

/// Replays the recent destroys over a new connection before its first use, so that no read over this connection finds a
/// session that is back on its server. Destroys that the server refuses, or that belong on another server of a cluster,
/// are queued.
pub(crate) async fn replay_on(
    store: &Arc<StoreInner>,
    connection: &mut MultiplexedConnection,
) -> Result<(), RedisError> {
    let operation = store.operation();
    let mut refused = Vec::new();
    for some in store.recent_destroys.list().chunks(AT_ONCE) {
        let mut pipeline = Pipeline::with_capacity(some.len());
        for (digest, destroy) in some {
            pipeline.add_command(operation.destroy_cmd(digest, destroy, false));
        }
        let replies = connection.send_packed_commands(&pipeline, 0, some.len()).await?;
        for (destroyed, reply) in some.iter().zip(replies) {
            match reply {
                Reply::BulkString(mut reply) => {
                    store.unpublished.note(&mut reply);
                    store.recent_destroys.count(&reply);
                }
                _ => refused.push(*destroyed),
            }
        }
    }
    enqueue_replay(store, refused);
    Ok(())
}

/// Replays the recent destroys.
pub(crate) fn replay_all(store: &Arc<StoreInner>) {
    enqueue_replay(store, store.recent_destroys.list());
}

/// Sends these destroys until each was executed. A new primary may refuse writes until it has replicas.
fn enqueue_replay(store: &Arc<StoreInner>, destroys: Vec<(IdDigest, Destroy)>) {
    if !destroys.is_empty() && store.recent_destroys.enqueue(destroys) {
        // Made before the task: one that is dropped before it begins ends early, too.
        let abandon = AbandonOnDrop(Some(Arc::downgrade(store)));
        tokio::spawn(replay(Arc::downgrade(store), abandon));
    }
}

/// Records that a replay has ended early.
struct AbandonOnDrop(Option<Weak<StoreInner>>);

impl Drop for AbandonOnDrop {
    fn drop(&mut self) {
        if let Some(store) = self.0.take().and_then(|store| store.upgrade()) {
            store.recent_destroys.abandon();
        }
    }
}

async fn replay(store: Weak<StoreInner>, mut abandon: AbandonOnDrop) {
    let mut backoff = Backoff::between_connects();
    while let Some(store) = store.upgrade() {
        let destroys = store.recent_destroys.take_queued();
        if destroys.is_empty() {
            abandon.0 = None;
            return;
        }
        let mut refused = Vec::new();
        for (digest, destroy) in destroys {
            match store.operation().destroy_at(&digest, &destroy).await {
                Ok((_, answer)) => store.recent_destroys.count(&answer.reply),
                Err(error) if error.is_retryable() => refused.push((digest, destroy)),
                Err(_) => {}
            }
        }
        let is_done = refused.is_empty();
        store.recent_destroys.requeue(refused);
        drop(store);
        if !is_done {
            backoff.pause().await;
        }
    }
}
