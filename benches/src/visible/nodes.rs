//! Two nodes: one writes, the other has copies of all sessions.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Instant,
};

use futures_util::{StreamExt as _, stream};
use session_core::{
    LoadOptions, SessionId,
    model::{IdDigest, Stamp},
    store::{ApplyOutcome, CreateOutcome, FeedItem, LoadOutcome, NewSession, SessionStore as _, Subscription, Update},
};
use session_redis::RedisStore;
use session_testkit::Server;
use session_tiered::TieredStore;
use tokio::task::yield_now;

use super::Arrivals;
use crate::{Tapped, op, scalars};

/// The sessions, written in turn, so that two writes of one session hardly ever overlap.
const SESSIONS: usize = 64;

/// The time at which the write was sent that leads to this version.
type Sent = Arc<Mutex<HashMap<(IdDigest, u64), Instant>>>;

/// A writer and a reader.
#[derive(Debug)]
pub struct Nodes {
    writer: TieredStore<RedisStore>,
    reader: TieredStore<Tapped<RedisStore>>,
    /// Each session with its version. Writes are made one at a time, so that the resulting version is known before the
    /// write is sent.
    sessions: Vec<(SessionId, tokio::sync::Mutex<u64>)>,
    next: AtomicUsize,
    sent: Sent,
    last: Mutex<HashMap<IdDigest, Stamp>>,
    pub(super) arrivals: Arrivals,
}

impl Nodes {
    /// Connects both and fills the reader's cache.
    pub async fn start(server: &Server) -> Self {
        let (sent, arrivals) = (Sent::default(), Arrivals::default());
        let tap = {
            let (sent, arrivals) = (sent.clone(), arrivals.clone());
            move |subscription| tapped(subscription, sent.clone(), arrivals.clone())
        };
        let writer = TieredStore::new(RedisStore::connect(&server.url()).await.unwrap());
        let reader = TieredStore::new(Tapped::new(RedisStore::connect(&server.url()).await.unwrap(), tap));
        let mut sessions = Vec::new();
        for _ in 0..SESSIONS {
            let id = SessionId::generate().unwrap();
            let new = NewSession { entries: scalars(8, 29), ..NewSession::generate(Default::default()).unwrap() };
            match writer.create(&id, &new).await.unwrap() {
                CreateOutcome::Created(created) => sessions.push((id, created.stamp.version().into())),
                other => panic!("{other:?}"),
            }
        }
        let nodes =
            Self { writer, reader, sessions, next: AtomicUsize::new(0), sent, last: Mutex::default(), arrivals };
        nodes.warm_up().await;
        nodes
    }

    /// Loads until the reader answers everything locally.
    async fn warm_up(&self) {
        loop {
            let before = self.reader.stats().misses;
            for (id, _) in &self.sessions {
                let _ = self.reader.load(id, LoadOptions::default()).await.unwrap();
            }
            if self.reader.stats().misses == before {
                return;
            }
            yield_now().await;
        }
    }

    /// One update.
    pub async fn commit(&self) {
        let (id, version) = &self.sessions[self.next.fetch_add(1, Ordering::Relaxed) % SESSIONS];
        let update = Update::new(op(), scalars(1, 29));
        let mut last = version.lock().await;
        let version = *last + 1;
        *last = version;
        self.sent.lock().unwrap().insert((*id.digest(), version), Instant::now());
        match self.writer.apply(id, &update).await.unwrap() {
            ApplyOutcome::Applied(applied) => {
                assert_eq!(applied.stamp.version(), version);
                self.last.lock().unwrap().insert(*id.digest(), applied.stamp);
            }
            other => panic!("{other:?}"),
        }
    }

    /// Verifies that every change was patched in: the reader has the last write. The store first validates copies older
    /// than `max_age`.
    pub async fn verify(&self) {
        let last = self.last.lock().unwrap().clone();
        let stats = self.reader.stats();
        assert_eq!((stats.gaps, stats.evicted), (0, 0), "{stats:?}");
        for (id, _) in self.sessions.iter().filter(|(id, _)| last.contains_key(id.digest())) {
            match self.reader.load(id, LoadOptions::default()).await.unwrap() {
                LoadOutcome::Found(found) => assert_eq!(found.record.stamp(), last[id.digest()]),
                other => panic!("{other:?}"),
            }
        }
        // If a copy had missed a change, the store would have sent another state.
        let after = self.reader.stats();
        assert_eq!(after.misses - stats.misses, after.revalidated - stats.revalidated, "{after:?}");
    }
}

/// The same items. When the listener polls for the next item, it has finished with the previous one.
fn tapped(subscription: Subscription, sent: Sent, arrivals: Arrivals) -> stream::BoxStream<'static, FeedItem> {
    let next = move |(mut subscription, taken): (Subscription, Option<(IdDigest, u64)>)| {
        if let Some(sent) = taken.and_then(|change| sent.lock().unwrap().remove(&change)) {
            arrivals.note(sent);
        }
        async move {
            let item = subscription.next().await?;
            let change = match &item {
                FeedItem::Change(change) => change.after.map(|after| (change.digest, after.version())),
                _ => None,
            };
            Some((item, (subscription, change)))
        }
    };
    stream::unfold((subscription, None), next).boxed()
}
