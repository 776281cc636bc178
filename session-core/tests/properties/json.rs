//! The default format: a value reads back as what was written, or it is refused.
#![cfg(feature = "json")]

use std::collections::{BTreeMap, HashMap};

use proptest::prelude::*;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use session_core::{
    Error, ErrorKind,
    codec::{Codecs, Location},
    model::{Entry, Field, Incarnation, Value},
};

fn encode<T: Serialize + ?Sized>(value: &T) -> Result<Value, Error> {
    let field = Field::new("f").unwrap();
    Codecs::default().encode(value, &Location { incarnation: Incarnation::from(1), entry: Entry::Scalar(&field) })
}

fn decode<T: DeserializeOwned>(value: &Value) -> Result<T, Error> {
    let field = Field::new("f").unwrap();
    Codecs::default().decode(value, &Location { incarnation: Incarnation::from(1), entry: Entry::Scalar(&field) })
}

/// What is written as a `W` and read as an `R`; `None` if that is an error.
pub(crate) fn read_as<R: DeserializeOwned>(written: &impl Serialize) -> Option<R> {
    match decode(&encode(written).unwrap()) {
        Ok(read) => Some(read),
        Err(error) => {
            assert_eq!((error.kind(), error.field().unwrap().as_str()), (ErrorKind::UnreadableField, "f"));
            None
        }
    }
}

fn is_refused(value: &impl Serialize) -> bool {
    encode(value).is_err_and(|error| error.kind() == ErrorKind::InvalidInput)
}

pub(crate) fn round_trips<T: Serialize + DeserializeOwned + PartialEq>(value: &T) -> bool {
    read_as::<T>(value).as_ref() == Some(value)
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Wrapper<T>(T);

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Unit;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
enum Role {
    Admin,
    User,
    Guest(Option<u32>),
    Named { name: String, level: f64 },
    Pair(u8, Option<String>),
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind")]
enum Tagged {
    Card { number: u32 },
    Cash,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "t", content = "c")]
enum Adjacent {
    One(u32),
    Two { a: i64 },
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
enum Untagged {
    Number(i64),
    Text(String),
    List(Vec<Untagged>),
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Address {
    #[serde(rename = "postcode")]
    zip: String,
    #[serde(default)]
    floor: u8,
    #[serde(skip_serializing_if = "Option::is_none")]
    note: Option<String>,
    #[serde(flatten)]
    more: BTreeMap<String, i32>,
}

/// What the release before wrote, and what it reads after a rollback.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Before {
    name: String,
    level: u8,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct After {
    level: u8,
    #[serde(default)]
    added: Vec<u32>,
    name: String,
}

#[test]
fn numbers_are_read_by_their_value() {
    assert_eq!(read_as::<u64>(&42i32), Some(42));
    assert_eq!(read_as::<i64>(&42u64), Some(42));
    assert_eq!(read_as::<i32>(&5u32), Some(5));
    assert_eq!(read_as::<u8>(&300u32), None);
    assert_eq!(read_as::<u32>(&-1i32), None);
    assert_eq!(read_as::<bool>(&1u32), None);
    assert_eq!(read_as::<f64>(&2u32), Some(2.0));
    assert_eq!(read_as::<u32>(&2.0f64), None);
    assert_eq!(read_as::<u32>(&"2"), None);
    assert_eq!(read_as::<String>(&2u32), None);
    assert_eq!(read_as::<Role>(&1u32), None);
    assert_eq!(read_as::<Before>(&HashMap::from([(0u32, "n")])), None);
    assert!(round_trips(&u128::MAX) && round_trips(&i128::MIN) && round_trips(&u64::MAX));
    assert_eq!(read_as::<u64>(&u128::MAX), None);
}

#[test]
fn a_struct_may_gain_lose_and_move_fields() {
    let before = Before { name: "ada".into(), level: 3 };
    let after = After { level: 3, added: Vec::new(), name: "ada".into() };
    assert_eq!(read_as::<After>(&before), Some(after.clone()));
    assert_eq!(read_as::<Before>(&After { added: vec![1], ..after }), Some(before));
}

#[test]
fn every_shape_of_serde_round_trips() {
    let address = Address { zip: "0150".into(), floor: 2, note: None, more: BTreeMap::from([("x".into(), -1)]) };
    assert!(round_trips(&address));
    assert!(round_trips(&Some(address)));
    let roles = [
        Role::Admin,
        Role::User,
        Role::Guest(None),
        Role::Guest(Some(1)),
        Role::Named { name: "n".into(), level: -0.5 },
        Role::Pair(1, None),
    ];
    assert!(roles.iter().all(round_trips));
    assert!(round_trips(&Tagged::Card { number: 1 }) && round_trips(&Tagged::Cash));
    assert!(round_trips(&Adjacent::One(1)) && round_trips(&Adjacent::Two { a: -1 }));
    assert!(round_trips(&Untagged::List(vec![Untagged::Number(1), Untagged::Text("t".into())])));
    assert!(round_trips(&serde_json::json!({"a": [1, -2, 0.5, null, true, "x"], "b": {}})));
    assert!(round_trips(&BTreeMap::from([(1u8, 'a'), (2, 'b')])));
    assert!(round_trips(&BTreeMap::from([(i64::MIN, 1u128)])));
    assert!(round_trips(&(Unit, (), [1u8; 3], "text".to_owned(), 'c')));
    assert!(round_trips(&Wrapper(Wrapper(None::<u8>))));
    assert!(round_trips(&vec![None, Some(1u8)]));
    assert!(round_trips(&std::time::SystemTime::UNIX_EPOCH));
    assert!(round_trips(&std::time::Duration::MAX));
    assert!(round_trips(&std::net::Ipv6Addr::LOCALHOST));
}

#[test]
fn types_of_other_crates_round_trip() {
    let moment = chrono::DateTime::from_timestamp(1_700_000_000, 123_456_789).unwrap();
    assert!(round_trips(&moment) && round_trips(&moment.date_naive()) && round_trips(&Some(moment)));
    let moment = time::OffsetDateTime::UNIX_EPOCH + time::Duration::nanoseconds(1_700_000_000_123_456_789);
    assert!(round_trips(&moment) && round_trips(&moment.date()) && round_trips(&time::Duration::MIN));
    for decimal in [rust_decimal::Decimal::MAX, rust_decimal::Decimal::new(-1_999, 2), rust_decimal::Decimal::ZERO] {
        assert!(round_trips(&decimal));
    }
    assert!(round_trips(&url::Url::parse("https://example.org/a?b=c#d").unwrap()));
    assert!(round_trips(&uuid::Uuid::from_u128(7)) && round_trips(&BTreeMap::from([(uuid::Uuid::nil(), 1u8)])));
}

/// `serde_json` would write `null` for each of them without an error.
#[test]
fn what_would_be_read_as_something_else_is_refused() {
    assert!(is_refused(&f64::INFINITY) && is_refused(&f64::NAN) && is_refused(&f32::NEG_INFINITY));
    assert!(is_refused(&Some(f64::NAN)) && is_refused(&vec![1.0, f64::NAN]));
    assert!(is_refused(&Role::Named { name: String::new(), level: f64::NAN }));
    assert!(is_refused(&Some(None::<u8>)) && is_refused(&Some(())) && is_refused(&Some(Unit)));
    assert!(is_refused(&Some(Wrapper(None::<u8>))) && is_refused(&Some(Some(()))));
    assert!(is_refused(&vec![Some(None::<u8>)]) && is_refused(&BTreeMap::from([("k", Some(()))])));
    assert!(is_refused(&(Role::Guest(None), Some(None::<u8>))));
    assert!(is_refused(&Some(serde_json::Value::Null)));
    assert!(is_refused(&BTreeMap::from([((1u8, 2u8), 3u8)])), "keys are texts");
    // These differ from the ones above in that nothing is lost.
    assert!(round_trips(&None::<Option<u8>>) && round_trips(&Some(Some(1u8))) && round_trips(&Some(vec![None::<u8>])));
}

/// Arrays nested in arrays.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Nested(Vec<Nested>);

/// Objects nested in objects, two for each value.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
enum List {
    End,
    Node { next: Box<List> },
    Short(Box<List>),
}

#[test]
fn what_is_nested_too_deeply_to_be_read_is_refused() {
    let deep = |levels: usize| (1..levels).fold(Nested(Vec::new()), |inner, _| Nested(vec![inner]));
    assert!(round_trips(&deep(127)) && is_refused(&deep(128)));
    let nodes = |levels: usize| (0..levels).fold(List::End, |inner, _| List::Node { next: Box::new(inner) });
    assert!(round_trips(&nodes(63)) && is_refused(&nodes(64)));
    let short = |levels: usize| (0..levels).fold(List::End, |inner, _| List::Short(Box::new(inner)));
    assert!(round_trips(&short(127)) && is_refused(&short(128)));
}

/// A type of the corpus: values of it as they are stored, and how a stored value reads as it, written again.
struct Typed {
    name: &'static str,
    stored: Vec<Value>,
    read: fn(&Value) -> Option<Value>,
}

fn typed<T: Serialize + DeserializeOwned>(name: &'static str, values: impl IntoIterator<Item = T>) -> Typed {
    let stored = values.into_iter().map(|value| encode(&value).unwrap()).collect();
    Typed { name, stored, read: |value| decode::<T>(value).ok().map(|read| encode(&read).unwrap()) }
}

/// Whether a value that was read says nothing else than what was written. Fields may be missing, and a float is the nearest
/// one of its type.
fn says_the_same(read: &serde_json::Value, written: &serde_json::Value) -> bool {
    use serde_json::Value::{Array, Null, Number, Object};
    match (read, written) {
        (Number(read), Number(written)) if written.is_f64() => {
            let (read, written) = (read.as_f64().unwrap(), written.as_f64().unwrap());
            read == written || (read as f32) == (written as f32)
        }
        (Number(read), Number(written)) => {
            // An `f32` is written with the digits that tell it from its neighbours.
            let is_written = |float: f64| format!("{float:.0}") == written.to_string();
            let float = || read.as_f64().unwrap();
            read == written || (read.is_f64() && (is_written(float()) || is_written(f64::from(float() as f32))))
        }
        (Array(read), Array(written)) => {
            read.len() == written.len() && read.iter().zip(written).all(|(read, written)| says_the_same(read, written))
        }
        // A struct may be read from a tuple of its fields, in order.
        (Object(read), Array(written)) => {
            read.values().all(|read| written.iter().any(|other| says_the_same(read, other)))
        }
        (Object(read), Object(written)) => {
            let same = |(key, read): (&String, _)| match written.get(key) {
                Some(written) => says_the_same(read, written),
                // A field that came later has its default.
                None => matches!(read, Null | Array(_) | Number(_)),
            };
            read.iter().all(same)
        }
        (read, written) => read == written,
    }
}

#[test]
fn what_one_type_writes_another_reads_rightly_or_not_at_all() {
    let text = |text: &str| text.to_owned();
    let corpus = [
        typed("bool", [false, true]),
        typed("i8", [i8::MIN, -1, 0, 2]),
        typed("i32", [i32::MIN, -1, 2, 42]),
        typed("i64", [i64::MIN, i64::MAX]),
        typed("i128", [i128::MIN, -1, i128::MAX]),
        typed("u8", [0, 2, u8::MAX]),
        typed("u32", [0, 2, u32::MAX]),
        typed("u64", [0, 1 << 53, u64::MAX]),
        typed("u128", [0, u128::MAX]),
        typed("f32", [0.0, -0.5, 1.1, f32::MAX]),
        typed("f64", [0.0, 0.1, 1e300, f64::MIN_POSITIVE]),
        typed("char", ['c', '7']),
        typed("String", ["", "2", "true", "null", "Admin", "0150"].map(text)),
        typed("Option<u8>", [None, Some(7)]),
        typed("Option<String>", [None, Some(text("x"))]),
        typed("()", [()]),
        typed("Unit", [Unit]),
        typed("Wrapper", [Wrapper(3u16)]),
        typed("Vec<u8>", [vec![], vec![1, 2, 3]]),
        typed("Vec<Option<i8>>", [vec![None, Some(-1)]]),
        typed("(String, u8)", [(text("ada"), 3u8)]),
        typed("[u8; 2]", [[1u8, 2]]),
        typed("map of texts", [BTreeMap::from([(text("name"), text("ada"))])]),
        typed("map of numbers", [BTreeMap::from([(0u32, 5i64), (1, -5)])]),
        typed("Role", [Role::Admin, Role::Guest(None), Role::Pair(1, None), Role::Guest(Some(2))]),
        typed("Tagged", [Tagged::Cash, Tagged::Card { number: 2 }]),
        typed("Adjacent", [Adjacent::One(1), Adjacent::Two { a: -1 }]),
        typed("Untagged", [Untagged::Number(2), Untagged::List(vec![Untagged::Text(text("x"))])]),
        typed("Before", [Before { name: text("ada"), level: 3 }]),
        typed("After", [After { level: 3, added: vec![1], name: text("ada") }]),
        typed("Address", [Address { zip: text("0150"), ..Address::default() }]),
        typed("SystemTime", [std::time::SystemTime::UNIX_EPOCH]),
        typed("Duration", [std::time::Duration::from_millis(1_500)]),
        typed("serde_json::Value", [serde_json::json!({"a": [1, null, "x"]}), serde_json::json!(2)]),
    ];
    let parsed = |value: &Value| serde_json::from_slice::<serde_json::Value>(value.payload()).unwrap();
    let (mut read_as_another, mut refused) = (0, 0);
    for writer in &corpus {
        for (stored, reader) in
            writer.stored.iter().flat_map(|stored| corpus.iter().map(move |reader| (stored, reader)))
        {
            match (reader.read)(stored) {
                Some(read) => {
                    read_as_another += usize::from(reader.name != writer.name);
                    let (read, written) = (parsed(&read), parsed(stored));
                    assert!(
                        says_the_same(&read, &written),
                        "{written} of {} read as {}: {read}",
                        writer.name,
                        reader.name
                    );
                }
                None => {
                    refused += 1;
                    assert_ne!(reader.name, writer.name, "{:?} is read back", parsed(stored));
                }
            }
        }
    }
    assert!(read_as_another > 200 && refused > 1_000, "{read_as_another} {refused}");
}

/// Any value, with everything that the format may have to refuse.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
enum Any {
    Float(f64),
    Optional(Option<Box<Any>>),
    Wrapped(Wrapper<Option<Option<u8>>>),
    Unit(Option<()>),
    List(Vec<Any>),
    Map(BTreeMap<String, Option<f32>>),
    Integers(i128, u64),
}

fn any_value() -> impl Strategy<Value = Any> {
    let leaf = prop_oneof![
        any::<f64>().prop_map(Any::Float),
        Just(Any::Float(f64::NAN)),
        Just(Any::Optional(None)),
        any::<Option<Option<u8>>>().prop_map(|value| Any::Wrapped(Wrapper(value))),
        any::<Option<()>>().prop_map(Any::Unit),
        prop::collection::btree_map(".{0,3}", any::<Option<f32>>(), 0..3).prop_map(Any::Map),
        any::<(i128, u64)>().prop_map(|(a, b)| Any::Integers(a, b)),
    ];
    leaf.prop_recursive(4, 16, 4, |inner| {
        prop_oneof![
            inner.clone().prop_map(|value| Any::Optional(Some(Box::new(value)))),
            prop::collection::vec(inner, 0..4).prop_map(Any::List),
        ]
    })
}

proptest! {
    #[test]
    fn a_value_reads_back_or_is_refused(value in any_value()) {
        match encode(&value) {
            Ok(written) => prop_assert_eq!(decode::<Any>(&written).unwrap(), value),
            Err(error) => prop_assert_eq!(error.kind(), ErrorKind::InvalidInput),
        }
    }
}
