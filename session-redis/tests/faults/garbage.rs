//! A key holds something else, or something that cannot be read: the result is an error, never a missing session, and
//! the key is never changed.

use std::fmt::Debug;

use session_core::{
    Error, ErrorKind, LoadOptions, SessionId,
    model::{Delta, EndReason, OpId, Stamp},
    store::{
        Absent, ApplyOutcome, CreateOutcome, Destroy, DestroyOutcome, FencingToken, LoadOutcome, Precondition,
        Rotation, RotationKind, SessionLock as _, SessionStore as _, Update,
    },
};
use session_redis::RedisStore;
use session_testkit::Server;

use crate::{
    belongings::{Belongings, Listener, key_of, keys, sequence_of, sibling_key},
    rig::{
        LEASE, alice, create, done, draw, field, found, key, kind, load, new, op, sign_in, signed_in, start, update,
        value,
    },
};

struct Scene {
    server: Server,
    store: RedisStore,
    listener: Listener,
    /// A healthy session, its key and its stamp.
    id: SessionId,
    key: Vec<u8>,
    stamp: Stamp,
}

impl Scene {
    async fn set() -> Self {
        let (server, store) = start().await;
        let listener = Listener::to(&server).await;
        let (id, stamp) = create(&store, &new()).await;
        let key = key_of(&server, &id).await;
        Self { server, store, listener, id, key, stamp }
    }

    async fn send(&self, words: &[&[u8]]) {
        self.server.command(words).await.expect("the preparation");
    }

    /// Every operation at this id except those in `but` fails with one of these kinds, and nothing is changed or
    /// published.
    async fn refused(&mut self, what: &str, id: &SessionId, but: &[&str], kinds: &[ErrorKind]) {
        let before = Belongings::of(&self.server).await;
        self.listener.received().await;
        let store = &self.store;
        let rotation = Rotation::new(op(), id.generate_sibling().unwrap(), RotationKind::Renew);
        let known = LoadOptions { known: Some(self.stamp), ..LoadOptions::default() };
        // Retries and preconditions take other paths through the script.
        let picky = Update {
            preconditions: vec![Precondition::Stamp(self.stamp)],
            retry_from: Some(self.stamp),
            ..update("theme", "dark")
        };
        let destroy = Destroy::new(op(), EndReason::Logout);
        let mut delta = Delta::new();
        delta.clear(field("cart"));
        delta.insert(field("cart"), key("sku"), value("1"));
        let clear = Update::new(op(), delta);
        type Outcome<'a> = (&'a str, Option<Error>);
        fn outcome<'a, T: Debug>(name: &'a str, outcome: Result<T, Error>) -> Outcome<'a> {
            (name, outcome.map_err(Some).map_or_else(|error| error, |outcome| panic!("{name}: {outcome:?}")))
        }
        macro_rules! all {
            ($($name:literal: $call:expr),* $(,)?) => {{
                let mut outcomes: Vec<Outcome<'_>> = Vec::new();
                $(if !but.contains(&$name) {
                    outcomes.push(outcome($name, $call.await));
                })*
                outcomes
            }};
        }
        let outcomes = all! {
            "load": store.load(id, Default::default()),
            "load known": store.load(id, known),
            "create": store.create(id, &new()),
            "sign in": store.create(id, &signed_in()),
            "apply": store.apply(id, &update("theme", "dark")),
            "apply picky": store.apply(id, &picky),
            "apply clear": store.apply(id, &clear),
            "touch": store.touch(id, Default::default()),
            "rotate": store.rotate(id, &rotation),
            "destroy": store.destroy(id, &destroy),
            "revoke": store.index().unwrap().revoke(&alice(), id.digest(), EndReason::Revoked),
            "acquire": store.acquire(id, OpId::from(1), LEASE),
        };
        for (name, error) in outcomes {
            let error = error.unwrap();
            assert!(kinds.contains(&error.kind()), "{what}: {name}: {error:?}");
        }
        let mut differences = before.differences(&Belongings::of(&self.server).await);
        // A sign-in is listed before it is refused; the next reader of the list removes it.
        differences.retain(|key| !key.contains("}:p:") && !key.contains("}:o:"));
        assert_eq!(differences, Vec::<String>::new(), "{what}: it was touched");
        assert_eq!(self.listener.received().await, 0, "{what}: something was published");
    }

    /// An id of the healthy session's partition, and its key.
    fn neighbour(&self) -> (SessionId, Vec<u8>) {
        let id = self.id.generate_sibling().unwrap();
        (id, sibling_key(&self.key, &id))
    }
}

/// Other types, and hashes that are no sessions.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn something_else_at_a_session_key() {
    let mut scene = Scene::set().await;
    let things: [(&str, &[&[u8]]); 7] = [
        ("a string", &[b"SET", b"", b"x"]),
        ("a list", &[b"RPUSH", b"", b"x"]),
        ("a set", &[b"SADD", b"", b"x"]),
        ("a sorted set", &[b"ZADD", b"", b"1", b"x"]),
        ("a stream", &[b"XADD", b"", b"1-1", b"x", b"y"]),
        ("a hash without metadata", &[b"HSET", b"", b"=who", b"me"]),
        ("a hash with empty metadata", &[b"HSET", b"", b"@", b""]),
    ];
    for (what, words) in things {
        let (id, place) = scene.neighbour();
        let mut words = words.to_vec();
        words[1] = &place;
        scene.send(&words).await;
        scene.refused(what, &id, &[], &[ErrorKind::UnreadableField, ErrorKind::Configuration]).await;
        // A session cannot move there either.
        let rotation = Rotation::new(op(), id, RotationKind::Renew);
        let refusal = kind(scene.store.rotate(&scene.id, &rotation).await);
        assert!([ErrorKind::UnreadableField, ErrorKind::Configuration].contains(&refusal), "{what}: {refusal:?}");
        assert_eq!(crate::rig::found(&scene.store, &scene.id).await.record.stamp(), scene.stamp);
    }
}

/// Metadata that is truncated anywhere, or has another format byte.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn unreadable_state() {
    let mut scene = Scene::set().await;
    let (id, place) = (scene.id, scene.key.clone());
    let whole = scene.server.command(&[b"HGET".as_slice(), &place, b"@"]).await;
    let session_testkit::Reply::Bulk(whole) = whole else { panic!("{whole:?}") };
    let newer = [b"\x02", &whole[1..]].concat();
    let kind_of_old = [b"\x01Q", &whole[2..]].concat();
    let longer = [&whole[..], b"x"].concat();
    let cut = (0..whole.len()).map(|length| whole[..length].to_vec());
    for state in cut.chain([newer, kind_of_old, longer]) {
        scene.send(&[b"HSET", &place, b"@", &state]).await;
        let what = format!("a state of {} bytes", state.len());
        scene.refused(&what, &id, &[], &[ErrorKind::UnreadableField]).await;
    }
    scene.send(&[b"HSET", &place, b"@", &whole]).await;
    done(scene.store.apply(&id, &update("theme", "dark")).await);
}

/// Constants that are missing, truncated, or of another format. A session with a stamp can still be ended.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn unreadable_constants() {
    let mut scene = Scene::set().await;
    let (id, place) = (scene.id, scene.key.clone());
    let whole = scene.server.command(&[b"HGET".as_slice(), &place, b"@c"]).await;
    let session_testkit::Reply::Bulk(whole) = whole else { panic!("{whole:?}") };
    let newer = [b"\x03", &whole[1..]].concat();
    for constants in [None, Some(Vec::new()), Some(whole[..whole.len() - 1].to_vec()), Some(newer)] {
        match &constants {
            None => scene.send(&[b"HDEL", &place, b"@c"]).await,
            Some(constants) => scene.send(&[b"HSET", &place, b"@c", constants]).await,
        }
        let what = format!("constants {constants:?}");
        // `revoke` finds no principal here, and reports so.
        scene.refused(&what, &id, &["destroy", "revoke"], &[ErrorKind::UnreadableField]).await;
    }
    let destroyed = done(scene.store.destroy(&id, &Destroy::new(op(), EndReason::Logout)).await);
    assert_eq!(destroyed, DestroyOutcome::Destroyed { replicas: None, forwarded: None });
    assert!(matches!(load(&scene.store, &id).await, LoadOutcome::Absent(Absent::NotFound(Some(_)))));
}

/// A session whose expiry another program has removed is not read as one without end. An update, which normally takes
/// the time from the expiry, restores it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_without_expiry() {
    let scene = Scene::set().await;
    scene.send(&[b"PERSIST", &scene.key]).await;
    let known = LoadOptions { known: Some(scene.stamp), ..LoadOptions::default() };
    for options in [LoadOptions::default(), known] {
        assert_eq!(kind(scene.store.load(&scene.id, options).await), ErrorKind::UnreadableField);
    }
    let outcome = done(scene.store.apply(&scene.id, &update("theme", "dark")).await);
    assert!(matches!(outcome, ApplyOutcome::Applied(_)), "{outcome:?}");
    let end = scene.server.command(&[b"PEXPIRETIME".as_slice(), &scene.key]).await.int();
    let deadlines = found(&scene.store, &scene.id).await.record.deadlines();
    assert_eq!(deadlines.expires_at().as_millis() as i64, end);
}

/// A principal or a lock that is truncated or of another format.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn unreadable_extras() {
    let mut scene = Scene::set().await;
    let (id, _) = create(&scene.store, &signed_in()).await;
    let place = key_of(&scene.server, &id).await;
    let principal = scene.server.command(&[b"HGET".as_slice(), &place, b"@p"]).await;
    let session_testkit::Reply::Bulk(principal) = principal else { panic!("{principal:?}") };
    let everything_else = [
        "load",
        "load known",
        "create",
        "sign in",
        "apply",
        "apply picky",
        "apply clear",
        "touch",
        "destroy",
        "acquire",
    ];
    for other in [b"\x02".to_vec(), [b"\x02", &principal[1..]].concat(), principal[..9].to_vec()] {
        scene.send(&[b"HSET", &place, b"@p", &other]).await;
        scene.refused("a principal", &id, &everything_else, &[ErrorKind::UnreadableField]).await;
    }
    scene.send(&[b"HSET", &place, b"@p", &principal]).await;
    let but_the_lock: Vec<&str> =
        everything_else.into_iter().chain(["rotate", "revoke"]).filter(|name| *name != "acquire").collect();
    for lock in [b"\x01".to_vec(), b"\x02".to_vec(), [b"\x02".as_slice(), &[0; 21]].concat()] {
        scene.send(&[b"HSET", &place, b"@l", &lock]).await;
        scene.refused("a lock", &id, &but_the_lock, &[ErrorKind::UnreadableField]).await;
        let token = FencingToken { owner: OpId::from(0), counter: 0 };
        let fenced = Update { preconditions: vec![Precondition::Lock(token)], ..update("theme", "dark") };
        assert_eq!(kind(scene.store.apply(&id, &fenced).await), ErrorKind::UnreadableField);
        assert_eq!(kind(scene.store.renew(&id, token, LEASE).await), ErrorKind::UnreadableField);
    }
}

/// The sequence number is something else: no change is made that could not be published.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn something_else_at_the_sequence() {
    let mut scene = Scene::set().await;
    let sequence = sequence_of(&scene.key);
    let id = scene.id;
    let (signed, _) = create(&scene.store, &signed_in()).await;
    let other_sequence = sequence_of(&key_of(&scene.server, &signed).await);
    let things: [(&str, &[&[u8]]); 5] = [
        ("a word", &[b"SET", b"", b"many"]),
        ("the last number", &[b"SET", b"", b"9223372036854775807"]),
        ("a list", &[b"RPUSH", b"", b"1"]),
        ("a hash", &[b"HSET", b"", b"1", b"1"]),
        ("nothing to count", &[b"SET", b"", b""]),
    ];
    for (what, words) in things {
        for place in [&sequence, &other_sequence] {
            let mut words = words.to_vec();
            words[1] = place;
            scene.send(&[b"DEL", place]).await;
            scene.send(&words).await;
        }
        let kinds = [ErrorKind::Configuration, ErrorKind::Unavailable];
        let silent = ["load", "load known", "create", "sign in", "touch", "acquire", "revoke"];
        scene.refused(what, &id, &silent, &kinds).await;
        let before = Belongings::of(&scene.server).await;
        let (_, index) = ((), scene.store.index().unwrap());
        for refusal in [
            kind(scene.store.apply(&id, &Update { retry_from: Some(scene.stamp), ..update("theme", "dark") }).await),
            kind(scene.store.create(&id.generate_sibling().unwrap(), &new()).await),
            kind(index.revoke(&alice(), signed.digest(), EndReason::Revoked).await),
            kind(index.revoke_all(&alice(), None, EndReason::Revoked).await),
        ] {
            assert!(kinds.contains(&refusal), "{what}: {refusal:?}");
        }
        assert_eq!(before.differences(&Belongings::of(&scene.server).await), Vec::<String>::new(), "{what}");
        assert_eq!(scene.listener.received().await, 0, "{what}");
    }
    scene.send(&[b"DEL", &sequence]).await;
    done(scene.store.apply(&id, &update("theme", "dark")).await);
}

/// A principal's list is of another type, or holds something else.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn something_else_at_a_list() {
    let scene = Scene::set().await;
    create(&scene.store, &signed_in()).await;
    let list = keys(&scene.server, "faults:1:*:p:*").await.pop().unwrap();
    let things: [(&str, &[&[u8]]); 4] = [
        ("a string", &[b"SET", b"", b"x"]),
        ("a list", &[b"RPUSH", b"", b"x"]),
        ("a hash of something", &[b"HSET", b"", b"x", b"y"]),
        ("a hash of truncated entries", &[b"HSET", b"", &[7; 18], b"y"]),
    ];
    for (what, words) in things {
        let mut words = words.to_vec();
        words[1] = &list;
        scene.send(&[b"DEL", &list]).await;
        scene.send(&words).await;
        let before = Belongings::of(&scene.server).await;
        let index = scene.store.index().unwrap();
        let mut refusals = vec![
            kind(index.sessions(&alice(), 10).await),
            kind(index.revoke_all(&alice(), None, EndReason::Revoked).await),
        ];
        if !what.contains("hash") {
            refusals.push(kind(scene.store.create(&draw(), &signed_in()).await));
            let rotation = Rotation::new(op(), scene.id.generate_sibling().unwrap(), RotationKind::Privilege);
            refusals
                .push(kind(scene.store.rotate(&scene.id, &Rotation { sign_in: Some(sign_in()), ..rotation }).await));
        }
        for refusal in refusals {
            assert!([ErrorKind::UnreadableField, ErrorKind::Configuration].contains(&refusal), "{what}: {refusal:?}");
        }
        assert_eq!(before.differences(&Belongings::of(&scene.server).await), Vec::<String>::new(), "{what}");
    }
    // Sessions without a principal are not affected.
    assert!(matches!(done(scene.store.create(&draw(), &new()).await), CreateOutcome::Created(_)));
}

/// A forward that never ends would give access for ever.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_forward_without_an_end() {
    let (server, store) = start().await;
    let (id, _) = create(&store, &new()).await;
    let rotation = Rotation::new(op(), id.generate_sibling().unwrap(), RotationKind::Renew);
    done(store.rotate(&id, &rotation).await);
    found(&store, &id).await;
    server.command(&[b"PERSIST".as_slice(), &key_of(&server, &id).await]).await.expect("PERSIST");
    assert_eq!(kind(store.load(&id, LoadOptions::default()).await), ErrorKind::UnreadableField);
    found(&store, &rotation.to).await;
}
