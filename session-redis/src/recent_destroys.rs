//! The destroys of the last minute.

use std::{
    collections::{HashMap, VecDeque},
    time::Duration,
};

use parking_lot::Mutex;
use session_core::{model::IdDigest, store::Destroy};
use tokio::time::Instant;

use crate::{counter::Counter, protocol::DestroyReply};

/// How long a destroy is remembered. Longer than what a failover loses: a second with `appendfsync everysec`, a
/// replica's lag, or the time for which an isolated primary goes on.
pub(crate) const REMEMBERED: Duration = Duration::from_secs(60);
/// The most destroys that are remembered, so that a storm of destroys takes little memory and a failover does not cause
/// another one.
const MAX_REMEMBERED: usize = 8_192;

/// The destroys of the last minute, and those that are queued for a replay.
#[derive(Debug, Default)]
pub(crate) struct RecentDestroys {
    destroys: Mutex<VecDeque<(Instant, IdDigest, Destroy)>>,
    queue: Mutex<ReplayQueue>,
    /// Destroys that were forgotten before their minute was over. If the servers lose them, they are not repeated.
    pub(crate) forgotten: Counter,
    /// Destroys that were sent again.
    pub(crate) repeated: Counter,
    /// Sessions that were back and were ended again: acknowledged destroys that had been lost.
    pub(crate) undone: Counter,
}

/// Destroys that the new primaries have not executed yet.
#[derive(Debug, Default)]
struct ReplayQueue {
    destroys: HashMap<IdDigest, Destroy>,
    is_running: bool,
}

impl RecentDestroys {
    /// Remembers the destroy of a session at `digest` that was asked for at `asked`. The session has `left` other ids
    /// recently: a server that loses a move together with the destroy has the session where it was.
    pub(crate) fn remember(&self, asked: IdDigest, digest: IdDigest, left: Vec<IdDigest>, destroy: Destroy) {
        self.remember_at(digest, destroy);
        if asked != digest && !left.contains(&asked) {
            self.remember_at(asked, destroy);
        }
        left.into_iter().for_each(|digest| self.remember_at(digest, destroy));
    }

    fn remember_at(&self, digest: IdDigest, destroy: Destroy) {
        let now = Instant::now();
        let mut destroys = self.destroys.lock();
        while destroys.front().is_some_and(|(at, ..)| now.duration_since(*at) > REMEMBERED) {
            destroys.pop_front();
        }
        if destroys.len() >= MAX_REMEMBERED {
            destroys.pop_front();
            self.forgotten.count();
        }
        destroys.push_back((now, digest, destroy));
    }

    pub(crate) fn list(&self) -> Vec<(IdDigest, Destroy)> {
        let now = Instant::now();
        let destroys = self.destroys.lock();
        let young = destroys.iter().filter(|(at, ..)| now.duration_since(*at) <= REMEMBERED);
        young.map(|(_, digest, destroy)| (*digest, *destroy)).collect()
    }

    /// Counts the reply to a repeated destroy.
    pub(crate) fn count(&self, reply: &[u8]) {
        self.repeated.count();
        if matches!(DestroyReply::parse(reply), Ok(DestroyReply::Destroyed(_))) {
            self.undone.count();
            #[cfg(feature = "tracing")]
            tracing::warn!("a destroyed session was back, and has been ended again");
        }
    }

    /// Queues destroys for a replay. Returns true if the caller must start it.
    pub(crate) fn enqueue(&self, destroys: Vec<(IdDigest, Destroy)>) -> bool {
        let mut queue = self.queue.lock();
        // A replay waits for no replicas.
        let alone = |destroy: Destroy| Destroy::new(destroy.write.op, destroy.reason);
        queue.destroys.extend(destroys.into_iter().map(|(digest, destroy)| (digest, alone(destroy))));
        !std::mem::replace(&mut queue.is_running, true)
    }

    /// Takes all queued destroys. If there are none, the replay has ended.
    pub(crate) fn take_queued(&self) -> HashMap<IdDigest, Destroy> {
        let mut queue = self.queue.lock();
        queue.is_running = !queue.destroys.is_empty();
        std::mem::take(&mut queue.destroys)
    }

    /// The replay has ended before the queue was empty, with its runtime. The next replay begins with what is left.
    pub(crate) fn abandon(&self) {
        self.queue.lock().is_running = false;
    }

    /// Queues destroys again that the servers have refused. A later destroy of the same session is replaced: both end it.
    pub(crate) fn requeue(&self, refused: Vec<(IdDigest, Destroy)>) {
        self.queue.lock().destroys.extend(refused);
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
    async fn destroys_without_room_to_remember_them_are_counted() {
        let recent = RecentDestroys::default();
        let remember = || {
            let destroy = Destroy::new(OpId::generate().unwrap(), EndReason::Logout);
            let digest = *SessionId::generate().unwrap().digest();
            recent.remember(digest, digest, Vec::new(), destroy);
        };
        (0..MAX_REMEMBERED).for_each(|_| remember());
        assert_eq!((recent.list().len(), recent.forgotten.get()), (MAX_REMEMBERED, 0));
        let oldest = recent.list()[0].0;
        (0..3).for_each(|_| remember());
        assert_eq!((recent.list().len(), recent.forgotten.get()), (MAX_REMEMBERED, 3));
        assert!(recent.list().iter().all(|(digest, _)| *digest != oldest), "the oldest makes room");
        tokio::time::advance(REMEMBERED + Duration::from_millis(1)).await;
        remember();
        assert_eq!((recent.list().len(), recent.forgotten.get()), (1, 3), "those whose minute is over are not counted");
    }

    /// The session may be back at any id that it has left recently, and at the one that the destroy named.
    #[test]
    fn a_destroy_is_remembered_wherever_its_session_was() {
        let [first, second, third] = [(); 3].map(|()| *SessionId::generate().unwrap().digest());
        let places = |asked, left: &[IdDigest]| {
            let recent = RecentDestroys::default();
            recent.remember(asked, third, left.to_vec(), Destroy::new(OpId::generate().unwrap(), EndReason::Logout));
            recent.list().into_iter().map(|(digest, _)| digest).collect::<Vec<_>>()
        };
        assert_eq!(places(third, &[]), [third]);
        assert_eq!(places(third, &[second, first]), [third, second, first]);
        assert_eq!(places(second, &[second, first]), [third, second, first]);
        assert_eq!(places(first, &[second]), [third, first, second]);
    }
}
