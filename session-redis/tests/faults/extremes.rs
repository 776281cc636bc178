//! Metadata with extreme numbers, which no store writes. Scripts and clients agree on what can be read: an answer that a
//! session cannot be read means that nothing was changed.

use session_core::{
    Error, ErrorKind, LoadOptions, SessionId,
    model::{EndReason, OpId, Stamp},
    store::{Destroy, Precondition, Rotation, RotationKind, SessionStore as _, TouchOptions, Update},
};
use session_redis::RedisStore;
use session_testkit::{Reply, Server};

use crate::{
    belongings::{Belongings, Listener, key_of, keys},
    rig::{LEASE, PREFIX, alice, create, done, kind, new, op, set, sign_in, signed_in, start, update},
};

/// 2^53 - 1, which means never, and the numbers behind it.
const NEVER: [u8; 7] = [0x1f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff];
const BEYOND: [u8; 7] = [0x20, 0, 0, 0, 0, 0, 0];
const MOST: [u8; 7] = [0xff; 7];

/// A part of the metadata, and bytes in its place. The positions are those that `protocol/meta.rs` documents.
struct Extreme {
    what: &'static str,
    field: &'static str,
    at: usize,
    bytes: &'static [u8],
    readable: bool,
}

const fn extreme(
    what: &'static str,
    (field, at): (&'static str, usize),
    bytes: &'static [u8],
    readable: bool,
) -> Extreme {
    Extreme { what, field, at, bytes, readable }
}

const VERSION: (&str, usize) = ("@", 10);
const TAG: (&str, usize) = ("@", 18);
const IDLE: (&str, usize) = ("@", 34);
const TIMEOUT: (&str, usize) = ("@c", 7);
const ABSOLUTE: (&str, usize) = ("@c", 14);

const EXTREMES: &[Extreme] = &[
    extreme("the greatest incarnation", ("@", 2), &[0xff; 8], true),
    extreme("version 2^53", VERSION, &[0, 0x20, 0, 0, 0, 0, 0, 0], false),
    extreme("version 2^63", VERSION, &[0x80, 0, 0, 0, 0, 0, 0, 0], false),
    extreme("the greatest version", VERSION, &[0xff; 8], false),
    extreme("a tag in capitals", TAG, b"0123456789ABCDEF", false),
    extreme("a tag with another letter", TAG, b"0123456789abcdeg", false),
    extreme("a tag that begins with another character", TAG, b"/123456789abcdef", false),
    extreme("a tag that ends with a blank", TAG, b"0123456789abcde ", false),
    extreme("a tag of zeros", TAG, &[0; 16], false),
    extreme("a tag of no text", TAG, &[0xff; 16], false),
    extreme("an idle deadline that is never", IDLE, &NEVER, true),
    extreme("an idle deadline of 2^53", IDLE, &BEYOND, false),
    extreme("the greatest idle deadline", IDLE, &MOST, false),
    extreme("the greatest numbers of entries and bytes", ("@", 41), &[0xff; 9], true),
    extreme("the greatest time of creation", ("@c", 1), &[0xff; 6], true),
    extreme("an idle timeout of 2^53 - 1", TIMEOUT, &BEYOND, true),
    extreme("an idle timeout of 2^53, which scripts read as 2^53 - 1", TIMEOUT, &[0x20, 0, 0, 0, 0, 0, 1], true),
    extreme("an idle timeout of 2^53 + 1", TIMEOUT, &[0x20, 0, 0, 0, 0, 0, 2], false),
    extreme("an idle timeout of 2^54", TIMEOUT, &[0x40, 0, 0, 0, 0, 0, 0], false),
    extreme("the greatest idle timeout", TIMEOUT, &MOST, false),
    extreme("no deadline at all", TIMEOUT, &[0, 0, 0, 0, 0, 0, 0, 0x1f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff], false),
    extreme("an absolute deadline that is never", ABSOLUTE, &NEVER, true),
    extreme("an absolute deadline of 2^53", ABSOLUTE, &BEYOND, false),
    extreme("the greatest absolute deadline", ABSOLUTE, &MOST, false),
    extreme("the greatest idle timeout and absolute deadline", TIMEOUT, &[0xff; 14], false),
    extreme("listed until 2^56 - 1", ("@c", 21), &MOST, true),
    extreme("moved by the greatest op id", ("@c", 28), &[0xff; 8], true),
    extreme("renewals refused until 2^56 - 1", ("@c", 36), &MOST, true),
];

const OPERATIONS: [&str; 15] = [
    "load",
    "load known",
    "create",
    "sign in",
    "apply",
    "apply nothing",
    "apply picky",
    "apply with a retry",
    "touch",
    "touch for long",
    "renew",
    "rotate with a delta",
    "step up",
    "sign in here",
    "acquire",
];

async fn call(store: &RedisStore, operation: &str, id: &SessionId, stamp: Stamp) -> Result<(), Error> {
    let rotation = |kind| Rotation::new(op(), id.generate_sibling().unwrap(), kind);
    match operation {
        "load" => store.load(id, LoadOptions::default()).await.map(drop),
        "load known" => store.load(id, LoadOptions { known: Some(stamp), ..LoadOptions::default() }).await.map(drop),
        "create" => store.create(id, &new()).await.map(drop),
        "sign in" => store.create(id, &signed_in()).await.map(drop),
        "apply" => store.apply(id, &update("theme", "dark")).await.map(drop),
        "apply nothing" => store.apply(id, &Update::new(op(), Default::default())).await.map(drop),
        "apply picky" => {
            let preconditions = vec![Precondition::Stamp(stamp)];
            store.apply(id, &Update { preconditions, ..update("theme", "dark") }).await.map(drop)
        }
        "apply with a retry" => {
            store.apply(id, &Update { retry_from: Some(stamp), ..update("theme", "dark") }).await.map(drop)
        }
        "touch" => store.touch(id, Default::default()).await.map(drop),
        "touch for long" => {
            let idle = Some(std::time::Duration::from_secs(1 << 40));
            store.touch(id, TouchOptions { idle, ..TouchOptions::default() }).await.map(drop)
        }
        "renew" => store.rotate(id, &rotation(RotationKind::Renew)).await.map(drop),
        "rotate with a delta" => {
            store.rotate(id, &Rotation { delta: set("role", "admin"), ..rotation(RotationKind::Renew) }).await.map(drop)
        }
        "step up" => store.rotate(id, &rotation(RotationKind::Privilege)).await.map(drop),
        "sign in here" => {
            let rotation = Rotation { sign_in: Some(sign_in()), ..rotation(RotationKind::Privilege) };
            store.rotate(id, &rotation).await.map(drop)
        }
        "acquire" => store.lock().unwrap().acquire(id, OpId::from(1), LEASE).await.map(drop),
        other => panic!("no operation {other}"),
    }
}

/// The session of a case: anonymous, signed in, or with an unconfirmed renewal.
async fn prepare(store: &RedisStore, sort: &str) -> (SessionId, Stamp) {
    match sort {
        "anonymous" => create(store, &new()).await,
        "signed in" => create(store, &signed_in()).await,
        _ => {
            let (id, stamp) = create(store, &new()).await;
            let rotation = Rotation::new(op(), id.generate_sibling().unwrap(), RotationKind::Renew);
            done(store.rotate(&id, &rotation).await);
            (rotation.to, stamp)
        }
    }
}

/// Puts the extreme into the session.
async fn spoil(server: &Server, key: &[u8], extreme: &Extreme) {
    let held = server.command(&[b"HGET".as_slice(), key, extreme.field.as_bytes()]).await;
    let Reply::Bulk(mut held) = held else { panic!("{held:?}") };
    held[extreme.at..extreme.at + extreme.bytes.len()].copy_from_slice(extreme.bytes);
    server.command(&[b"HSET".as_slice(), key, extreme.field.as_bytes(), &held]).await.expect("HSET");
}

async fn clear(server: &Server) {
    for key in keys(server, &format!("{PREFIX}:1:*")).await {
        server.command(&[b"DEL".as_slice(), &key]).await.expect("DEL");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_read_is_not_changed() {
    let (server, store) = start().await;
    let mut listener = Listener::to(&server).await;
    let mut wrong = Vec::new();
    for extreme in EXTREMES {
        for sort in ["anonymous", "signed in", "renewed"] {
            for operation in OPERATIONS {
                clear(&server).await;
                let (id, stamp) = prepare(&store, sort).await;
                spoil(&server, &key_of(&server, &id).await, extreme).await;
                let before = Belongings::of(&server).await;
                listener.received().await;
                let outcome = call(&store, operation, &id, stamp).await;
                let mut changed = before.differences(&Belongings::of(&server).await);
                // A sign-in is listed before it is refused; the next reader of the list removes it.
                changed.retain(|key| !key.contains("}:p:") && !key.contains("}:o:"));
                let published = listener.received().await;
                let unreadable = matches!(&outcome, Err(error) if error.kind() == ErrorKind::UnreadableField);
                let what = format!("{}, {sort}, {operation}: {outcome:?}", extreme.what);
                if unreadable && !(changed.is_empty() && published == 0) {
                    wrong.push(format!("{what}, but it was changed"));
                } else if unreadable == extreme.readable {
                    wrong.push(what);
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{} wrong answers:\n{}", wrong.len(), wrong.join("\n"));
}

/// A session that cannot be read can still be ended.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_can_be_ended() {
    let (server, store) = start().await;
    for extreme in EXTREMES.iter().filter(|extreme| !extreme.readable) {
        for by_list in [false, true] {
            clear(&server).await;
            let (id, _) = prepare(&store, "signed in").await;
            spoil(&server, &key_of(&server, &id).await, extreme).await;
            assert_eq!(kind(store.load(&id, LoadOptions::default()).await), ErrorKind::UnreadableField);
            if by_list {
                let index = store.index().unwrap();
                assert!(done(index.revoke(&alice(), id.digest(), EndReason::Revoked).await), "{}", extreme.what);
            } else {
                done(store.destroy(&id, &Destroy::new(op(), EndReason::Logout)).await);
            }
            let loaded = done(store.load(&id, LoadOptions::default()).await);
            assert!(matches!(loaded, session_core::store::LoadOutcome::Absent(_)), "{}: {loaded:?}", extreme.what);
        }
    }
}
