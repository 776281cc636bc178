//! Reading a struct from a session, and sending the difference.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::atomic::{AtomicUsize, Ordering},
};

use proptest::prelude::*;
use serde::{Deserialize, Serialize};
use session_core::{
    ErrorKind, Session, Sessions,
    codec::{Bincode, Codecs, Json, KeyRing, Postcard, Sealed},
};
use session_memory::MemoryStore;

use crate::world;

#[derive(Serialize, Deserialize, Default, Debug, PartialEq, Clone)]
struct Shop {
    user_id: Option<u64>,
    cart: BTreeMap<String, u32>,
    roles: BTreeSet<String>,
}

fn sizes(session: &Session) -> (usize, usize) {
    (session.pending().insertions().count(), session.pending().removals().count())
}

#[tokio::test]
async fn only_changes_are_sent() {
    let world = world();
    let mut session = world.sessions.create().unwrap();
    let mut shop: Shop = session.view().unwrap();
    assert_eq!(shop, Shop::default());
    session.save(&shop).unwrap();
    assert_eq!(sizes(&session), (0, 0));
    shop.cart = (0..100).map(|n| (format!("sku-{n}"), n)).collect();
    shop.roles.insert("admin".into());
    shop.user_id = Some(7);
    session.save(&shop).unwrap();
    assert_eq!(sizes(&session), (102, 0));
    session.commit().await.unwrap();

    let mut session = world.sessions.open(session.id()).await.unwrap();
    let mut shop: Shop = session.view().unwrap();
    assert_eq!(shop.cart.len(), 100);
    shop.cart.insert("sku-1".into(), 2);
    shop.cart.remove("sku-2");
    shop.user_id = None;
    session.save(&shop).unwrap();
    assert_eq!(sizes(&session), (1, 2));
    assert_eq!(session.get::<u64>("user_id").unwrap(), None);
    session.commit().await.unwrap();
    shop.roles.clear();
    session.save(&shop).unwrap();
    assert_eq!(sizes(&session), (0, 1), "saving again compares with the saved struct");
}

#[tokio::test]
async fn changes_by_others_are_kept() {
    let world = world();
    let (mut a, mut b) = world.two_requests().await;
    let mut mine: Shop = a.view().unwrap();
    let mut theirs: Shop = b.view().unwrap();
    mine.cart.insert("mine".into(), 1);
    theirs.cart.insert("theirs".into(), 1);
    a.save(&mine).unwrap();
    b.save(&theirs).unwrap();
    a.commit().await.unwrap();
    b.commit().await.unwrap();
    let merged: Shop = world.sessions.open(a.id()).await.unwrap().view().unwrap();
    assert_eq!(merged.cart.len(), 2);
}

#[tokio::test]
async fn mutators_between_view_and_save_are_not_undone() {
    let world = world();
    let (mut session, _) = world.two_requests().await;
    let shop: Shop = session.view().unwrap();
    session.map_mut("cart").insert("direct", 1u32).unwrap();
    session.save(&shop).unwrap();
    session.save(&shop).unwrap();
    assert!(session.map("cart").contains("direct").unwrap());
    let mut shop: Shop = session.view().unwrap();
    shop.cart.remove("direct");
    session.save(&shop).unwrap();
    assert!(!session.map("cart").contains("direct").unwrap());
}

#[derive(Serialize, Deserialize, Debug, PartialEq, Clone)]
enum Level {
    Guest,
    Member { since: u32 },
}

#[derive(Serialize, Deserialize, Debug, PartialEq, Clone)]
struct Address {
    street: String,
    number: Option<u32>,
}

#[derive(Serialize, Deserialize, Debug, PartialEq, Clone, Copy, Eq, Hash, PartialOrd, Ord)]
struct Sku(u64);

#[derive(Serialize, Deserialize, Debug, PartialEq, Clone)]
struct Everything {
    level: Level,
    address: Option<Address>,
    history: Option<Vec<(u32, String)>>,
    by_sku: HashMap<Sku, Address>,
    flags: BTreeSet<bool>,
    #[serde(default)]
    visits: u32,
    #[serde(rename = "renamed")]
    name: String,
    pair: (i8, f64),
    wrapped: Sku,
    #[serde(skip)]
    local: u8,
}

#[tokio::test]
async fn scalars_of_every_shape_round_trip_in_every_format() {
    let everything = Everything {
        level: Level::Member { since: 9 },
        address: Some(Address { street: "ä".into(), number: None }),
        history: Some(vec![(2, "b".into()), (1, "a".into()), (2, "b".into())]),
        by_sku: HashMap::from([(Sku(1), Address { street: String::new(), number: Some(3) })]),
        flags: BTreeSet::from([true]),
        visits: 3,
        name: "n".into(),
        pair: (-1, 0.5),
        wrapped: Sku(8),
        local: 0,
    };
    let sealed = Codecs::new(Sealed::new(Codecs::new(Postcard), KeyRing::new([1; 32])));
    for codecs in [Codecs::new(Bincode), Codecs::new(Postcard), Codecs::new(Json), sealed] {
        let sessions = Sessions::builder(MemoryStore::new()).codecs(codecs).build();
        let mut session = sessions.create().unwrap();
        session.save(&everything).unwrap();
        session.commit().await.unwrap();
        let mut session = sessions.open(session.id()).await.unwrap();
        let viewed: Everything = session.view().unwrap();
        assert_eq!(viewed, everything);
        session.save(&viewed).unwrap();
        assert_eq!(sizes(&session), (0, 0), "even though sealing twice gives different bytes");
        assert_eq!(session.get::<Level>("level").unwrap(), Some(Level::Member { since: 9 }));
        assert_eq!(session.get::<String>("renamed").unwrap().as_deref(), Some("n"));
    }
}

#[tokio::test]
async fn a_changed_default_format_sends_nothing_and_reads_everything() {
    let store = MemoryStore::new();
    let old = Sessions::builder(store.clone()).codecs(Codecs::new(Bincode)).build();
    let mut session = old.create().unwrap();
    let shop = Shop { user_id: Some(1), cart: BTreeMap::from([("a".into(), 1)]), ..Shop::default() };
    session.save(&shop).unwrap();
    session.commit().await.unwrap();
    let new = Sessions::builder(store).codecs(Codecs::new(Json).also_reads(Bincode)).build();
    let mut session = new.open(session.id()).await.unwrap();
    let mut shop: Shop = session.view().unwrap();
    session.save(&shop).unwrap();
    assert_eq!(sizes(&session), (0, 0));
    shop.user_id = Some(2);
    session.save(&shop).unwrap();
    session.commit().await.unwrap();
    let shown: Shop = session.view().unwrap();
    assert_eq!((shown.user_id, shown.cart["a"]), (Some(2), 1), "one session, two formats");
}

#[derive(Deserialize, Debug)]
#[expect(dead_code, reason = "it is not read")]
struct Strict {
    must: u32,
}

#[tokio::test]
async fn a_mismatch_is_an_error_on_its_field() {
    let world = world();
    let (mut session, _) = world.two_requests().await;
    let error = session.view::<Strict>().unwrap_err();
    assert_eq!((error.kind(), error.field().unwrap().as_str()), (ErrorKind::UnreadableField, "must"));
    assert!(error.to_string().contains("serde(default)"), "{error}");
    session.set("user_id", "not a number").unwrap();
    session.set("unrelated", "fine").unwrap();
    let error = session.view::<Shop>().unwrap_err();
    assert_eq!((error.kind(), error.field().unwrap().as_str()), (ErrorKind::UnreadableField, "user_id"));
    session.remove("user_id");
    session.map_mut("cart").insert("a", "not a number either").unwrap();
    assert_eq!(session.view::<Shop>().unwrap_err().field().unwrap().as_str(), "cart");
    session.map_mut("cart").clear();
    session.view::<Shop>().unwrap();

    assert_eq!(session.save(&vec![1]).unwrap_err().kind(), ErrorKind::InvalidInput);
    assert_eq!(session.view::<Vec<u8>>().unwrap_err().kind(), ErrorKind::UnreadableField);
    #[derive(Serialize)]
    struct Floats {
        by: Vec<f64>,
        twice: Vec<u8>,
    }
    let before = session.pending().clone();
    let error = session.save(&Floats { by: vec![0.5], twice: vec![] }).unwrap_err();
    assert_eq!((error.kind(), error.field().unwrap().as_str()), (ErrorKind::InvalidInput, "by"));
    let error = session.save(&Floats { by: vec![], twice: vec![1, 1] }).unwrap_err();
    assert_eq!((error.kind(), error.field().unwrap().as_str()), (ErrorKind::InvalidInput, "twice"));
    assert_eq!(*session.pending(), before);
}

#[tokio::test]
async fn self_describing_values_work_under_json() {
    let sessions = Sessions::builder(MemoryStore::new()).codecs(Codecs::new(Json)).build();
    let mut session = sessions.create().unwrap();
    let value = serde_json::json!({ "a": [1, null, "x"], "b": { "c": 0.5 } });
    session.set("any", &value).unwrap();
    assert_eq!(session.get::<serde_json::Value>("any").unwrap(), Some(value));
}

#[derive(Serialize, Deserialize, Default, Debug, PartialEq)]
#[serde(default)]
struct Sparse {
    #[serde(skip_serializing_if = "Option::is_none")]
    user_id: Option<u64>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    cart: BTreeMap<String, u32>,
    #[serde(skip_serializing)]
    unsaved: u32,
}

/// A field that `skip_serializing_if` omits is removed. A field that is never serialized is not removed.
#[tokio::test]
async fn a_skipped_field_is_removed() {
    let world = world();
    let (mut session, _) = world.two_requests().await;
    session.set("unsaved", 3u32).unwrap();
    session.save(&Sparse { user_id: Some(7), cart: [("a".to_owned(), 1)].into(), unsaved: 0 }).unwrap();
    session.commit().await.unwrap();
    let mut session = world.sessions.open(session.id()).await.unwrap();
    let mut sparse: Sparse = session.view().unwrap();
    sparse.user_id = None;
    sparse.cart.clear();
    session.save(&sparse).unwrap();
    assert_eq!(sizes(&session), (0, 2));
    session.commit().await.unwrap();
    session.save(&sparse).unwrap();
    assert_eq!(sizes(&session), (0, 0), "nothing is left to remove");
    let again: Sparse = world.sessions.open(session.id()).await.unwrap().view().unwrap();
    assert_eq!(again, Sparse { unsaved: 3, ..Sparse::default() });
}

#[derive(Deserialize, Debug, PartialEq)]
struct Renamed {
    #[serde(alias = "account", alias = "zid", alias = "aid")]
    user_id: Option<u64>,
    #[serde(default, alias = "basket")]
    cart: BTreeMap<String, u32>,
    #[serde(alias = "b", alias = "z")]
    must: u32,
}

#[tokio::test]
async fn an_alias_is_read_where_the_field_itself_is_absent() {
    let world = world();
    for (user_id, cart, must) in
        combinations(&["user_id", "account", "zid", "aid"], &["cart", "basket"], &["must", "b", "z"])
    {
        let mut session = world.sessions.create().unwrap();
        session.set(user_id, 7u64).unwrap();
        session.map_mut(cart).insert("a", 1u32).unwrap();
        session.set(must, 2u32).unwrap();
        let renamed: Renamed = session.view().unwrap();
        assert_eq!(renamed, Renamed { user_id: Some(7), cart: [("a".to_owned(), 1)].into(), must: 2 });
        session.set("user_id", 8u64).unwrap();
        session.set("account", 9u64).unwrap();
        assert_eq!(session.view::<Renamed>().unwrap().user_id, Some(8));
    }
    let mut session = world.sessions.create().unwrap();
    let error = session.view::<Renamed>().unwrap_err();
    assert_eq!((error.kind(), error.field().unwrap().as_str()), (ErrorKind::UnreadableField, "must"));
    session.set("z", "not a number").unwrap();
    assert_eq!(session.view::<Renamed>().unwrap_err().field().unwrap().as_str(), "z");
    session.set("z", 1u32).unwrap();
    assert_eq!(session.view::<Renamed>().unwrap(), Renamed { user_id: None, cart: BTreeMap::new(), must: 1 });
}

fn combinations<'a>(
    a: &'a [&'a str],
    b: &'a [&'a str],
    c: &'a [&'a str],
) -> impl Iterator<Item = (&'a str, &'a str, &'a str)> {
    a.iter().flat_map(move |a| b.iter().flat_map(move |b| c.iter().map(move |c| (*a, *b, *c))))
}

static DECODED: AtomicUsize = AtomicUsize::new(0);

/// Counts how often a value is decoded.
#[derive(Serialize)]
struct Counted(u32);

impl<'de> Deserialize<'de> for Counted {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        DECODED.fetch_add(1, Ordering::Relaxed);
        u32::deserialize(deserializer).map(Self)
    }
}

#[derive(Deserialize)]
#[expect(dead_code, reason = "it is not read")]
struct Defaults {
    big: BTreeMap<u32, Counted>,
    #[serde(default)]
    a: u32,
    #[serde(default)]
    b: String,
    #[serde(default, alias = "d")]
    c: (u8, bool),
}

/// An absent field restarts the reading, so absent fields come first.
#[tokio::test]
async fn absent_fields_do_not_cause_present_fields_to_be_decoded_twice() {
    let world = world();
    let mut session = world.sessions.create().unwrap();
    for n in 0..100u32 {
        session.map_mut("big").insert(n, n).unwrap();
    }
    assert_eq!(session.view::<Defaults>().unwrap().big.len(), 100);
    assert_eq!(DECODED.swap(0, Ordering::Relaxed), 100);
    session.set("d", (1u8, true)).unwrap();
    assert_eq!(session.view::<Defaults>().unwrap().c, (1, true));
    assert_eq!(DECODED.load(Ordering::Relaxed), 100, "an alias is not decoded twice either");
}

#[tokio::test]
async fn a_value_of_a_format_that_is_not_registered_is_refused() {
    let store = MemoryStore::new();
    let mut session = Sessions::builder(store.clone()).codecs(Codecs::new(Json)).build().create().unwrap();
    session.set("user_id", 1u64).unwrap();
    session.commit().await.unwrap();
    let sealed = Sealed::new(Codecs::new(Json), KeyRing::new([1; 32]));
    for codecs in [Codecs::new(Bincode), Codecs::new(sealed)] {
        let sessions = Sessions::builder(store.clone()).codecs(codecs).build();
        let mut session = sessions.open(session.id()).await.unwrap();
        let error = session.view::<Shop>().unwrap_err();
        assert_eq!((error.kind(), error.field().unwrap().as_str()), (ErrorKind::UnreadableField, "user_id"));
        assert!(session.get::<u64>("user_id").is_err());
    }
}

fn shops() -> impl Strategy<Value = Shop> {
    let cart = prop::collection::btree_map("[a-d]{0,2}", 0u32..3, 0..5);
    (prop::option::of(0u64..3), cart, prop::collection::btree_set("[a-d]{0,2}", 0..4))
        .prop_map(|(user_id, cart, roles)| Shop { user_id, cart, roles })
}

fn entries(shop: &Shop) -> BTreeSet<String> {
    let cart = shop.cart.iter().map(|(key, value)| format!("cart/{key}={value}"));
    let roles = shop.roles.iter().map(|role| format!("roles/{role}"));
    shop.user_id.iter().map(|id| format!("user_id={id}")).chain(cart).chain(roles).collect()
}

proptest! {
    /// The difference is exact: every entry in it is new or changed, every entry that it removes is gone, and the
    /// struct that is read back is the one that was saved.
    #[test]
    fn the_difference_is_exact(before in shops(), after in shops()) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let sessions = Sessions::new(MemoryStore::new());
            let mut session = sessions.create().unwrap();
            session.save(&before).unwrap();
            session.persist().await.unwrap();
            let mut session = sessions.open(session.id()).await.unwrap();
            prop_assert_eq!(&session.view::<Shop>().unwrap(), &before);
            session.save(&after).unwrap();
            let (old, new) = (entries(&before), entries(&after));
            prop_assert_eq!(session.pending().insertions().count(), new.difference(&old).count());
            let kept: BTreeSet<&str> = new.iter().map(|entry| entry.split('=').next().unwrap()).collect();
            let gone = old.iter().filter(|entry| !kept.contains(entry.split('=').next().unwrap())).count();
            let cleared = session.pending().removals().any(|selector| matches!(selector, session_core::model::Selector::All(_)));
            let removed = session.pending().removals().count();
            let exact = if cleared { removed <= gone } else { removed == gone };
            prop_assert!(exact, "{} of {}", removed, gone);
            session.commit().await.unwrap();
            prop_assert_eq!(&sessions.open(session.id()).await.unwrap().view::<Shop>().unwrap(), &after);
            Ok(())
        })?;
    }
}
