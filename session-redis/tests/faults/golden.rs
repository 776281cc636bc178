//! Version 1 of everything that is stored and published, byte for byte. The files in `tests/golden/` stay: later
//! versions must write and read them too, or use another format byte and additional files of their own.
//!
//! A line is a field and its bytes in hexadecimal. A name in braces replaces a time, a sequence number or an origin,
//! which differ from run to run.

use std::{fmt::Write as _, time::Duration};

use session_core::{
    Expiry, SessionId,
    model::{EndReason, Incarnation, OpId, Stamp, Value},
    store::{
        Absent, AcquireOutcome, ChangeKind, CreateOutcome, Destroy, FeedItem, LoadOutcome, NewSession, RotateOutcome,
        Rotation, RotationKind, SessionChange, SessionLock as _, SessionStore, TouchOptions, Update,
    },
};
use session_redis::RedisStore;
use session_testkit::{Connection, Reply, Server};

use crate::{
    belongings::{key_of, sequence_of, sibling_key},
    rig::{TOMBSTONE, done, field, found, guarded, key, load, set, sign_in, start, value},
};

const SESSION: &str = include_str!("../golden/session-1.txt");
const TOMBSTONE_FILE: &str = include_str!("../golden/tombstone-1.txt");
const FORWARD: &str = include_str!("../golden/forward-1.txt");
const RENEWED: &str = include_str!("../golden/renewed-1.txt");
const LEFT: &str = include_str!("../golden/left-1.txt");
const LIST: &str = include_str!("../golden/list-1.txt");
const CONFIRMED: &str = include_str!("../golden/confirmed-1.txt");
const MESSAGES: &str = include_str!("../golden/messages-1.txt");

/// Two ids of one partition.
const ID: &str = "AAUAESIzRFVGd4iZqrvM3e7_";
const SIBLING: &str = "AAX_7t3Mu6pJiLdmVUQzIhEA";
const CREATE: u64 = 0x1112_1314_1516_1718;
const APPLY: u64 = 0x2122_2324_2526_2728;
const ROTATE: u64 = 0x3132_3334_3536_3738;
const DESTROY: u64 = 0x4142_4344_4546_4748;
const INCARNATION: u64 = 0x0102_0304_0506_0708;
const OWNER: u64 = 0x5152_5354_5556_5758;

/// The parts that differ from run to run, with their lengths in bytes.
type Names<'a> = &'a [(&'a str, u64, usize)];

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn bytes_of(text: &str) -> Vec<u8> {
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
}

fn number(value: u64, len: usize) -> String {
    hexadecimal(&value.to_be_bytes()[8 - len..])
}

/// Lines as the files have them.
fn lines(fields: &[(Vec<u8>, Vec<u8>)], names: Names<'_>) -> String {
    let mut lines: Vec<String> = fields
        .iter()
        .map(|(name, bytes)| {
            let mut text = hexadecimal(bytes);
            for (placeholder, value, len) in names {
                text = text.replace(&number(*value, *len), &format!("{{{placeholder}}}"));
            }
            let text = if text.is_empty() { "-" } else { &text };
            format!("{} {text}\n", name.escape_ascii())
        })
        .collect();
    lines.sort();
    lines.concat()
}

/// The inverse.
fn fields(lines: &str, names: Names<'_>) -> Vec<(Vec<u8>, Vec<u8>)> {
    let field = |line: &str| {
        let (name, text) = line.split_once(' ').unwrap();
        let text = names.iter().fold(text.to_owned(), |text, (placeholder, value, len)| {
            text.replace(&format!("{{{placeholder}}}"), &number(*value, *len))
        });
        // Only the length byte of keyed names is not a letter.
        let name = name.replace("\\x04", "\u{4}").replace("\\x05", "\u{5}");
        (name.into_bytes(), bytes_of(text.trim_start_matches('-')))
    };
    lines.lines().map(field).collect()
}

async fn hash(server: &Server, key: &[u8]) -> Vec<(Vec<u8>, Vec<u8>)> {
    let reply = server.command(&[b"HGETALL".as_slice(), key]).await;
    let bytes = |reply: &Reply| match reply {
        Reply::Bulk(bytes) => bytes.clone(),
        other => panic!("{other:?}"),
    };
    reply.items().chunks(2).map(|pair| (bytes(&pair[0]), bytes(&pair[1]))).collect()
}

fn only(names: &[&str], hash: &[(Vec<u8>, Vec<u8>)]) -> Vec<(Vec<u8>, Vec<u8>)> {
    hash.iter().filter(|(name, _)| names.iter().any(|it| it.as_bytes() == name)).cloned().collect()
}

async fn end_of(server: &Server, key: &[u8]) -> u64 {
    server.command(&[b"PEXPIRETIME".as_slice(), key]).await.int() as u64
}

fn first() -> NewSession {
    let mut entries = set("who", "me");
    entries.insert(field("cart"), key("sku-1"), value("2"));
    entries.insert(field("roles"), key("admin"), Value::MEMBER);
    let expiry = Expiry::both(Duration::from_secs(1_800), Duration::from_secs(86_400));
    let incarnation = Incarnation::from(INCARNATION);
    NewSession { write: OpId::from(CREATE).into(), incarnation, entries, expiry, sign_in: Some(sign_in()) }
}

fn second() -> Update {
    let mut delta = set("theme", "dark");
    delta.remove(field("who"));
    delta.insert(field("cart"), key("sku-2"), Value::from(vec![1, 1, 2, 3]));
    Update::new(OpId::from(APPLY), delta)
}

fn ids() -> (SessionId, SessionId) {
    (ID.parse().unwrap(), SIBLING.parse().unwrap())
}

fn stamp() -> Stamp {
    first().stamp().next(OpId::from(APPLY))
}

fn check(written: &str, golden: &str, name: &str) {
    assert!(written == golden, "{name} is not what version 1 writes; written now:\n{written}");
}

/// Creates, changes and locks the session.
async fn write(store: &RedisStore, id: &SessionId) {
    assert!(matches!(done(store.create(id, &first()).await), CreateOutcome::Created(_)));
    done(store.apply(id, &second()).await);
    let lease = Duration::from_secs(3_600);
    assert!(matches!(done(store.acquire(id, OpId::from(OWNER), lease).await), AcquireOutcome::Acquired(_)));
}

/// The end of the lock, which no outcome returns.
fn lease_of(hash: &[(Vec<u8>, Vec<u8>)]) -> u64 {
    moment_in(hash, b"@l", 15)
}

/// Until when the index lists the session, which no outcome returns.
fn listed_of(hash: &[(Vec<u8>, Vec<u8>)]) -> u64 {
    moment_in(hash, b"@c", 21)
}

fn moment_in(hash: &[(Vec<u8>, Vec<u8>)], name: &[u8], at: usize) -> u64 {
    let (_, value) = hash.iter().find(|(field, _)| field == name).unwrap();
    value[at..at + 7].iter().fold(0, |number, byte| number << 8 | u64::from(*byte))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hashes_are_written_as_ever() {
    let (server, store) = start().await;
    let (id, sibling) = ids();
    write(&store, &id).await;
    let place = key_of(&server, &id).await;
    let record = found(&store, &id).await.record;
    let deadlines = record.deadlines();
    let written = hash(&server, &place).await;
    let absolute = deadlines.absolute().unwrap().as_millis();
    let names = [
        ("idle", deadlines.idle().unwrap().1.as_millis(), 7),
        ("absolute", absolute, 7),
        ("listed", listed_of(&written), 7),
        ("lease", lease_of(&written), 7),
        ("created", record.created_at().as_millis(), 6),
    ];
    check(&lines(&written, &names), SESSION, "a session");

    let rotation =
        Rotation { grace: Duration::from_secs(300), ..Rotation::new(OpId::from(ROTATE), sibling, RotationKind::Renew) };
    let renewed = done(store.rotate(&id, &rotation).await);
    let RotateOutcome::Rotated(renewed) = renewed else { panic!("{renewed:?}") };
    check(&lines(&hash(&server, &place).await, &[]), FORWARD, "a forward");
    let there = hash(&server, &sibling_key(&place, &sibling)).await;
    let unconfirmed = only(&["@c", "@r"], &there);
    let names = [
        ("absolute", absolute, 7),
        ("created", record.created_at().as_millis(), 6),
        ("listed", listed_of(&unconfirmed), 7),
        ("refused", renewed.now.after(rotation.grace).as_millis(), 7),
    ];
    check(&lines(&unconfirmed, &names), RENEWED, "an unconfirmed session");
    let moved = [("moved", renewed.now.as_millis(), 6)];
    check(&lines(&only(&["@f"], &there), &moved), LEFT, "the id that a session has left");

    done(store.touch(&sibling, TouchOptions::default()).await);
    let kept = end_of(&server, &place).await;
    let names = [("until", kept - TOMBSTONE.as_millis() as u64, 7), ("kept", kept, 7)];
    check(&lines(&hash(&server, &place).await, &names), CONFIRMED, "the forward of a confirmed renewal");

    done(store.destroy(&sibling, &Destroy::new(OpId::from(DESTROY), EndReason::Revoked)).await);
    let place = sibling_key(&place, &sibling);
    let until = end_of(&server, &place).await;
    let names = [("until", until, 7), ("since", until - TOMBSTONE.as_millis() as u64, 6)];
    let there = hash(&server, &place).await;
    check(&lines(&only(&["@"], &there), &names), TOMBSTONE_FILE, "a tombstone");
    check(&lines(&only(&["@f"], &there), &moved), LEFT, "the id that an ended session has left");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hashes_are_read_as_ever() {
    let (server, store) = start().await;
    let (id, sibling) = ids();
    // The names of keys are part of the layout.
    let key = |id: &SessionId| [b"faults:1:{19202}:s:".as_slice(), &id.digest().to_bytes()].concat();
    let until = 4_000_000_000_000_u64;
    let names = [
        ("idle", until, 7),
        ("absolute", until + 1, 7),
        ("listed", until + 2, 7),
        ("lease", until, 7),
        ("created", 1_700_000_000_000, 6),
    ];
    put(&server, &key(&id), &fields(SESSION, &names), until).await;
    let record = found(&store, &id).await.record;
    assert_eq!((record.stamp(), record.created_at().as_millis()), (stamp(), 1_700_000_000_000));
    let idle = record.deadlines().idle().map(|(timeout, end)| (timeout, end.as_millis()));
    assert_eq!(idle, Some((Duration::from_secs(1_800), until)));
    assert_eq!(record.deadlines().absolute().map(|end| end.as_millis()), Some(until + 1));
    let mut state = session_core::model::State::from(&first().entries);
    second().delta.apply_to(&mut state);
    assert_eq!(*record.state(), state);
    let repeat = done(store.apply(&id, &second()).await);
    assert!(
        matches!(repeat, session_core::store::ApplyOutcome::Applied(applied) if applied.repeated),
        "it is remembered"
    );
    assert!(matches!(done(store.create(&id, &first()).await), CreateOutcome::Created(applied) if applied.repeated));
    let other = store.acquire(&id, OpId::from(1), Duration::from_secs(1)).await;
    assert!(matches!(done(other), AcquireOutcome::Held(_)));

    put(&server, &key(&sibling), &fields(SESSION, &names), until).await;
    put(&server, &key(&id), &fields(FORWARD, &[]), until).await;
    assert_eq!(found(&store, &id).await.record.stamp(), stamp(), "through the forward");
    let renewed = fields(
        RENEWED,
        &[
            ("absolute", until + 1, 7),
            ("created", 1_700_000_000_000, 6),
            ("listed", until + 2, 7),
            ("refused", until, 7),
        ],
    );
    let left = fields(LEFT, &[("moved", 1_700_000_000_000, 6)]);
    let unconfirmed = fields(SESSION, &names).into_iter().filter(|(name, _)| name != b"@c").chain(renewed);
    let unconfirmed: Vec<_> = unconfirmed.chain(left.clone()).collect();
    put(&server, &key(&sibling), &unconfirmed, until).await;
    assert!(found(&store, &id).await.record.is_unconfirmed());
    let confirmed = fields(CONFIRMED, &[("until", 1_700_000_000_000, 7), ("kept", until, 7)]);
    put(&server, &key(&id), &confirmed, until).await;
    let over = load(&store, &id).await;
    assert!(
        matches!(over, LoadOutcome::Absent(Absent::NotFound(Some(ended))) if ended.reason == EndReason::Renewed),
        "{over:?}"
    );
    put(&server, &key(&id), &fields(FORWARD, &[]), until).await;
    let names = [("until", until, 7), ("since", until - TOMBSTONE.as_millis() as u64, 6)];
    let tombstone = [fields(TOMBSTONE_FILE, &names), left].concat();
    put(&server, &key(&sibling), &tombstone, until).await;
    for id in [&id, &sibling] {
        let gone = load(&store, id).await;
        assert!(
            matches!(gone, LoadOutcome::Absent(Absent::NotFound(Some(ended))) if ended.reason == EndReason::Revoked),
            "{gone:?}"
        );
    }
}

/// The list of a principal and its order. The digest precedes the entry and the place.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lists_are_written_and_read_as_ever() {
    let (server, store) = start().await;
    let id = ids().0;
    write(&store, &id).await;
    // The names of keys are part of the layout.
    let hash_of_alice = bytes_of("2bd806c97f0e00af1a1fc3328fa763a9");
    let [list, order] = [b"p:", b"o:"].map(|kind| [b"faults:1:{374}:".as_slice(), kind, &hash_of_alice].concat());
    let [(digest, entry)] = &hash(&server, &list).await[..] else { panic!("one entry") };
    assert_eq!(*digest, id.digest().to_bytes());
    let ordered = server.command(&[b"ZRANGE".as_slice(), &order, b"0", b"-1", b"WITHSCORES"]).await;
    let [Reply::Bulk(member), Reply::Bulk(place)] = ordered.items() else { panic!("{ordered:?}") };
    let place: u64 = std::str::from_utf8(place).unwrap().parse().unwrap();
    let written =
        [("list", [&digest[..], entry].concat()), ("order", [&member[..], &place.to_be_bytes()[1..]].concat())];
    let written = written.map(|(name, bytes)| (name.as_bytes().to_vec(), bytes));
    let until = end_of(&server, &list).await;
    let entry = |at: usize| moment_in(&written, b"list", 18 + at);
    let names = [("until", until, 7), ("awaited", entry(7), 7), ("place", place, 7)];
    check(&lines(&written, &names), LIST, "a list");
    assert_eq!(end_of(&server, &order).await, until);

    let read = fields(LIST, &[("until", until, 7), ("awaited", 1, 7), ("place", 1_700_000_000_000_000, 7)]);
    let [(_, entry), _] = &read[..] else { panic!("{read:?}") };
    put(&server, &list, &[(entry[..18].to_vec(), entry[18..].to_vec())], until).await;
    server.command(&[b"DEL".as_slice(), &order]).await;
    server.command(&[b"ZADD".as_slice(), &order, b"1700000000000000", &entry[..18]]).await.expect("ZADD");
    let listed = done(store.index().unwrap().sessions(&crate::rig::alice(), 10).await);
    assert_eq!(listed.iter().map(|session| session.digest).collect::<Vec<_>>(), [*id.digest()]);
}

async fn put(server: &Server, key: &[u8], hash: &[(Vec<u8>, Vec<u8>)], until: u64) {
    server.command(&[b"DEL".as_slice(), key]).await;
    let mut words = vec![b"HSET".to_vec(), key.to_vec()];
    words.extend(hash.iter().flat_map(|(name, value)| [name.clone(), value.clone()]));
    server.command(&words).await.expect("HSET");
    server.command(&[b"PEXPIREAT".as_slice(), key, until.to_string().as_bytes()]).await.expect("PEXPIREAT");
}

/// The next pushed message.
async fn message(connection: &mut Connection) -> Vec<u8> {
    let pushed = guarded("a message comes", connection.receive()).await.unwrap();
    match &pushed.items()[pushed.items().len() - 1] {
        Reply::Bulk(bytes) => bytes.clone(),
        other => panic!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn messages_are_written_and_read_as_ever() {
    let (server, store) = start().await;
    let (id, sibling) = ids();
    let feed = SessionStore::feed(&store).unwrap();
    let mut subscription = done(feed.subscribe().await);
    let mut listener = server.connect().await.unwrap();
    listener.command(&["PSUBSCRIBE", "*"]).await.unwrap();

    let rotation =
        Rotation { delta: set("role", "admin"), ..Rotation::new(OpId::from(ROTATE), sibling, RotationKind::Privilege) };
    write(&store, &id).await;
    done(store.rotate(&id, &Rotation { sign_in: Some(sign_in()), ..rotation.clone() }).await);
    done(store.destroy(&sibling, &Destroy::new(OpId::from(DESTROY), EndReason::Revoked)).await);
    let place = key_of(&server, &sibling).await;
    let last = server.command(&[b"GET".as_slice(), &sequence_of(&place)]).await.int() as u64;

    let (mut written, mut published) = (Vec::new(), Vec::new());
    for (nth, name) in (1..).zip(["created", "applied", "rotated", "destroyed"]) {
        let bytes = message(&mut listener).await;
        let sequence = number(last - 4 + nth, 8);
        assert_eq!(hexadecimal(&bytes[4..12]), sequence, "the sequence follows the kind");
        written.push((name.as_bytes().to_vec(), bytes));
        match guarded("a change comes", subscription.next()).await.unwrap() {
            FeedItem::Change(change) => published.push(change),
            other => panic!("{other:?}"),
        }
    }
    let origin = u64::from(feed.origin());
    let names: Vec<_> =
        ["s1", "s2", "s3", "s4"].into_iter().zip(1..).map(|(name, nth)| (name, last - 4 + nth, 8)).collect();
    let names = [names, vec![("origin", origin, 8)]].concat();
    check(&lines(&written, &names), MESSAGES, "a message");
    let (one, two) = (first().stamp(), stamp());
    let seen = |change: &SessionChange| (change.digest, change.before, change.after, change.delta.as_deref().cloned());
    let (from, to) = (*id.digest(), *sibling.digest());
    assert_eq!(seen(&published[0]), (from, None, Some(one), Some(first().entries)));
    assert_eq!(seen(&published[1]), (from, Some(one), Some(two), Some(second().delta)));
    assert_eq!(seen(&published[2]), (from, Some(two), Some(two.next(OpId::from(ROTATE))), Some(rotation.delta)));
    assert_eq!(seen(&published[3]), (to, Some(two.next(OpId::from(ROTATE))), None, None));
    let kinds: Vec<ChangeKind> = published.iter().map(|change| change.kind).collect();
    let moved = ChangeKind::Rotated { to, kind: RotationKind::Privilege };
    assert_eq!(kinds, [ChangeKind::Created, ChangeKind::Applied, moved, ChangeKind::Destroyed(EndReason::Revoked)]);

    // The bytes of the files, published by another client, are read as the same changes.
    let channel =
        [&place[..9], b"0:", &place[9..place.windows(3).position(|part| part == b":s:").unwrap()], b":c"].concat();
    for (name, bytes) in fields(MESSAGES, &names) {
        server.command(&[b"PUBLISH".as_slice(), &channel, &bytes]).await;
        let received = loop {
            match guarded("a change comes", subscription.next()).await.unwrap() {
                FeedItem::Change(change) => break change,
                // A change that was received before is received again, so the sequence jumps.
                FeedItem::Gap(..) => {}
                other => panic!("{other:?}"),
            }
        };
        assert!(published.contains(&received), "{}: {received:?}", name.escape_ascii());
    }
}
