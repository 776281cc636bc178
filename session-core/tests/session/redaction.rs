//! What `Debug` and errors print: names of fields and numbers, but no id, key, member, value, principal or note.

use std::{
    collections::{BTreeMap, HashMap},
    fmt::Debug,
    sync::Arc,
    time::Duration,
};

use serde::{Deserialize, Serialize};
use session_core::{
    Error, Expiry, LoadOptions, Note, Principal, Rotate, SessionId, Sessions, SignIn,
    codec::{Codecs, KeyRing, Location, Sealed},
    model::{Delta, Entry, Field, Format, IdDigest, Incarnation, Key, OpId, Selector, State, Timestamp, Value},
    store::{
        FeedItem, LoadOutcome, NewSession, Precondition, Rotation, RotationKind, SessionStore as _, Update,
        machine::{Rules, Slot, Slots},
    },
};

use crate::{World, world};

const MARKER: &str = "DE8937-MARKER";

/// Everything that was printed, by what it was.
#[derive(Default)]
struct Printed(Vec<(&'static str, String)>);

impl Printed {
    fn add(&mut self, what: &'static str, it: &(impl Debug + ?Sized)) {
        self.0.extend([(what, format!("{it:?}")), (what, format!("{it:#?}"))]);
    }

    fn add_error<T>(&mut self, what: &'static str, result: Result<T, Error>) {
        let Err(error) = result else { panic!("{what}: no error") };
        self.add(what, &error);
        self.0.push((what, error.to_string()));
        let mut source = std::error::Error::source(&error);
        while let Some(cause) = source {
            self.0.push((what, format!("{cause} {cause:?}")));
            source = cause.source();
        }
    }

    fn check(self, ids: &[SessionId]) {
        let ids: Vec<String> = ids.iter().map(SessionId::expose).collect();
        let bytes = format!("{:?}", MARKER.as_bytes());
        let secrets: Vec<&str> =
            ids.iter().map(String::as_str).chain([MARKER, bytes.trim_matches(['[', ']'])]).collect();
        let leaks = self.0.iter().filter(|(_, text)| secrets.iter().any(|secret| text.contains(secret)));
        let leaks: Vec<_> = leaks.map(|(what, _)| what).collect();
        assert!(leaks.is_empty(), "{leaks:?}");
    }
}

fn field() -> Field {
    Field::new("accounts").unwrap()
}

fn key() -> Key {
    Key::new(MARKER).unwrap()
}

fn value() -> Value {
    Value::new(Format::JSON, MARKER.as_bytes())
}

fn sign_in() -> SignIn {
    SignIn::new(Principal::new(MARKER).unwrap()).with_note(Note::new(MARKER).unwrap())
}

/// A delta that sets and removes entries with the marker in key and value.
fn delta() -> Delta {
    let mut delta = Delta::new();
    delta.set(Field::new("scalar").unwrap(), value());
    delta.insert(field(), key(), value());
    delta.insert(Field::new("members").unwrap(), key(), Value::MEMBER);
    delta.remove_key(Field::new("removed").unwrap(), key());
    // More keys than one chunk of a map has.
    (0..200).for_each(|n| delta.insert(field(), Key::new(&format!("{MARKER}-{n}")).unwrap(), value()));
    delta
}

fn new_session() -> NewSession {
    let new = NewSession::generate(Expiry::idle(Duration::from_secs(60))).unwrap();
    NewSession { entries: delta(), sign_in: Some(sign_in()), ..new }
}

#[derive(Debug, Default)]
struct Table(HashMap<IdDigest, Slot>);

impl Slots for Table {
    fn get(&self, id: &IdDigest) -> Option<&Slot> {
        self.0.get(id)
    }

    fn get_mut(&mut self, id: &IdDigest) -> Option<&mut Slot> {
        self.0.get_mut(id)
    }

    fn put(&mut self, id: IdDigest, slot: Slot) -> Option<Slot> {
        self.0.insert(id, slot)
    }
}

#[test]
fn plain_types_print_no_secret() {
    let (field, key, value) = (field(), key(), value());
    let id = SessionId::generate().unwrap();
    let to = id.generate_sibling().unwrap();
    let op = OpId::generate().unwrap();
    let update = Update {
        preconditions: vec![
            Precondition::Scalar(field.clone(), Some(value.clone())),
            Precondition::Keyed(field.clone(), key.clone(), Some(value.clone())),
        ],
        ..Update::new(op, delta())
    };
    let rotation = Rotation { delta: delta(), sign_in: Some(sign_in()), ..Rotation::new(op, to, RotationKind::Renew) };
    let mut table = Table::default();
    let rules = Rules { indexed: true, ..Rules::default() };
    let mut printed = Printed::default();
    let step = rules.create(&mut table, Timestamp::from_millis(1), id.digest(), &new_session()).unwrap();
    printed.add("Step", &step);
    printed.add("Slot, Live", &table);
    printed.add("Step", &rules.rotate(&mut table, Timestamp::from_millis(2), id.digest(), &rotation).unwrap());
    printed.add("Forward", &table);
    printed.add("Key", &key);
    printed.add("Value", &value);
    printed.add("Delta", &delta());
    printed.add("State", &State::from(&delta()));
    printed.add("Entry", &Entry::Keyed(&field, &key));
    printed.add("Selector", &Selector::Keyed(&field, &key));
    printed.add("Location", &Location { incarnation: Incarnation::from(1), entry: Entry::Keyed(&field, &key) });
    printed.add("Precondition", &update.preconditions);
    printed.add("Update", &update);
    printed.add("Rotation", &rotation);
    printed.add("NewSession", &new_session());
    printed.add("SignIn", &sign_in());
    printed.add("Rotate", &Rotate::privilege().with_sign_in(sign_in()));
    printed.add("SessionId", &id);
    printed.0.push(("SessionId", id.to_string()));
    printed.add("IdDigest", id.digest());
    printed.add("KeyRing", &KeyRing::new(*b"DE8937-MARKER-DE8937-MARKER-DE89"));
    printed.add("Sealed", &Sealed::new(Codecs::default(), KeyRing::new(*b"DE8937-MARKER-DE8937-MARKER-DE89")));
    printed.check(&[id, to]);
}

#[derive(Serialize, Deserialize)]
struct View {
    accounts: BTreeMap<String, String>,
    scalar: Option<String>,
}

#[tokio::test]
async fn handles_and_answers_of_a_store_print_no_secret() {
    let World { sessions, store, .. } = world();
    let feed = store.feed().unwrap();
    let mut feed = feed.subscribe().await.unwrap();
    let mut printed = Printed::default();
    let mut session = sessions.create().unwrap();
    let old = *session.id();
    session.set("scalar", MARKER).unwrap();
    (0..100).for_each(|n| session.map_mut("accounts").insert(format!("{MARKER}{n}"), MARKER).unwrap());
    session.members_mut("members").insert(MARKER).unwrap();
    printed.add("Session, recorded", &session);
    printed.add("Session::pending", session.pending());
    session.commit().await.unwrap();
    session.view::<View>().unwrap();
    session.map_mut("accounts").remove(MARKER).unwrap();
    store.lose_next_answer();
    printed.add_error("a lost answer", session.commit().await);
    printed.add("Session, unsettled", &session);
    session.commit().await.unwrap();
    printed.add("Rotated", &session.rotate(Rotate::privilege().with_sign_in(sign_in())).await.unwrap());
    printed.add("Session, signed in", &session);
    printed.add("Session::state", &session.state());
    printed.add("Map", &session.map("accounts"));
    printed.add("Set", &session.members_mut("members"));
    let answer = store.load(session.id(), LoadOptions::default()).await.unwrap();
    printed.add("LoadOutcome", &answer);
    let LoadOutcome::Found(found) = answer else { panic!("{answer:?}") };
    printed.add("Found", &found);
    printed.add("Record", &*found.record);
    printed.add("IndexedSession", &sessions.list(&Principal::new(MARKER).unwrap()).await.unwrap());
    printed.add("Watch", &sessions.watch(session.id()).await.unwrap());
    let mut end = None;
    while end != Some(found.record.stamp()) {
        let item = feed.next().await.unwrap();
        printed.add("FeedItem", &item);
        if let FeedItem::Change(change) = item {
            end = change.after;
        }
    }
    printed.add("Sessions", &sessions);
    printed.add("SessionsBuilder", &Sessions::builder(Arc::new(store.clone())));
    printed.add("the store", store.inner());
    printed.add_error("another type of value", session.get::<u32>("scalar"));
    printed.add_error("another type of value in a map", session.map("accounts").get::<u32>(format!("{MARKER}1")));
    printed.add_error("another type of key", session.map("accounts").iter::<u32, String>().next().unwrap());
    printed.add_error("another type of member", session.members("members").iter::<u32>().next().unwrap());
    printed.add_error("a key that is too long", session.map("accounts").get::<u32>(MARKER.repeat(100)));
    printed.add_error("a value that is too large", session.set("scalar", MARKER.repeat(10_000)));
    printed.add_error("an id that is too long", format!("{MARKER}{MARKER}").parse::<SessionId>());
    printed.add_error("a principal that is too long", Principal::new(&MARKER.repeat(100)));
    session.destroy().await.unwrap();
    printed.add_error("a session that has ended", sessions.open(session.id()).await);
    printed.check(&[old, *session.id()]);
}
