//! Codecs: written values can be read, and a damaged value is an error on its field alone.
#![cfg(all(feature = "bincode", feature = "json"))]

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Debug,
};

use proptest::{collection::vec, prelude::*};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use session_core::{
    ErrorKind,
    codec::{Bincode, Codecs, Json, Location},
    model::{Entry, Incarnation, Value},
};

use crate::strategy::{field, key};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Sample {
    numbers: (u8, i16, u64, i64),
    text: (String, char, bool),
    map: BTreeMap<String, Option<i32>>,
    set: BTreeSet<u16>,
    kinds: Vec<Kind>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
enum Kind {
    Unit,
    Newtype(String),
    Tuple(u8, i8),
    Struct { bytes: Vec<u8> },
}

fn kind() -> impl Strategy<Value = Kind> {
    prop_oneof![
        Just(Kind::Unit),
        any::<String>().prop_map(Kind::Newtype),
        any::<(u8, i8)>().prop_map(|(a, b)| Kind::Tuple(a, b)),
        vec(any::<u8>(), 0..9).prop_map(|bytes| Kind::Struct { bytes }),
    ]
}

fn sample() -> impl Strategy<Value = Sample> {
    let maps = prop::collection::btree_map(any::<String>(), any::<Option<i32>>(), 0..4);
    let sets = prop::collection::btree_set(any::<u16>(), 0..4);
    (any::<(u8, i16, u64, i64)>(), any::<(String, char, bool)>(), maps, sets, vec(kind(), 0..4))
        .prop_map(|(numbers, text, map, set, kinds)| Sample { numbers, text, map, set, kinds })
}

fn all() -> Vec<Codecs> {
    let mut all = vec![Codecs::new(Bincode), Codecs::new(Json)];
    #[cfg(feature = "postcard")]
    all.push(Codecs::new(session_core::codec::Postcard));
    #[cfg(feature = "sealed")]
    {
        use session_core::codec::{KeyRing, Sealed};
        let sealed: Vec<Codecs> =
            all.iter().map(|codecs| Codecs::new(Sealed::new(codecs.clone(), KeyRing::new([3; 32])))).collect();
        all.extend(sealed);
    }
    all
}

fn round_trip<T>(codecs: &Codecs, value: &T, at: &Location<'_>) -> Result<Value, TestCaseError>
where
    T: Serialize + DeserializeOwned + PartialEq + Debug,
{
    let written = codecs.encode(value, at).unwrap();
    prop_assert_eq!(&codecs.decode::<T>(&written, at).unwrap(), value);
    Ok(written)
}

/// Reading fails with the field's name, or the value can be written again.
fn strict<T: Serialize + DeserializeOwned>(codecs: &Codecs, value: &Value, at: &Location<'_>) {
    match codecs.decode::<T>(value, at) {
        Ok(read) => drop(codecs.encode(&read, at).unwrap()),
        Err(error) => {
            assert_eq!(error.kind(), ErrorKind::UnreadableField);
            assert_eq!(error.field(), Some(at.entry.field()));
        }
    }
}

/// A type, by the function that writes a value of it and the one that tells whether a value reads as it.
type Typed = (&'static str, fn(&Codecs, &Location<'_>) -> Value, fn(&Codecs, &Value, &Location<'_>) -> bool);

fn typed<T: Serialize + DeserializeOwned + Default>(name: &'static str) -> Typed {
    (
        name,
        |codecs, at| codecs.encode(&T::default(), at).unwrap(),
        |codecs, value, at| codecs.decode::<T>(value, at).is_ok(),
    )
}

#[derive(Default, Serialize, Deserialize)]
struct Empty {}

#[derive(Default, Serialize, Deserialize)]
enum Choice {
    #[default]
    First,
}

/// The bytes of most of these values read as several of the types. Only the shape beside them tells one from another.
#[test]
fn a_value_of_a_format_that_does_not_describe_itself_reads_as_no_other_type() {
    let types = [
        typed::<bool>("bool"),
        typed::<i8>("i8"),
        typed::<i16>("i16"),
        typed::<i32>("i32"),
        typed::<i64>("i64"),
        typed::<i128>("i128"),
        typed::<u8>("u8"),
        typed::<u16>("u16"),
        typed::<u32>("u32"),
        typed::<u64>("u64"),
        typed::<u128>("u128"),
        typed::<f32>("f32"),
        typed::<f64>("f64"),
        typed::<char>("char"),
        typed::<String>("String"),
        typed::<Option<u8>>("Option"),
        typed::<()>("()"),
        typed::<Vec<u8>>("Vec"),
        typed::<(u8,)>("(u8,)"),
        typed::<BTreeMap<u8, u8>>("BTreeMap"),
        typed::<Empty>("struct"),
        typed::<Choice>("enum"),
    ];
    let name = session_core::model::Field::new("f").unwrap();
    let at = Location { incarnation: Incarnation::from(1), entry: Entry::Scalar(&name) };
    let mut formats = vec![Codecs::new(Bincode)];
    #[cfg(feature = "postcard")]
    formats.push(Codecs::new(session_core::codec::Postcard));
    for codecs in formats {
        for (shape, (written, write, _)) in (1..).zip(&types) {
            let value = write(&codecs, &at);
            for (read, _, reads) in &types {
                assert_eq!(reads(&codecs, &value, &at), written == read, "{written} read as {read} by {codecs:?}");
            }
            // The numbers of shapes are stored: they never change.
            let skipped =
                [("Option", 1), ("()", 1), ("Vec", 2), ("(u8,)", 2), ("BTreeMap", 2), ("struct", 2), ("enum", 2)];
            let skipped = skipped.iter().find(|(name, _)| name == written).map_or(0, |(_, skipped)| *skipped);
            assert_eq!(value.payload()[0], shape + skipped, "{written}");
        }
    }
}

proptest! {
    #[test]
    fn written_values_can_be_read(sample in sample(), f in field(), k in key(), incarnation: u64) {
        let incarnation = Incarnation::from(incarnation);
        for codecs in all() {
            for entry in [Entry::Scalar(&f), Entry::Keyed(&f, &k)] {
                let at = Location { incarnation, entry };
                round_trip(&codecs, &sample, &at)?;
                round_trip(&codecs, &sample.numbers, &at)?;
                round_trip(&codecs, &sample.text.0, &at)?;
                round_trip(&codecs, &sample.map, &at)?;
                round_trip(&codecs, &Some(sample.set.clone()), &at)?;
            }
        }
    }

    #[test]
    fn damaged_values_are_errors_on_their_field(
        sample in sample(), f in field(), at: prop::sample::Index, bits: u8, cut: prop::sample::Index,
    ) {
        let location = Location { incarnation: Incarnation::from(1), entry: Entry::Scalar(&f) };
        for codecs in all() {
            let mut bytes = codecs.encode(&sample, &location).unwrap().as_bytes().to_vec();
            let place = at.index(bytes.len());
            bytes[place] ^= bits;
            bytes.truncate(cut.index(2 * bytes.len()).max(1));
            let value = Value::from(bytes);
            strict::<Sample>(&codecs, &value, &location);
            strict::<String>(&codecs, &value, &location);
            strict::<u64>(&codecs, &value, &location);
        }
    }

    #[test]
    fn values_of_one_session_may_be_of_different_formats(sample in sample(), f in field()) {
        let at = Location { incarnation: Incarnation::from(1), entry: Entry::Scalar(&f) };
        let (old, new) = (Codecs::new(Bincode), Codecs::new(Json).also_reads(Bincode));
        for written in [old.encode(&sample, &at).unwrap(), new.encode(&sample, &at).unwrap()] {
            prop_assert_eq!(&new.decode::<Sample>(&written, &at).unwrap(), &sample);
        }
        prop_assert!(old.decode::<Sample>(&new.encode(&sample, &at).unwrap(), &at).is_err());
    }
}
