//! Random sequences of requests, sent to a server and to the memory store: both must give the same answers and hold the
//! same sessions. After each sequence, the data on the server must also be consistent.
//!
//! `MODEL_SEED` repeats one run, `MODEL_SEQUENCES` makes it longer.

#![allow(clippy::unwrap_used, reason = "a test that panics has failed")]

mod answer;
mod clients;
mod pair;
mod raw;
mod request;

use session_core::{
    Limits, SessionId,
    model::{Delta, Field, Key, OpId, Value},
    store::{NewSession, Rotation, RotationKind, Update},
};
use session_memory::MemoryStore;
use session_redis::{RedisConfig, RedisStore};
use session_testkit::Server;

use crate::{
    pair::Pair,
    request::{Request, survey},
};

const SEQUENCES: u64 = 40;
const REQUESTS: usize = 80;

fn setting(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().expect("a number"))
}

#[tokio::test]
async fn a_server_does_what_the_memory_store_does() {
    let server = Server::start().await;
    let (first, count) = match (setting("MODEL_SEED"), setting("MODEL_SEQUENCES")) {
        (Some(seed), count) => (seed, count.unwrap_or(1)),
        (None, count) => (fastrand::u64(..1 << 32), count.unwrap_or(SEQUENCES)),
    };
    let store = pair::connect(&server).await;
    let mut met = std::collections::BTreeMap::new();
    for seed in first..first + count {
        let mut pair = Pair::new(seed, &server, &store).await;
        for _ in 0..REQUESTS {
            pair.step(&mut met).await;
        }
    }
    println!("{met:#?}");
}

/// More entries than one command of a script can name.
#[tokio::test]
async fn ten_thousand_entries_are_counted() {
    let server = Server::start().await;
    let limits = Limits { max_session_bytes: 1 << 24, ..Limits::default() };
    let memory = MemoryStore::builder().limits(limits).build().unwrap();
    let redis = RedisStore::builder(RedisConfig::standalone(server.url())).limits(limits).connect().await.unwrap();
    let entries = |from: u32, to: u32, change: &dyn Fn(&mut Delta, Field, Key, u32)| {
        let mut delta = Delta::new();
        for number in from..to {
            let field = Field::new(["cart", "seen"][number as usize % 2]).unwrap();
            change(&mut delta, field, Key::new(&format!("sku-{number}")).unwrap(), number);
        }
        delta
    };
    let put = |delta: &mut Delta, field, key, number: u32| {
        delta.insert(field, key, Value::from(vec![7; number as usize % 5]));
    };
    let take = |delta: &mut Delta, field, key, _| delta.remove_key(field, key);
    let mut replaced = entries(9_000, 17_000, &put);
    let mut cleared = Delta::new();
    cleared.clear(Field::new("cart").unwrap());
    replaced = cleared.then(&replaced);
    let id = SessionId::generate().unwrap();
    let op = |bits| OpId::from(bits);
    let mut new = NewSession { entries: entries(0, 10_000, &put), ..NewSession::generate(Default::default()).unwrap() };
    new.write.op = op(1);
    let to = id.generate_sibling().unwrap();
    let requests = [
        Request::Create(id, new),
        Request::Apply(id, Update::new(op(2), entries(1, 10_000, &take))),
        Request::Apply(id, Update::new(op(3), entries(0, 9_999, &put))),
        Request::Apply(id, Update::new(op(4), entries(20_000, 20_002, &put))),
        Request::Apply(id, Update::new(op(5), entries(0, 4_500, &take))),
        Request::Rotate(id, Rotation { delta: replaced, ..Rotation::new(op(6), to, RotationKind::Renew) }),
    ];
    for request in requests {
        let (expected, answer) = (request.send(&memory).await, request.send(&redis).await);
        assert!(answer.agrees_with(&expected), "{answer:?}\nnot {expected:?}");
        let ids = [id, to];
        let (expected, there) = (survey(&memory, &ids).await, survey(&redis, &ids).await);
        assert!(there == expected, "the states differ");
        raw::check(&server).await.unwrap();
    }
}
