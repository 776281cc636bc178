//! The server is emptied, or restored to an older state, under a live feed.

use std::collections::HashMap;

use session_core::{
    SessionId,
    model::{EndReason, IdDigest, Stamp, State},
    store::{Absent, Destroy, FeedItem, GapCause, LoadOutcome, SessionStore, Subscription},
};
use session_redis::RedisStore;
use session_testkit::{Persistence, Reply, Server};

use crate::{
    belongings::{key_of, sequence_of},
    rig::{config, connect, create, done, found, guarded, load, new, op, start, until, update},
};

/// The copies of a cache: patched by changes that fit, and dropped after changes that do not, and after gaps.
struct Follower {
    feed: Subscription,
    partitions: u32,
    copies: HashMap<IdDigest, (Stamp, State)>,
    gaps: Vec<GapCause>,
}

impl Follower {
    async fn of(store: &RedisStore) -> Self {
        let feed = SessionStore::feed(store).unwrap();
        let partitions = feed.partitions();
        Self { feed: done(feed.subscribe().await), partitions, copies: HashMap::new(), gaps: Vec::new() }
    }

    async fn fill(&mut self, store: &RedisStore, id: &SessionId) {
        // So that no older change is still in transit.
        self.catch_up(id).await;
        let found = found(store, id).await;
        self.copies.insert(*id.digest(), (found.record.stamp(), found.record.state().clone()));
    }

    fn partition(&self, digest: &IdDigest) -> u16 {
        digest.partition() & (self.partitions - 1) as u16
    }

    /// Processes everything that was published before now in the partition of a session.
    async fn catch_up(&mut self, id: &SessionId) {
        let partition = self.partition(id.digest());
        let barriers = self.feed.barriers().clone();
        // While the feed reconnects, no barrier is possible.
        let ask = async move {
            loop {
                if let Ok(barrier) = barriers.barrier(partition).await {
                    break barrier;
                }
                tokio::time::sleep(std::time::Duration::from_millis(10)).await;
            }
        };
        let barrier = guarded("the barrier is asked for", ask).await;
        loop {
            match guarded("the barrier comes", self.feed.next()).await.unwrap() {
                FeedItem::Barrier(_, seen) if seen == barrier => return,
                item => self.take(item),
            }
        }
    }

    fn take(&mut self, item: FeedItem) {
        match item {
            FeedItem::Change(change) => {
                let copy = self.copies.remove(&change.digest);
                if let (Some((stamp, mut state)), Some(delta)) = (copy, &change.delta)
                    && change.before == Some(stamp)
                    && let Some(after) = change.after
                {
                    delta.apply_to(&mut state);
                    self.copies.insert(change.digest, (after, state));
                }
            }
            FeedItem::Gap(partition, cause) => {
                self.gaps.push(cause);
                let low = (self.partitions - 1) as u16;
                self.copies
                    .retain(|digest, _| partition.is_some_and(|partition| digest.partition() & low != partition));
            }
            _ => {}
        }
    }

    /// Each copy equals the state in the store.
    async fn check(&self, store: &RedisStore, ids: &[&SessionId]) {
        for id in ids {
            let Some((stamp, state)) = self.copies.get(id.digest()) else { continue };
            match load(store, id).await {
                LoadOutcome::Found(found) => {
                    assert_eq!((found.record.stamp(), found.record.state()), (*stamp, state), "a stale or wrong copy");
                }
                other => panic!("a copy of what is not there: {other:?}"),
            }
        }
    }
}

async fn write(store: &RedisStore, id: &SessionId, updates: std::ops::Range<u32>) {
    for number in updates {
        done(store.apply(id, &update("step", &number.to_string())).await);
    }
}

async fn dump(server: &Server, key: &[u8]) -> (Vec<u8>, String) {
    let Reply::Bulk(dump) = server.command(&[b"DUMP".as_slice(), key]).await else { panic!("there is a key") };
    (dump, server.command(&[b"PEXPIRETIME".as_slice(), key]).await.int().max(0).to_string())
}

async fn restore(server: &Server, key: &[u8], (dump, end): &(Vec<u8>, String)) {
    let words = [b"RESTORE".as_slice(), key, end.as_bytes(), dump, b"REPLACE", b"ABSTTL"];
    server.command(&words).await.expect("RESTORE");
}

/// The keys of a session and of its sequence are restored. Then the same versions are reached by another history.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keys_are_put_back() {
    for with_sequence in [false, true] {
        let (server, store) = start().await;
        let mut follower = Follower::of(&store).await;
        let (id, _) = create(&store, &new()).await;
        follower.fill(&store, &id).await;
        write(&store, &id, 0..3).await;
        follower.catch_up(&id).await;
        let key = key_of(&server, &id).await;
        let old = (dump(&server, &key).await, dump(&server, &sequence_of(&key)).await);
        write(&store, &id, 3..6).await;
        follower.catch_up(&id).await;
        follower.check(&store, &[&id]).await;
        let before = follower.copies[id.digest()].0;
        assert_eq!((before.version(), &follower.gaps[..]), (7, &[][..]), "patched all the way");

        restore(&server, &key, &old.0).await;
        if with_sequence {
            restore(&server, &sequence_of(&key), &old.1).await;
        }
        // As many changes as were undone: version and sequence are the same as before, and the history is another.
        write(&store, &id, 10..13).await;
        follower.catch_up(&id).await;
        let after = found(&store, &id).await.record.stamp();
        assert_eq!(after.version(), before.version());
        assert_ne!(after, before);
        follower.check(&store, &[&id]).await;
        assert_eq!(follower.gaps.contains(&GapCause::Missed), with_sequence, "{:?}", follower.gaps);
        // Afterwards a new copy is patched again.
        follower.fill(&store, &id).await;
        write(&store, &id, 20..23).await;
        follower.catch_up(&id).await;
        assert_eq!(follower.copies[id.digest()].0, found(&store, &id).await.record.stamp());
        follower.check(&store, &[&id]).await;
    }
}

/// All keys are flushed, and no client writes: the next barrier reports it. Then the sequence starts anew, far from
/// where it was.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn flushed() {
    let (server, store) = start().await;
    let mut follower = Follower::of(&store).await;
    let (id, _) = create(&store, &new()).await;
    follower.fill(&store, &id).await;
    write(&store, &id, 0..3).await;
    follower.catch_up(&id).await;
    assert_eq!((follower.copies.len(), &follower.gaps[..]), (1, &[][..]));
    server.command(&["FLUSHALL"]).await;
    follower.catch_up(&id).await;
    assert_eq!(follower.gaps, [GapCause::Missed]);
    assert!(follower.copies.is_empty());
    assert_eq!(load(&store, &id).await, LoadOutcome::Absent(Absent::NotFound(None)));

    // The same id again, within one partition: the new session is not taken for the old one.
    follower.gaps.clear();
    let reborn = new();
    done(store.create(&id, &reborn).await);
    write(&store, &id, 0..2).await;
    follower.fill(&store, &id).await;
    server.command(&["FLUSHALL"]).await;
    done(store.create(&id, &new()).await);
    follower.catch_up(&id).await;
    assert_eq!(follower.gaps, [GapCause::Missed]);
    follower.check(&store, &[&id]).await;
}

/// The server goes back to an old snapshot while its connections stay open. The jump of the sequence shows it, and the
/// store ends again what it has destroyed since.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reloaded_from_an_old_snapshot_without_a_reconnect() {
    let server = Server::builder().persistence(Persistence::Rdb).start().await;
    let store = connect(config(server.url())).await;
    let mut follower = Follower::of(&store).await;
    let (id, _) = create(&store, &new()).await;
    server.command(&["SAVE"]).await.expect("SAVE");
    done(store.destroy(&id, &Destroy::new(op(), EndReason::Logout)).await);
    follower.catch_up(&id).await;
    server.command(&["DEBUG", "RELOAD", "NOSAVE"]).await.expect("DEBUG RELOAD");
    follower.catch_up(&id).await;
    assert_eq!(follower.gaps, [GapCause::Missed], "no connection was lost");
    until("the destroy is repeated", || store.stats().destroys_undone == 1).await;
    assert!(matches!(load(&store, &id).await, LoadOutcome::Absent(Absent::NotFound(Some(_)))));
}

/// The server is restored from an old snapshot.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn restarted_from_an_old_snapshot() {
    let server = Server::builder().persistence(Persistence::Rdb).start().await;
    let store = connect(config(server.url())).await;
    let mut follower = Follower::of(&store).await;
    let (id, _) = create(&store, &new()).await;
    write(&store, &id, 0..3).await;
    server.command(&["SAVE"]).await.expect("SAVE");
    let (later, _) = create(&store, &new()).await;
    write(&store, &id, 3..6).await;
    for session in [&id, &later] {
        follower.catch_up(session).await;
        follower.fill(&store, session).await;
    }
    server.restart().await;
    write(&store, &id, 10..13).await;
    follower.catch_up(&id).await;
    assert!(!follower.gaps.is_empty(), "an outage is a gap");
    follower.check(&store, &[&id, &later]).await;
    assert_eq!(load(&store, &later).await, LoadOutcome::Absent(Absent::NotFound(None)));
    assert_eq!(found(&store, &id).await.record.stamp().version(), 7);
    follower.fill(&store, &id).await;
    write(&store, &id, 20..22).await;
    follower.catch_up(&id).await;
    assert_eq!(follower.copies[id.digest()].0.version(), 9);
    follower.check(&store, &[&id]).await;
}
