//! How many changes a handle records.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use session_core::{Error, ErrorKind, Limits, Session, Sessions, model::Field};
use session_memory::MemoryStore;

const MOST: usize = 4;

fn session() -> Session {
    let limits = Limits { max_entries: MOST, ..Limits::default() };
    Sessions::new(MemoryStore::builder().limits(limits).build().unwrap()).create().unwrap()
}

fn is_refused(result: Result<(), Error>, field: &str, texts: &[&str]) {
    let error = result.expect_err(field);
    assert_eq!((error.kind(), error.field().map_or("", Field::as_str)), (ErrorKind::LimitExceeded, field));
    texts.iter().for_each(|text| assert!(error.to_string().contains(text), "{error}"));
}

fn cart(session: &Session) -> BTreeMap<u32, u32> {
    session.map("cart").iter().map(Result::unwrap).collect()
}

#[derive(Serialize)]
struct Roles {
    roles: BTreeSet<u32>,
}

#[tokio::test]
async fn more_entries_than_a_session_may_have_are_refused_at_the_call() {
    let mut session = session();
    let before: BTreeMap<u32, u32> = (0..4).map(|key| (key, key)).collect();
    before.iter().for_each(|(key, value)| session.map_mut("cart").insert(key, value).unwrap());
    is_refused(session.map_mut("cart").insert(4u32, 4u32), "cart", &["5 entries", "at most 4"]);
    is_refused(session.set("theme", "dark"), "theme", &["5 entries"]);
    is_refused(session.members_mut("roles").insert("admin"), "roles", &["5 entries"]);
    is_refused(session.save(&Roles { roles: BTreeSet::from([1, 2]) }), "", &["6 entries"]);
    assert_eq!((cart(&session), session.state().len()), (before, 4));

    // Recorded entries can still change, and make room.
    session.map_mut("cart").insert(3u32, 33u32).unwrap();
    session.map_mut("cart").remove(0u32).unwrap();
    session.map_mut("cart").insert(4u32, 4u32).unwrap();
    is_refused(session.map_mut("cart").insert(0u32, 0u32), "cart", &["5 entries"]);
    let after = BTreeMap::from([(1, 1), (2, 2), (3, 33), (4, 4)]);
    assert_eq!(cart(&session), after);
    session.commit().await.unwrap();
    assert_eq!(cart(&session), after);
}

#[tokio::test]
async fn removals_count_and_a_full_session_can_be_replaced_in_one_commit() {
    let mut session = session();
    (0..4u32).for_each(|key| session.map_mut("cart").insert(key, key).unwrap());
    session.commit().await.unwrap();
    (0..4u32).for_each(|key| session.map_mut("cart").remove(key).unwrap());
    is_refused(session.map_mut("cart").remove(4u32), "cart", &["remove 5", "at most 4"]);
    is_refused(session.members_mut("roles").remove(4u32), "roles", &["remove 5"]);
    session.map_mut("cart").remove(0u32).unwrap();
    (10..14u32).for_each(|key| session.map_mut("cart").insert(key, key).unwrap());
    is_refused(session.map_mut("cart").insert(14u32, 1u32), "cart", &["5 entries"]);
    session.commit().await.unwrap();
    assert_eq!(cart(&session).into_keys().collect::<Vec<_>>(), [10, 11, 12, 13]);

    // A cleared field is one removal, whatever it contains.
    session.map_mut("cart").clear();
    (20..24u32).for_each(|key| session.map_mut("cart").insert(key, key).unwrap());
    session.map_mut("cart").remove(20u32).unwrap();
    session.map_mut("cart").insert(20u32, 0u32).unwrap();
    session.commit().await.unwrap();
    assert_eq!(cart(&session).into_keys().collect::<Vec<_>>(), [20, 21, 22, 23]);
}

/// A removal that returns no error cannot be refused. It still counts.
#[tokio::test]
async fn scalars_and_whole_fields_can_always_be_removed() {
    let mut session = session();
    (0..9).for_each(|n| session.remove(&n.to_string()));
    session.map_mut("cart").clear();
    assert_eq!(session.pending().removals().count(), 10);
    is_refused(session.map_mut("other").remove(1u32), "other", &["remove 11"]);
    session.map_mut("cart").remove(1u32).unwrap();
    session.set("n", 1u32).unwrap();
    session.commit().await.unwrap();
    assert_eq!(session.state().len(), 1);
}
