//! A server with subscribers.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use futures_util::{StreamExt as _, stream};
use session_core::{
    SessionId,
    model::Delta,
    store::{ApplyOutcome, FeedItem, NewSession, SessionStore as _, Subscription, Update},
};
use session_redis::RedisStore;
use session_testkit::Server;
use tokio::{
    sync::Notify,
    task::AbortHandle,
    time::{Instant, timeout},
};

use super::{Meter, Reading};
use crate::{op, scalars};

const SESSIONS: usize = 64;
const PATIENCE: Duration = Duration::from_secs(30);

/// One server, writing clients and subscribed nodes, each with its own connection.
#[derive(Debug)]
pub struct SubscribedServer {
    callers: Vec<RedisStore>,
    ids: Vec<SessionId>,
    meter: Meter,
    subscribers: Vec<Subscriber>,
    sent: u64,
    _server: Server,
}

#[derive(Debug)]
struct Subscriber {
    received: Arc<(AtomicU64, Notify)>,
    task: AbortHandle,
    _store: RedisStore,
}

impl Drop for Subscriber {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Subscriber {
    async fn start(url: &str) -> Self {
        let store = RedisStore::connect(url).await.expect("a store");
        let subscription = store.feed().expect("a feed").subscribe().await.expect("subscribed");
        let received = Arc::new((AtomicU64::new(0), Notify::new()));
        let task = tokio::spawn(listen(subscription, received.clone())).abort_handle();
        Self { received, task, _store: store }
    }

    async fn has_received(&self, count: u64) {
        while self.received.0.load(Relaxed) < count {
            timeout(PATIENCE, self.received.1.notified()).await.expect("every subscriber receives every change");
        }
    }
}

async fn listen(mut subscription: Subscription, received: Arc<(AtomicU64, Notify)>) {
    while let Some(item) = subscription.next().await {
        assert!(!matches!(item, FeedItem::Gap(..)), "no subscriber is too slow: {item:?}");
        received.0.fetch_add(u64::from(matches!(item, FeedItem::Change(_))), Relaxed);
        received.1.notify_one();
    }
}

impl SubscribedServer {
    /// One writing client and this many subscribers.
    pub async fn start(subscribers: usize) -> Self {
        Self::of(1, subscribers).await
    }

    /// This many writing clients and subscribers.
    pub async fn of(callers: usize, subscribers: usize) -> Self {
        let server = Server::start().await;
        let mut stores = Vec::new();
        for _ in 0..callers {
            stores.push(RedisStore::connect(&server.url()).await.expect("a store"));
        }
        let ids = create(&stores[0], SESSIONS, scalars(8, 29)).await;
        let mut nodes = Vec::new();
        for _ in 0..subscribers {
            nodes.push(Subscriber::start(&server.url()).await);
        }
        let meter = Meter::of([&server]).await;
        Self { callers: stores, ids, meter, subscribers: nodes, sent: 0, _server: server }
    }

    /// Makes `count` updates of one field, `at_once` at a time, until every subscriber has received all of them.
    /// Returns the server CPU time per update.
    pub async fn apply(&mut self, count: usize, at_once: usize) -> Reading {
        self.sent += count as u64;
        let Self { callers, ids, meter, subscribers, sent, .. } = self;
        let callers: Vec<&RedisStore> = callers.iter().collect();
        meter
            .each(count, async {
                apply(&callers, ids, count, at_once).await;
                for subscriber in subscribers {
                    subscriber.has_received(*sent).await;
                }
            })
            .await
    }

    /// The time from the start of an update until it is answered and received by all, in microseconds.
    pub async fn latency(&mut self) -> f64 {
        self.sent += 1;
        let started = Instant::now();
        apply(&[&self.callers[0]], &self.ids, 1, 1).await;
        for subscriber in &self.subscribers {
            subscriber.has_received(self.sent).await;
        }
        started.elapsed().as_secs_f64() * 1e6
    }
}

/// Updates of one field of 29 bytes, by clients in turn.
pub(super) async fn apply(callers: &[&RedisStore], ids: &[SessionId], count: usize, at_once: usize) {
    let one = |n: usize| async move {
        let outcome = callers[n % callers.len()].apply(&ids[n % ids.len()], &Update::new(op(), scalars(1, 29))).await;
        assert!(matches!(outcome, Ok(ApplyOutcome::Applied(applied)) if !applied.repeated));
    };
    stream::iter(0..count).map(one).buffer_unordered(at_once).collect::<()>().await;
}

/// Creates this many sessions.
pub async fn create(store: &RedisStore, count: usize, entries: Delta) -> Vec<SessionId> {
    let one = |_| {
        let entries = entries.clone();
        async move {
            let id = SessionId::generate().expect("an id");
            let new = NewSession { entries, ..NewSession::generate(Default::default()).expect("a session") };
            let _ = store.create(&id, &new).await.expect("created");
            id
        }
    };
    stream::iter(0..count).map(one).buffer_unordered(64).collect().await
}
