//! Destroys of the last minute, to be repeated when a primary is regained.
//!
//! A failover, or a restart from what was saved, can lose a destroy that was acknowledged, and so bring a session back.
//! Whoever has destroyed it knows better, and does it again under the same op id.

use std::{
    collections::VecDeque,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use parking_lot::Mutex;
use redis::{Pipeline, RedisError, Value as Reply, aio::MultiplexedConnection};
use session_core::{Destroy, IdDigest};
use tokio::time::Instant;

use crate::inner::Inner;

/// How long a destroy is remembered. Longer than what a failover loses: a second with `appendfsync everysec`, a
/// replica's lag, or the time for which a primary that was cut off goes on.
const REMEMBERED: Duration = Duration::from_secs(60);
/// How many are remembered at most.
const MOST: usize = 8_192;

/// Destroys of the last minute.
#[derive(Debug, Default)]
pub(crate) struct Recent {
    destroys: Mutex<VecDeque<(Instant, IdDigest, Destroy)>>,
    repeated: AtomicU64,
    undone: AtomicU64,
}

impl Recent {
    pub(crate) fn note(&self, digest: IdDigest, destroy: Destroy) {
        let now = Instant::now();
        let mut destroys = self.destroys.lock();
        while destroys.front().is_some_and(|(at, ..)| now.duration_since(*at) > REMEMBERED) || destroys.len() >= MOST {
            destroys.pop_front();
        }
        destroys.push_back((now, digest, destroy));
    }

    fn list(&self) -> Vec<(IdDigest, Destroy)> {
        let now = Instant::now();
        let destroys = self.destroys.lock();
        let young = destroys.iter().filter(|(at, ..)| now.duration_since(*at) <= REMEMBERED);
        young.map(|(_, digest, destroy)| (*digest, *destroy)).collect()
    }

    /// What a repeated destroy was answered.
    fn count(&self, reply: &[u8]) {
        self.repeated.fetch_add(1, Ordering::Relaxed);
        if reply.first() == Some(&b'A') {
            self.undone.fetch_add(1, Ordering::Relaxed);
            #[cfg(feature = "tracing")]
            tracing::warn!("a session that had been destroyed was back, and is ended again");
        }
    }

    /// Destroys that were sent again.
    pub(crate) fn repeated(&self) -> u64 {
        self.repeated.load(Ordering::Relaxed)
    }

    /// Sessions that were back and were ended again: destroys that had been acknowledged and were lost.
    pub(crate) fn undone(&self) -> u64 {
        self.undone.load(Ordering::Relaxed)
    }
}

/// So many in one pipeline.
const AT_ONCE: usize = 256;

/// Sends the recent destroys again over a new connection, before anybody uses it: so nobody reads a session that is back
/// on the server it leads to. What another server of a cluster has, that one is asked for.
pub(crate) async fn repeat_on(inner: &Inner, connection: &mut MultiplexedConnection) -> Result<(), RedisError> {
    for some in inner.recent.list().chunks(AT_ONCE) {
        let mut pipeline = Pipeline::with_capacity(some.len());
        for (digest, destroy) in some {
            pipeline.add_command(inner.destroy_cmd(digest, destroy, false));
        }
        for reply in connection.send_packed_commands(&pipeline, 0, some.len()).await? {
            if let Reply::BulkString(reply) = reply {
                inner.recent.count(&reply);
            }
        }
    }
    Ok(())
}

/// Sends the recent destroys again. One that fails is left: the next time a primary is regained it has its turn.
pub(crate) async fn repeat(inner: Arc<Inner>) {
    for (digest, mut destroy) in inner.recent.list() {
        destroy.replicas = 0;
        let Ok((_, answer)) = inner.destroy_at(&digest, &destroy).await else { continue };
        inner.recent.count(&answer.reply);
    }
}
