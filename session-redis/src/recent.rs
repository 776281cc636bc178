//! Destroys of the last minute, to be repeated when a primary is regained.
//!
//! A failover, or a restart from what was saved, can lose a destroy that was acknowledged, and so bring a session back.
//! Whoever has destroyed it knows better, and does it again under the same op id.

use std::{
    collections::{HashMap, VecDeque},
    sync::{
        Arc, Weak,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use parking_lot::Mutex;
use redis::{Pipeline, RedisError, Value as Reply, aio::MultiplexedConnection};
use session_core::{model::IdDigest, store::Destroy};
use tokio::time::Instant;

use crate::{inner::Inner, net::Backoff};

/// How long a destroy is remembered. Longer than what a failover loses: a second with `appendfsync everysec`, a
/// replica's lag, or the time for which a primary that was cut off goes on.
const REMEMBERED: Duration = Duration::from_secs(60);
/// How many are remembered at most, so that a storm of destroys takes no memory and a failover is not followed by another.
const MOST: usize = 8_192;

/// Destroys of the last minute.
#[derive(Debug, Default)]
pub(crate) struct Recent {
    destroys: Mutex<VecDeque<(Instant, IdDigest, Destroy)>>,
    owed: Mutex<Owed>,
    forgotten: AtomicU64,
    repeated: AtomicU64,
    undone: AtomicU64,
}

/// Destroys that the servers that came to office have not taken yet.
#[derive(Debug, Default)]
struct Owed {
    destroys: HashMap<IdDigest, Destroy>,
    is_being_paid: bool,
}

impl Recent {
    pub(crate) fn note(&self, digest: IdDigest, destroy: Destroy) {
        let now = Instant::now();
        let mut destroys = self.destroys.lock();
        while destroys.front().is_some_and(|(at, ..)| now.duration_since(*at) > REMEMBERED) {
            destroys.pop_front();
        }
        if destroys.len() >= MOST {
            destroys.pop_front();
            self.forgotten.fetch_add(1, Ordering::Relaxed);
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

    /// Destroys that made room for others before their minute was over: if the servers lose them, nobody repeats them.
    pub(crate) fn forgotten(&self) -> u64 {
        self.forgotten.load(Ordering::Relaxed)
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
/// on the server it leads to. What the server refuses, and what another server of a cluster has, is owed.
pub(crate) async fn repeat_on(inner: &Arc<Inner>, connection: &mut MultiplexedConnection) -> Result<(), RedisError> {
    let mut refused = Vec::new();
    for some in inner.recent.list().chunks(AT_ONCE) {
        let mut pipeline = Pipeline::with_capacity(some.len());
        for (digest, destroy) in some {
            pipeline.add_command(inner.destroy_cmd(digest, destroy, false));
        }
        let replies = connection.send_packed_commands(&pipeline, 0, some.len()).await?;
        for (destroyed, reply) in some.iter().zip(replies) {
            match reply {
                Reply::BulkString(reply) => inner.recent.count(&reply),
                _ => refused.push(*destroyed),
            }
        }
    }
    owe(inner, refused);
    Ok(())
}

/// Sends the recent destroys again.
pub(crate) fn repeat(inner: &Arc<Inner>) {
    owe(inner, inner.recent.list());
}

/// Has these destroys sent until each was taken. A new primary may refuse writes for a while, until it has replicas.
fn owe(inner: &Arc<Inner>, destroys: Vec<(IdDigest, Destroy)>) {
    if destroys.is_empty() {
        return;
    }
    let mut owed = inner.recent.owed.lock();
    let alone = |destroy: Destroy| Destroy::new(destroy.write.op, destroy.reason);
    owed.destroys.extend(destroys.into_iter().map(|(digest, destroy)| (digest, alone(destroy))));
    if !std::mem::replace(&mut owed.is_being_paid, true) {
        tokio::spawn(pay(Arc::downgrade(inner)));
    }
}

async fn pay(inner: Weak<Inner>) {
    let mut backoff = Backoff::new(Duration::from_millis(10), Duration::from_secs(1));
    while let Some(inner) = inner.upgrade() {
        let destroys = {
            let mut owed = inner.recent.owed.lock();
            owed.is_being_paid = !owed.destroys.is_empty();
            std::mem::take(&mut owed.destroys)
        };
        if destroys.is_empty() {
            return;
        }
        let mut unpaid = Vec::new();
        for (digest, destroy) in destroys {
            match inner.destroy_at(&digest, &destroy).await {
                Ok((_, answer)) => inner.recent.count(&answer.reply),
                Err(error) if error.is_retryable() => unpaid.push((digest, destroy)),
                Err(_) => {}
            }
        }
        let is_paid = unpaid.is_empty();
        inner.recent.owed.lock().destroys.extend(unpaid);
        drop(inner);
        if !is_paid {
            backoff.pause().await;
        }
    }
}

#[cfg(test)]
mod tests {
    use session_core::{
        SessionId,
        model::{EndReason, OpId},
    };

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn what_there_is_no_room_to_remember_is_counted() {
        let recent = Recent::default();
        let note = || {
            let destroy = Destroy::new(OpId::generate().unwrap(), EndReason::Logout);
            recent.note(*SessionId::generate().unwrap().digest(), destroy);
        };
        (0..MOST).for_each(|_| note());
        assert_eq!((recent.list().len(), recent.forgotten()), (MOST, 0));
        let oldest = recent.list()[0].0;
        (0..3).for_each(|_| note());
        assert_eq!((recent.list().len(), recent.forgotten()), (MOST, 3));
        assert!(recent.list().iter().all(|(digest, _)| *digest != oldest), "the oldest makes room");
        tokio::time::advance(REMEMBERED + Duration::from_millis(1)).await;
        note();
        assert_eq!((recent.list().len(), recent.forgotten()), (1, 3), "those whose minute is over are not missed");
    }
}
