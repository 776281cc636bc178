//! Formats that do not describe themselves: values of types whose attributes change what serde writes.
#![cfg(any(feature = "bincode", feature = "postcard"))]

use std::{collections::BTreeMap, fmt::Debug};

use proptest::prelude::*;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use session_core::{
    Error, ErrorKind,
    codec::{Codecs, Location},
    model::{Entry, Field, Incarnation},
};

/// The formats, and each of them sealed, which goes through erased serializers.
fn formats() -> Vec<Codecs> {
    let mut formats = Vec::new();
    #[cfg(feature = "bincode")]
    formats.push(Codecs::new(session_core::codec::Bincode));
    #[cfg(feature = "postcard")]
    formats.push(Codecs::new(session_core::codec::Postcard));
    #[cfg(feature = "sealed")]
    {
        use session_core::codec::{KeyRing, Sealed};
        let seal = |codecs: &Codecs| Codecs::new(Sealed::new(codecs.clone(), KeyRing::new([3; 32])));
        let sealed: Vec<Codecs> = formats.iter().map(seal).collect();
        formats.extend(sealed);
    }
    formats
}

/// What became of a value that was written.
#[derive(Debug, PartialEq)]
enum Outcome<T> {
    /// It was refused before anything was stored.
    Refused,
    /// Reading it failed.
    Unreadable,
    /// It was read.
    Read(T),
}

fn written_and_read<T: Serialize + DeserializeOwned>(codecs: &Codecs, value: &T) -> Outcome<T> {
    let field = Field::new("f").unwrap();
    let at = Location { incarnation: Incarnation::from(1), entry: Entry::Scalar(&field) };
    let is = |error: Error, kind| assert_eq!((error.kind(), error.field()), (kind, Some(&field)), "{error}");
    let stored = match codecs.encode(value, &at) {
        Ok(stored) => stored,
        Err(error) => {
            assert!(error.to_string().contains("JSON"), "{error} names the remedy");
            is(error, ErrorKind::InvalidInput);
            return Outcome::Refused;
        }
    };
    match codecs.decode(&stored, &at) {
        Ok(read) => Outcome::Read(read),
        Err(error) => {
            is(error, ErrorKind::UnreadableField);
            Outcome::Unreadable
        }
    }
}

fn each<T: Clone + Debug + PartialEq + Serialize + DeserializeOwned>(value: &T, is: fn(T) -> Outcome<T>) {
    for codecs in formats() {
        assert_eq!(written_and_read(&codecs, value), is(value.clone()), "{codecs:?}");
        let nested = (1u8, vec![Some(value.clone())]);
        let expected = match is(value.clone()) {
            Outcome::Read(value) => Outcome::Read((1, vec![Some(value)])),
            Outcome::Refused => Outcome::Refused,
            Outcome::Unreadable => Outcome::Unreadable,
        };
        assert_eq!(written_and_read(&codecs, &nested), expected, "{codecs:?}");
    }
}

/// Fields that are written only sometimes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Skipping {
    #[serde(skip_serializing_if = "Option::is_none")]
    first: Option<u8>,
    second: Option<u8>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    last: Vec<u8>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
enum SkippingVariant {
    Struct {
        #[serde(skip_serializing_if = "Option::is_none")]
        first: Option<u8>,
        second: u8,
    },
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Never {
    #[serde(skip)]
    cached: u8,
    kept: u8,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Flat {
    name: String,
    #[serde(flatten)]
    more: BTreeMap<String, u8>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind")]
enum Tagged {
    Card { number: u32 },
    Cash,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", content = "is")]
enum Adjacent {
    Card { number: u32 },
    Pair(u8, String),
    Cash,
}

/// A struct with a field that is a variant, as in `Adjacent`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Kinded {
    kind: Kind,
    more: Vec<Kind>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
enum Kind {
    Some,
    Other(Option<Box<Kind>>),
}

/// A struct with the name of the type of its field.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename = "Kind")]
struct Namesake {
    number: u8,
    kind: Kind,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
enum Untagged {
    Number(u64),
    Text(String),
    List(Vec<Untagged>),
}

#[test]
fn what_would_be_read_in_the_place_of_something_else_is_refused() {
    each(&Skipping { first: None, second: Some(1), last: vec![1] }, |_| Outcome::Refused);
    each(&Skipping { first: Some(1), second: None, last: vec![] }, |_| Outcome::Refused);
    each(&SkippingVariant::Struct { first: None, second: 1 }, |_| Outcome::Refused);
    each(&Flat { name: String::new(), more: BTreeMap::new() }, |_| Outcome::Refused);
    for adjacent in [Adjacent::Card { number: 1 }, Adjacent::Pair(1, "x".into()), Adjacent::Cash] {
        each(&adjacent, |_| Outcome::Refused);
    }
    // Nothing is skipped in these, or always.
    each(&Skipping { first: Some(1), second: None, last: vec![1] }, Outcome::Read);
    each(&SkippingVariant::Struct { first: Some(1), second: 1 }, Outcome::Read);
    each(&Never { cached: 0, kept: 1 }, Outcome::Read);
    each(&Namesake { number: 1, kind: Kind::Some }, Outcome::Read);
    each(&Kinded { kind: Kind::Some, more: vec![Kind::Other(Some(Box::new(Kind::Some)))] }, Outcome::Read);
}

/// The limit of the check: nothing in what these write tells them from other types.
#[test]
fn what_asks_for_the_type_that_was_written_is_an_error_when_it_is_read() {
    each(&Tagged::Card { number: 1 }, |_| Outcome::Unreadable);
    each(&Tagged::Cash, |_| Outcome::Unreadable);
    for untagged in [Untagged::Number(1), Untagged::Text("x".into()), Untagged::List(vec![Untagged::Number(1)])] {
        each(&untagged, |_| Outcome::Unreadable);
    }
    for json in [serde_json::json!({"a": [1, null, "x"]}), serde_json::json!(2), serde_json::json!(null)] {
        each(&json, |_| Outcome::Unreadable);
    }
}

proptest! {
    #[test]
    fn a_value_with_skipped_fields_reads_back_or_is_refused(
        first: Option<u8>, second: Option<u8>, last in prop::collection::vec(any::<u8>(), 0..3),
    ) {
        let value = Skipping { first, second, last };
        for codecs in formats() {
            let expected = match first.is_none() || value.last.is_empty() {
                true => Outcome::Refused,
                false => Outcome::Read(value.clone()),
            };
            prop_assert_eq!(written_and_read(&codecs, &value), expected);
        }
    }
}
