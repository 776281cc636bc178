//! Permissions are revoked from a connected user.

use std::time::Duration;

use session_core::{
    Error, ErrorKind, SessionId,
    model::{EndReason, OpId},
    store::{NewSession, Rotation, RotationKind, SessionLock as _, SessionStore as _, TouchOptions, Update},
};
use session_redis::RedisStore;
use session_testkit::Server;

use crate::{
    belongings::Belongings,
    permissions,
    rig::{LEASE, alice, config, connect, create, field, key, new, op, set, sign_in, signed_in, update, value},
    whole::{destroy, rotation},
};

/// The permissions that a script uses, in the order of the rule.
const USED: [&str; 21] = [
    "time",
    "pttl",
    "exists",
    "hmget",
    "hget",
    "hkeys",
    "hlen",
    "hset",
    "hdel",
    "del",
    "rename",
    "zadd",
    "zrem",
    "zrange",
    "zcard",
    "zcount",
    "pexpireat",
    "pexpiretime",
    "incr",
    "set",
    "publish",
];

/// Permissions that are revoked while the store is connected, and the operations that then stop halfway. All others
/// stop before their first write, except for the sequence, where a missing number is reported as a gap, and the list of
/// a principal, which heals.
///
/// A store that connects later is not affected: it is refused. Left behind are sessions that read as an error (created,
/// or moved, without an expiry), sessions that have moved or changed without a message, and sessions that have ended
/// without a tombstone.
const HALF_DONE: &[(&str, &[&str])] = &[
    ("hset", &["clear", "rotate", "destroy", "revoke"]),
    ("hdel", &["rotate"]),
    ("pexpireat", &["create", "apply", "clear", "touch", "rotate", "destroy", "revoke"]),
    ("publish", &["create", "sign in", "apply", "clear", "rotate", "sign in again", "destroy", "revoke"]),
];

/// The missing permission is reported at once, or what the operation has done so far is known.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn permissions_taken_away_from_a_connected_store() {
    let server = Server::start().await;
    let owner = connect(config(server.url())).await;
    let mut half_done: Vec<(&str, Vec<&str>)> = Vec::new();
    for command in USED {
        let rule = permissions::rule();
        let words: Vec<&str> = ["ACL", "SETUSER"].into_iter().chain(rule.split(' ')).collect();
        server.command(&words).await.expect("ACL SETUSER");
        let store = connect(permissions::as_shop(config(server.url()))).await;
        let mut found = Vec::new();
        for operation in OPERATIONS {
            server.command(&words).await.expect("ACL SETUSER");
            server.command(&["FLUSHDB"]).await;
            let stage = Stage::set(&owner).await;
            let before = Belongings::of(&server).await;
            server.command(&["ACL", "SETUSER", "shop", &format!("-{command}")]).await.expect("ACL SETUSER");
            let outcome = stage.run(&store, operation).await;
            let mut differences = before.differences(&Belongings::of(&server).await);
            differences.retain(|key| !key.ends_with("}:q") && !key.contains("}:p:") && !key.contains("}:o:"));
            if let Err(error) = outcome {
                assert_eq!(error.kind(), ErrorKind::Configuration, "{command}, {operation}: {error:?}");
                if !differences.is_empty() {
                    found.push(operation);
                }
            }
        }
        if !found.is_empty() {
            half_done.push((command, found));
        }
    }
    let half_done: Vec<_> = half_done.iter().map(|(command, found)| (*command, found.as_slice())).collect();
    assert_eq!(half_done, HALF_DONE);
}

const OPERATIONS: [&str; 10] =
    ["create", "sign in", "apply", "clear", "touch", "rotate", "sign in again", "destroy", "revoke", "acquire"];

/// Sessions to work on.
struct Stage {
    id: SessionId,
    signed: SessionId,
}

impl Stage {
    async fn set(store: &RedisStore) -> Self {
        let mut entries = set("who", "me");
        entries.insert(field("cart"), key("sku"), value("1"));
        let (id, _) = create(store, &NewSession { entries, ..new() }).await;
        let (signed, _) = create(store, &signed_in()).await;
        Self { id, signed }
    }

    async fn run(&self, store: &RedisStore, operation: &str) -> Result<(), Error> {
        let id = &self.id;
        let mut clear = set("theme", "dark");
        clear.clear(field("cart"));
        clear.remove(field("who"));
        let longer = TouchOptions { idle: Some(Duration::from_secs(7_200)), ..TouchOptions::default() };
        let revoked = store.index().unwrap();
        match operation {
            // The same partition, so that its sequence exists already.
            "create" => store.create(&id.generate_sibling().unwrap(), &new()).await.map(drop),
            "sign in" => store.create(&id.generate_sibling().unwrap(), &signed_in()).await.map(drop),
            "apply" => {
                // So that the deadline moves.
                tokio::time::sleep(Duration::from_millis(3)).await;
                store.apply(id, &update("theme", "dark")).await.map(drop)
            }
            "clear" => {
                tokio::time::sleep(Duration::from_millis(3)).await;
                store.apply(id, &Update::new(op(), clear)).await.map(drop)
            }
            "touch" => store.touch(id, longer).await.map(drop),
            "rotate" => {
                store.rotate(id, &Rotation { delta: clear, ..rotation(id, RotationKind::Renew) }).await.map(drop)
            }
            "sign in again" => store
                .rotate(id, &Rotation { sign_in: Some(sign_in()), ..rotation(id, RotationKind::Privilege) })
                .await
                .map(drop),
            "destroy" => store.destroy(id, &destroy()).await.map(drop),
            "revoke" => revoked.revoke(&alice(), self.signed.digest(), EndReason::Revoked).await.map(drop),
            "acquire" => store.acquire(id, OpId::from(1), LEASE).await.map(drop),
            other => panic!("no such operation: {other}"),
        }
    }
}
