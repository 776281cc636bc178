//! Permissions are revoked from a connected user.
//!
//! Whatever is revoked, the answer and the data agree: after a refusal nothing has changed, after an unknown outcome a
//! repeat settles it, and after an acknowledgement the change is stored. No key is left without an expiry.

use std::time::Duration;

use session_core::{
    Error, ErrorKind, Expiry, Note, Principal, SessionId, SignIn,
    model::{EndReason, OpId, Timestamp},
    store::{
        AcquireOutcome, Destroy, FencingToken, NewSession, Rotation, RotationKind, SessionLock as _, SessionStore as _,
        TouchOptions, Update,
    },
};
use session_redis::RedisStore;
use session_testkit::Server;

use crate::{
    belongings::{Belongings, keys},
    permissions,
    rig::{
        LEASE, alice, config, connect, create, done, field, found, key, new, op, set, sign_in, signed_in, start,
        update, value,
    },
    whole::{destroy, rotation},
};

/// What is taken away from the user: each command that a script or a read uses, the channels, and the keys.
const REVOKED: [&[&str]; 26] = [
    &["-time"],
    &["-pttl"],
    &["-exists"],
    &["-hmget"],
    &["-hget"],
    &["-hkeys"],
    &["-hlen"],
    &["-hgetall"],
    &["-hset"],
    &["-hdel"],
    &["-del"],
    &["-rename"],
    &["-zadd"],
    &["-zrem"],
    &["-zrange"],
    &["-zcard"],
    &["-zcount"],
    &["-pexpireat"],
    &["-pexpiretime"],
    &["-incr"],
    &["-set"],
    &["-publish"],
    &["-evalsha"],
    &["resetchannels"],
    &["resetkeys"],
    &["resetkeys", "%R~faults:*"],
];

const OPERATIONS: [&str; 23] = [
    "create",
    "create signed in",
    "apply",
    "apply several",
    "apply and remove",
    "apply and confirm",
    "apply through the old id",
    "apply with new deadlines",
    "set deadlines",
    "touch",
    "touch with a note",
    "touch and confirm",
    "renew",
    "step up",
    "sign in",
    "sign in over another",
    "sign in anew",
    "destroy",
    "revoke",
    "revoke all",
    "acquire",
    "renew a lock",
    "release a lock",
];

/// The only operations that a revoked permission stops halfway. Checking it in advance would slow down every update.
const UNKNOWN: [(&str, &str); 2] = [("-pexpireat", "apply"), ("-pexpireat", "apply several")];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn permissions_taken_away_from_a_connected_store() {
    let (server, owner) = start().await;
    grant(&server).await;
    let store = connect(permissions::as_shop(config(server.url()))).await;
    let mut unknown = Vec::new();
    for revoked in REVOKED {
        for operation in OPERATIONS {
            let case = format!("{operation} without {revoked:?}");
            server.command(&["FLUSHDB"]).await;
            let stage = Stage::set(&owner).await;
            let before = Belongings::of(&server).await;
            let words: Vec<&str> = ["ACL", "SETUSER", "shop"].iter().chain(revoked).copied().collect();
            server.command(&words).await.expect("ACL SETUSER");
            let outcome = stage.run(&store, operation).await;
            let changed = changes(&server, &before).await;
            match &outcome {
                Ok(()) => assert!(changed, "{case} is acknowledged and not stored"),
                Err(error) if error.kind() == ErrorKind::OutcomeUnknown => unknown.push((revoked[0], operation)),
                Err(error) => {
                    assert_eq!(error.kind(), ErrorKind::Configuration, "{case}: {error:?}");
                    assert!(!changed, "{case} is refused and has changed something");
                }
            }
            assert_eq!(immortal(&server).await, Vec::<String>::new(), "{case}");
            done(owner.load(&stage.id, Default::default()).await);

            grant(&server).await;
            let repeated = stage.run(&store, operation).await;
            repeated.unwrap_or_else(|error| panic!("{case}, repeated with the permission: {error:?}"));
            assert!(changes(&server, &before).await, "{case}, repeated");
            assert_eq!(immortal(&server).await, Vec::<String>::new(), "{case}, repeated");
        }
    }
    assert_eq!(unknown, UNKNOWN);
}

/// The change is stored and acknowledged. It is counted, and other nodes see a gap.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn changes_that_cannot_be_published_are_counted() {
    let (server, owner) = start().await;
    grant(&server).await;
    let store = connect(permissions::as_shop(config(server.url()))).await;
    let (id, stamp) = create(&owner, &new()).await;
    server.command(&["ACL", "SETUSER", "shop", "-publish"]).await.expect("ACL SETUSER");
    done(store.apply(&id, &update("theme", "dark")).await);
    done(store.destroy(&id, &destroy()).await);
    assert_eq!((store.stats().unpublished, owner.stats().unpublished), (2, 0));
    grant(&server).await;
    let (id, _) = create(&store, &new()).await;
    assert_ne!(found(&owner, &id).await.record.stamp(), stamp);
    assert_eq!(store.stats().unpublished, 2);
}

/// An update that could not renew the deadline leaves the one that the key has. The store's clock is computed from both.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_deadline_that_could_not_be_renewed_stays() {
    let (server, owner) = start().await;
    grant(&server).await;
    let store = connect(permissions::as_shop(config(server.url()))).await;
    let (id, _) = create(&owner, &new()).await;
    let idle = |found: &session_core::store::Found| found.record.deadlines();
    let before = found(&owner, &id).await;
    server.command(&["ACL", "SETUSER", "shop", "-pexpireat"]).await.expect("ACL SETUSER");
    later(&owner, &id, before.now).await;
    let change = update("theme", "dark");
    let error = store.apply(&id, &change).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::OutcomeUnknown);
    assert!(error.to_string().contains("PEXPIREAT"), "{error}");
    let after = found(&owner, &id).await;
    assert_eq!(idle(&after), idle(&before));
    assert_eq!(after.record.stamp().version(), before.record.stamp().version() + 1);
    let repeated = done(store.apply(&id, &change).await);
    assert!(matches!(repeated, session_core::store::ApplyOutcome::Applied(applied) if applied.repeated));
}

/// A user that may not load scripts any more is told so when the server has forgotten them.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn scripts_that_may_not_be_loaded_again() {
    let (server, owner) = start().await;
    grant(&server).await;
    let store = connect(permissions::as_shop(config(server.url()))).await;
    let (id, _) = create(&owner, &new()).await;
    server.command(&["ACL", "SETUSER", "shop", "-script|load"]).await.expect("ACL SETUSER");
    server.command(&["SCRIPT", "FLUSH"]).await;
    let error = store.apply(&id, &update("theme", "dark")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Configuration, "{error:?}");
    grant(&server).await;
    done(store.apply(&id, &update("theme", "dark")).await);
}

async fn grant(server: &Server) {
    let rule = permissions::rule();
    let words: Vec<&str> = ["ACL", "SETUSER"].into_iter().chain(rule.split(' ')).collect();
    server.command(&words).await.expect("ACL SETUSER");
}

/// Whether a session has changed. A number of a sequence may be skipped, which shows as a gap; a principal's list may name
/// an id that holds no session, which heals.
async fn changes(server: &Server, before: &Belongings) -> bool {
    let mut differences = before.differences(&Belongings::of(server).await);
    differences.retain(|key| !key.ends_with("}:q") && !key.contains("}:p:") && !key.contains("}:o:"));
    !differences.is_empty()
}

/// The keys without an expiry, except the sequences and the layout.
async fn immortal(server: &Server) -> Vec<String> {
    let mut found = Vec::new();
    for key in keys(server, "*").await {
        let is_eternal = key.ends_with(b"}:q") || key.ends_with(b":layout");
        if !is_eternal && server.command(&[b"PTTL".as_slice(), &key]).await.int() < 0 {
            found.push(key.escape_ascii().to_string());
        }
    }
    found
}

/// Waits until the store's clock has moved on, so that a deadline moves too.
async fn later(store: &RedisStore, id: &SessionId, than: Timestamp) {
    while found(store, id).await.now <= than {}
}

/// Sessions to work on, and requests, which may be repeated.
struct Stage {
    id: SessionId,
    signed: SessionId,
    /// The old id of a session whose renewal is unconfirmed, and the new one.
    old: SessionId,
    renewed: SessionId,
    /// The new id of creates and rotations, in the partition of `id`: its sequence exists already.
    to: SessionId,
    /// The same in the partition of `signed`.
    signed_to: SessionId,
    token: FencingToken,
    create: NewSession,
    op: OpId,
}

impl Stage {
    async fn set(store: &RedisStore) -> Self {
        let mut entries = set("who", "me");
        entries.insert(field("cart"), key("sku"), value("1"));
        let (id, _) = create(store, &NewSession { entries, ..new() }).await;
        let (signed, _) = create(store, &signed_in()).await;
        let (old, _) = create(store, &new()).await;
        let renewal = rotation(&old, RotationKind::Renew);
        done(store.rotate(&old, &renewal).await);
        let AcquireOutcome::Acquired(token) = done(store.acquire(&signed, op(), LEASE).await) else { panic!("free") };
        let (to, signed_to) = (id.generate_sibling().unwrap(), signed.generate_sibling().unwrap());
        let begun = found(store, &renewal.to).await.now;
        later(store, &renewal.to, begun).await;
        Self { id, signed, old, renewed: renewal.to, to, signed_to, token, create: new(), op: op() }
    }

    fn rotation(&self, to: &SessionId, kind: RotationKind) -> Rotation {
        Rotation::new(self.op, *to, kind)
    }

    fn update(&self) -> Update {
        Update::new(self.op, set("theme", "dark"))
    }

    async fn run(&self, store: &RedisStore, operation: &str) -> Result<(), Error> {
        let Self { id, signed, old, renewed, to, signed_to, .. } = self;
        let mut several = set("theme", "dark");
        several.set(field("size"), value("large"));
        let mut removing = set("theme", "dark");
        removing.clear(field("cart"));
        removing.remove(field("who"));
        let longer = TouchOptions { idle: Some(Duration::from_secs(7_200)), ..TouchOptions::default() };
        let noted = TouchOptions { note: Some(Note::new(b"here".as_slice()).unwrap()), ..longer.clone() };
        let long = Expiry::both(Duration::from_secs(90_000), Duration::from_secs(900_000));
        let bob = SignIn::new(Principal::new("bob").unwrap());
        let signing_in =
            |to, sign_in| Rotation { sign_in: Some(sign_in), ..self.rotation(to, RotationKind::Privilege) };
        let index = store.index().unwrap();
        match operation {
            "create" => store.create(to, &self.create).await.map(drop),
            "create signed in" => {
                store.create(to, &NewSession { sign_in: Some(sign_in()), ..self.create.clone() }).await.map(drop)
            }
            "apply" => store.apply(id, &self.update()).await.map(drop),
            "apply several" => store.apply(id, &Update::new(self.op, several)).await.map(drop),
            "apply and remove" => store.apply(id, &Update::new(self.op, removing)).await.map(drop),
            "apply and confirm" => store.apply(renewed, &self.update()).await.map(drop),
            "apply through the old id" => store.apply(old, &self.update()).await.map(drop),
            "apply with new deadlines" => {
                store.apply(id, &Update { expiry: Some(long), ..self.update() }).await.map(drop)
            }
            // They outlive the entry in the principal's list.
            "set deadlines" => {
                let update = Update { expiry: Some(long), ..Update::new(self.op, Default::default()) };
                store.apply(signed, &update).await.map(drop)
            }
            "touch" => store.touch(id, longer).await.map(drop),
            "touch with a note" => store.touch(signed, noted).await.map(drop),
            "touch and confirm" => store.touch(renewed, longer).await.map(drop),
            "renew" => {
                let renewal = Rotation { delta: removing, ..self.rotation(to, RotationKind::Renew) };
                store.rotate(id, &renewal).await.map(drop)
            }
            "step up" => store.rotate(id, &self.rotation(to, RotationKind::Privilege)).await.map(drop),
            "sign in" => store.rotate(id, &signing_in(to, sign_in())).await.map(drop),
            "sign in over another" => store.rotate(signed, &signing_in(signed_to, bob)).await.map(drop),
            "sign in anew" => {
                let nowhere = to.generate_sibling().unwrap();
                store.rotate(&nowhere, &signing_in(to, sign_in())).await.map(drop)
            }
            "destroy" => store.destroy(id, &Destroy::new(self.op, EndReason::Logout)).await.map(drop),
            "revoke" => index.revoke(&alice(), signed.digest(), EndReason::Revoked).await.map(drop),
            "revoke all" => index.revoke_all(&alice(), None, EndReason::Revoked).await.map(drop),
            "acquire" => store.acquire(id, self.op, LEASE).await.map(drop),
            "renew a lock" => store.renew(signed, self.token, LEASE * 2).await.map(drop),
            "release a lock" => store.release(signed, self.token).await.map(drop),
            other => panic!("no such operation: {other}"),
        }
    }
}
