//! Names and values of every kind read back as they were written.

use session_core::{
    ErrorKind, Principal, SessionId,
    model::{Field, Key, Value},
    store::{Absent, LoadOutcome},
};

use crate::{
    model::{Changes, Model, changes},
    must::must_be,
    world::{World, new_id},
};

/// The greatest length of the name of a field.
const MAX_NAME_BYTES: usize = 255;
/// The greatest length of a key.
const MAX_KEY_BYTES: usize = 1_024;

/// Stores these entries in two ways and compares the result; then removes each again.
async fn comes_back(world: &World, entries: &Changes) {
    let (created, _) = world.start_with(entries).await;
    let updated = world.start().await;
    world.apply(&updated, entries).await;
    for id in [created, updated] {
        assert_eq!(world.model(&id).await, Model::from(entries));
    }
}

/// Text that a store might mistake for its own syntax or keys.
const ODD: [&str; 24] = [
    " ",
    "\0",
    "a\0b",
    "\n",
    "\r\n",
    "\t",
    ":",
    ":meta",
    "meta",
    "_",
    "__v",
    "@s",
    "!",
    "*",
    "{0}",
    "{",
    "%",
    "\\",
    "\"",
    "'",
    "0",
    "-1",
    "ä",
    "日本語 \u{1F36A}\u{200D}\u{FEFF}",
];

/// Empty and overlong names cannot be built, so a store never receives one.
pub(crate) async fn invalid_names_cannot_be_built(_: &World) {
    let long = "x".repeat(MAX_KEY_BYTES + 1);
    let refused = [Field::new("").err(), Field::new(&long).err(), Key::new(&long).err(), Principal::new("").err()];
    for error in refused {
        assert_eq!(error.map(|error| error.kind()), Some(ErrorKind::InvalidInput));
    }
    for text in ["", "x", "AAAAAAAAAAAAAAAAAAAAAAA", "AAAAAAAAAAAAAAAAAAAAAAA="] {
        assert!(text.parse::<SessionId>().is_err());
    }
}

/// A field name may be any text.
pub(crate) async fn any_field_name_reads_back(world: &World) {
    let entries = ODD.iter().fold(changes(), |all, name| all.set(name, name).insert(name, "k", name));
    comes_back(world, &entries).await;
}

/// A key may be any text, including the empty one.
pub(crate) async fn any_key_reads_back(world: &World) {
    let entries = ODD.iter().fold(changes().insert("f", "", "empty"), |all, key| all.insert("f", key, key));
    comes_back(world, &entries).await;
    let (id, _) = world.start_with(&entries).await;
    let removed = ODD.iter().fold(changes(), |all, key| all.remove_key("f", key));
    world.apply(&id, &removed).await;
    assert_eq!(world.model(&id).await, Model::from(&changes().insert("f", "", "empty")));
}

/// Field and key are two names, whatever separates them in the store.
pub(crate) async fn field_and_key_do_not_run_together(world: &World) {
    let mut entries = changes();
    for separator in [":", "\0", ".", "/", " ", "\u{1f}", "\u{ff}"] {
        entries = entries
            .insert("a", &format!("b{separator}c"), "1")
            .insert(&format!("a{separator}b"), "c", "2")
            .set(&format!("a{separator}b{separator}c"), "3")
            .insert(&format!("{separator}a"), "b", "4")
            .insert("a", &format!("{separator}b"), "5")
            .set(&format!("a{separator}"), "6");
    }
    comes_back(world, &entries).await;
    let (id, _) = world.start_with(&entries).await;
    let cleared = changes().clear("a");
    world.apply(&id, &cleared).await;
    assert_eq!(world.model(&id).await, Model::from(&entries).after(&cleared));
}

/// Names of the greatest length work, and differ in their last byte.
pub(crate) async fn the_longest_names_read_back(world: &World) {
    let long = |last: &str, len: usize| format!("{}{last}", "x".repeat(len - 1));
    let [field, other_field] = ["a", "b"].map(|last| long(last, MAX_NAME_BYTES));
    let [key, other_key] = ["a", "b"].map(|last| long(last, MAX_KEY_BYTES));
    let scalars = changes().set(&field, "1").set(&other_field, "2");
    let entries = scalars.insert(&field, &key, "3").insert(&field, &other_key, "4");
    comes_back(world, &entries).await;
}

/// Every byte may occur anywhere in a value.
pub(crate) async fn every_byte_reads_back(world: &World) {
    let all: Vec<u8> = (0..=255).collect();
    let value = Value::from(all);
    comes_back(world, &changes().set_value("all", &value).insert_value("all", "k", &value)).await;
}

/// A value that cannot be decoded is stored and returned unchanged; decoding is up to the reader.
pub(crate) async fn undecodable_values_read_back(world: &World) {
    let entries = (0..=255u8).fold(changes(), |all, format| {
        let value = Value::from(vec![format, 0xff, 0x00, 0xfe]);
        all.set_value(&format!("scalar-{format}"), &value).insert_value("keyed", &format.to_string(), &value)
    });
    comes_back(world, &entries).await;
}

/// The empty value is a value: of a member of a set, and of a scalar.
pub(crate) async fn empty_values_read_back(world: &World) {
    let member = &Value::MEMBER;
    comes_back(world, &changes().set_value("flag", member).insert_value("roles", "admin", member)).await;
}

/// A session of 10,000 entries, or as many as the store allows, reads back whole.
pub(crate) async fn ten_thousand_entries_read_back(world: &World) {
    let entries = world.store().limits().max_entries.min(10_000);
    let entries = (0..entries).fold(changes(), |all, at| all.insert_value("m", &format!("{at:05}"), &Value::MEMBER));
    comes_back(world, &entries).await;
}

/// A delta of 5,000 removals, or half of the store's entry limit, is one step.
pub(crate) async fn thousands_of_removals_fit_in_one_delta(world: &World) {
    let entries = world.store().limits().max_entries.min(10_000);
    let all = (0..entries).fold(changes(), |all, at| all.insert_value("m", &format!("{at:05}"), &Value::MEMBER));
    let even = (0..entries).step_by(2).fold(changes(), |even, at| even.remove_key("m", &format!("{at:05}")));
    let (id, _) = world.start_with(&all).await;
    assert_eq!(world.apply(&id, &even).await.stamp.version(), 2);
    assert_eq!(world.model(&id).await, Model::from(&all).after(&even));
}

/// Ids that this server did not issue find nothing and leave nothing, however many there are.
pub(crate) async fn unissued_ids_find_nothing(world: &World) {
    let id = world.start().await;
    for _ in 0..50 {
        must_be!(world.load(&new_id()).await, LoadOutcome::Absent(Absent::NotFound(None)));
    }
    assert!(world.is_live(&id).await);
}

/// No error message contains an id, a key or a value, because errors go to logs.
pub(crate) async fn errors_contain_no_secrets(world: &World) {
    let id = world.start().await;
    let mut huge = b"secret-value ".to_vec();
    huge.resize(world.store().limits().max_value_bytes + 1, b'.');
    let delta = changes().insert_value("cart", "secret-key", &Value::from(huge));
    let error = must_be!(world.store().apply(&id, &crate::world::update(&delta)).await, Err(error) => error);
    for shown in [format!("{error}"), format!("{error:?}")] {
        assert!(!shown.contains("secret") && !shown.contains(&id.expose()), "{shown}");
    }
}
