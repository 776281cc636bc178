//! Typical mistakes, and what the user gets: a kind, and a text with the cause and the remedy.

#![allow(clippy::unwrap_used, reason = "a test that panics has failed")]

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use session_core::{
    Error,
    ErrorKind::{self, Conflict, InvalidInput, LimitExceeded, NotFound, Superseded, UnreadableField},
    Principal, Rotate, Session, SessionId, Sessions, SignIn,
};
use session_memory::MemoryStore;

fn sessions() -> Sessions {
    Sessions::new(MemoryStore::new())
}

/// Records one change in a new session.
fn record(change: impl FnOnce(&mut Session) -> Result<(), Error>) -> Result<(), Error> {
    change(&mut sessions().create().unwrap())
}

/// Stores a session, makes a mistake with it, and returns the error.
async fn stored(mistake: impl AsyncFnOnce(&Sessions, &mut Session) -> Result<(), Error>) -> Result<(), Error> {
    let sessions = sessions();
    let mut session = sessions.create().unwrap();
    session.set("theme", "dark").unwrap();
    session.commit().await.unwrap();
    mistake(&sessions, &mut session).await
}

fn is(what: &str, answer: Result<(), Error>, kind: ErrorKind, words: &[&str]) {
    let error = answer.expect_err(what);
    let text = error.to_string();
    assert_eq!(error.kind(), kind, "{what}: {text}");
    for word in words {
        assert!(text.contains(word), "{what}: {text:?} does not say {word:?}");
    }
}

#[test]
fn names_and_keys_that_cannot_be_stored() {
    let long = "k".repeat(2_000);
    let rows: [(&str, Result<(), Error>, &[&str]); 7] = [
        ("an empty field", record(|it| it.set("", 1)), &["1 to 255 bytes"]),
        ("a long field", record(|it| it.set(&"f".repeat(300), 1)), &["1 to 255 bytes"]),
        ("a long key", record(|it| it.map_mut("m").insert(&long, 1)), &["1,024 bytes"]),
        ("a float as a key", record(|it| it.map_mut("m").insert(1.5, 1)), &["keys are strings, integers"]),
        ("a tuple as a key", record(|it| it.map_mut("m").insert((1, 2), 1)), &["keys are strings, integers"]),
        ("an option as a key", record(|it| it.members_mut("m").insert(Some(1))), &["keys are strings, integers"]),
        ("bytes as a key", record(|it| it.members_mut("m").insert(vec![1u8])), &["keys are strings, integers"]),
    ];
    for (what, answer, words) in rows {
        is(what, answer, InvalidInput, words);
    }
}

#[test]
fn values_that_the_format_cannot_keep() {
    let pairs = BTreeMap::from([((1, 2), 3)]);
    let rows: [(&str, Result<(), Error>, &[&str]); 3] = [
        ("an infinite float", record(|it| it.set("rate", f64::INFINITY)), &["rate"]),
        ("a value that is not there, twice", record(|it| it.set("o", Some(None::<u8>))), &["o"]),
        ("a map whose keys are pairs", record(|it| it.set("pairs", &pairs)), &["pairs"]),
    ];
    for (what, answer, words) in rows {
        is(what, answer, InvalidInput, words);
    }
}

#[tokio::test]
async fn more_than_fits() {
    is("a value of 100 KB", record(|it| it.set("v", "v".repeat(100_000))), LimitExceeded, &["65536", "100003"]);
    let mut session = sessions().create().unwrap();
    for n in 0..17 {
        session.set(&format!("f{n}"), "v".repeat(64_000)).unwrap();
    }
    is("a session of more than 1 MiB", session.commit().await, LimitExceeded, &["1048576"]);
    for n in 0..5 {
        session.remove(&format!("f{n}"));
    }
    session.commit().await.expect("it fits once something is removed");
    let mut session = sessions().create().unwrap();
    session.set("n", BTreeSet::from([0])).unwrap();
    for n in 0..9_999 {
        session.members_mut("viewed").insert(n).unwrap();
    }
    let one_more = session.members_mut("viewed").insert(9_999);
    is("10,001 entries", one_more, LimitExceeded, &["10001", "10000", "viewed"]);
    session.commit().await.expect("what was recorded before fits");
}

#[tokio::test]
async fn what_was_stored_is_read_as_something_else() {
    let read = stored(async |_, session| session.get::<u64>("theme").map(drop)).await;
    is("a text read as a number", read, UnreadableField, &["theme"]);
    let read = stored(async |_, session| session.map("theme").get::<u64>("k").map(drop)).await;
    assert!(read.is_ok(), "a scalar and a map of one name are two things");
}

#[tokio::test]
async fn ids_that_name_no_session() {
    is("garbage", "garbage".parse::<SessionId>().map(drop), InvalidInput, &["session id"]);
    assert!(sessions().open_text("garbage").await.unwrap().is_err(), "garbage in a cookie is no session");
    let unknown = sessions().open(&SessionId::generate().unwrap()).await.map(drop);
    is("an unknown id", unknown, NotFound, &["no such session"]);
}

#[tokio::test]
async fn a_session_after_its_end() {
    let ended = stored(async |sessions, session| {
        sessions.destroy(session.id()).await?;
        assert_eq!(session.get::<String>("theme")?.as_deref(), Some("dark"), "what the handle has read stays");
        session.set("theme", "light")?;
        session.commit().await
    });
    is("a commit after a logout elsewhere", ended.await, NotFound, &["logout", "0 s ago"]);
    let ended = stored(async |_, session| {
        session.destroy().await?;
        assert!(session.is_ended() && session.get::<String>("theme")?.is_none());
        session.commit().await.expect("nothing to commit");
        session.set("theme", "light")?;
        session.commit().await
    });
    is("a commit after the own logout", ended.await, NotFound, &["destroyed the session"]);
    let old = stored(async |sessions, session| {
        let mut tab = sessions.open(session.id()).await?;
        let ada = SignIn::new(Principal::new("ada")?);
        let _ = session.rotate(Rotate::privilege().with_sign_in(ada)).await?;
        tab.set("theme", "light")?;
        tab.commit().await
    });
    is("a commit at an id that a sign-in replaced", old.await, Superseded, &["sign-in"]);
}

/// A lock that another handle of the same task holds: the second would wait for itself.
#[tokio::test]
async fn a_lock_that_one_has_already() {
    let locked = stored(async |sessions, session| {
        session.lock(Duration::from_secs(30), Duration::ZERO).await?;
        let mut again = sessions.open(session.id()).await?;
        again.lock(Duration::from_secs(30), Duration::ZERO).await.map(drop)
    });
    is("a second lock", locked.await, Conflict, &["lock"]);
}
