//! The limits of a store were lowered after a session was stored.

use session_core::{
    ErrorKind, Limits,
    model::Delta,
    store::{NewSession, Rotation, RotationKind, SessionStore as _, Update},
};
use session_redis::RedisStore;

use crate::rig::{config, create, done, field, found, key, kind, new, op, start, value};

fn entries(numbers: std::ops::Range<u32>, text: &str) -> Delta {
    let mut delta = Delta::new();
    for number in numbers {
        delta.insert(field("cart"), key(&number.to_string()), value(text));
    }
    delta
}

fn without(number: u32) -> Delta {
    let mut delta = Delta::new();
    delta.remove_key(field("cart"), key(&number.to_string()));
    delta
}

/// A session above a limit may shrink, or change without growing, and may not grow.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_over_a_limit_can_be_emptied() {
    let few = Limits { max_entries: 4, ..Limits::default() };
    let small = Limits { max_session_bytes: 40, ..Limits::default() };
    for tight in [few, small] {
        let (server, roomy) = start().await;
        let (id, _) = create(&roomy, &NewSession { entries: entries(0..20, "12"), ..new() }).await;
        let store = RedisStore::builder(config(server.url())).limits(tight).connect().await.unwrap();
        let apply = async |delta: Delta| store.apply(&id, &Update::new(op(), delta)).await;
        assert_eq!(kind(apply(entries(30..31, "")).await), ErrorKind::LimitExceeded, "one more");
        done(apply(without(1)).await);
        done(apply(entries(2..3, "34")).await);
        done(apply(without(3).then(&entries(30..31, ""))).await);
        assert_eq!(kind(apply(entries(40..42, "12").then(&without(4))).await), ErrorKind::LimitExceeded, "grown");
        let rotation = Rotation::new(op(), id.generate_sibling().unwrap(), RotationKind::Renew);
        let grown = Rotation { delta: entries(40..41, "12"), ..rotation.clone() };
        assert_eq!(kind(store.rotate(&id, &grown).await), ErrorKind::LimitExceeded);
        done(store.rotate(&id, &Rotation { delta: without(5), ..rotation }).await);
        assert_eq!(found(&store, &id).await.record.state().len(), 18);
    }
}
