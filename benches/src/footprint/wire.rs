//! The footprint on the wire.

use std::time::Duration;

use session_core::{
    LoadOptions, SessionId,
    model::{Delta, Field, Format, Key, Value},
    store::{FeedItem, LoadOutcome, NewSession, SessionStore as _, TouchOptions, Update},
};
use session_redis::{RedisConfig, RedisStore};
use session_testkit::{LinkCutter, Server};

use crate::op;

/// The length of the value that an update sets.
const VALUE: usize = 32;

/// The bytes in both directions, for a session of one size.
#[derive(Clone, Copy, Debug)]
pub struct Wire {
    /// Entries of the session.
    pub entries: f64,
    /// The bytes of their names and encoded values.
    pub payload: f64,
    /// The bytes of the names and encoded values of the update.
    pub delta: f64,
    /// A load.
    pub load: f64,
    /// A conditional load that finds no change.
    pub conditional: f64,
    /// An update of one field.
    pub apply: f64,
    /// A touch.
    pub touch: f64,
    /// The message of that update, to one subscriber.
    pub message: f64,
    /// A heartbeat.
    pub heartbeat: f64,
}

/// Measures a session of 300 B and one of 100 KB.
pub async fn on_the_wire() -> [Wire; 2] {
    [of(8, 32).await, of(400, 250).await]
}

struct Link(LinkCutter);

impl Link {
    async fn bytes(&self, work: impl Future<Output = ()>) -> f64 {
        let before = self.0.bytes_up() + self.0.bytes_down();
        work.await;
        (self.0.bytes_up() + self.0.bytes_down() - before) as f64
    }
}

async fn connect(server: &Server) -> (Link, RedisStore) {
    let link = LinkCutter::to(server.addr()).await;
    // No health check is sent during the measurement.
    let config = RedisConfig::standalone(link.url()).health_interval(Duration::from_secs(3_600));
    (Link(link), RedisStore::builder(config).connect().await.expect("a store"))
}

async fn of(count: usize, bytes: usize) -> Wire {
    let server = Server::start().await;
    let ((link, store), (received, subscriber)) = (connect(&server).await, connect(&server).await);
    let id = SessionId::generate().expect("an id");
    let new =
        NewSession { entries: fields(count, bytes), ..NewSession::generate(Default::default()).expect("a session") };
    let _ = store.create(&id, &new).await.expect("created");
    let apply = || async {
        let _ = store.apply(&id, &Update::new(op(), field())).await.expect("applied");
    };
    apply().await;
    let mut subscription = subscriber.feed().expect("a feed").subscribe().await.expect("subscribed");
    let barriers = subscription.barriers().clone();
    let mut message = 0.0;
    let applied = link
        .bytes(async {
            message = received
                .bytes(async {
                    apply().await;
                    while !matches!(subscription.next().await, Some(FeedItem::Change(_))) {}
                })
                .await;
        })
        .await;
    let record = match store.load(&id, LoadOptions::default()).await {
        Ok(LoadOutcome::Found(found)) => found.record,
        other => panic!("{other:?}"),
    };
    let known = LoadOptions { known: Some(record.stamp()), ..LoadOptions::default() };
    Wire {
        entries: record.state().len() as f64,
        payload: record.state().size_in_bytes() as f64,
        delta: ("theme".len() + VALUE + 1) as f64,
        load: link.bytes(async { drop(store.load(&id, LoadOptions::default()).await.expect("loaded")) }).await,
        conditional: link.bytes(async { drop(store.load(&id, known).await.expect("loaded")) }).await,
        apply: applied,
        touch: link.bytes(async { assert!(store.touch(&id, TouchOptions::default()).await.is_ok()) }).await,
        message,
        heartbeat: received.bytes(async { assert!(barriers.barrier(0).await.is_ok()) }).await,
    }
}

fn field() -> Delta {
    let mut delta = Delta::new();
    delta.set(Field::new("theme").expect("a name"), Value::new(Format::JSON, &[b'7'; VALUE]));
    delta
}

fn fields(count: usize, bytes: usize) -> Delta {
    let mut delta = Delta::new();
    let cart = Field::new("cart").expect("a name");
    for n in 0..count {
        let key = Key::new(&format!("sku-{n:04}")).expect("a key");
        delta.insert(cart.clone(), key, Value::new(Format::JSON, &vec![b'7'; bytes]));
    }
    delta
}
