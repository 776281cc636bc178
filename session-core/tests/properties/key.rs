//! The canonical text of keys.

use std::fmt::Debug;

use proptest::prelude::*;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use session_core::{ErrorKind, model::Key};

#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
enum Colour {
    Red,
    #[serde(rename = "blue-ish")]
    Blue,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Sku(String);

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Line(u32);

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
struct Nested {
    line: Line,
}

/// Like the `uuid` crate: text for human-readable formats, and keys are such a format.
#[derive(Clone, Debug, PartialEq)]
struct UuidLike(u128);

impl Serialize for UuidLike {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        assert!(serializer.is_human_readable());
        serializer.collect_str(&uuid::Uuid::from_u128(self.0))
    }
}

impl<'de> Deserialize<'de> for UuidLike {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        assert!(deserializer.is_human_readable());
        let text = String::deserialize(deserializer)?;
        text.parse().map(|uuid: uuid::Uuid| Self(uuid.as_u128())).map_err(serde::de::Error::custom)
    }
}

#[track_caller]
fn round_trip<K: Serialize + DeserializeOwned + PartialEq + Debug>(value: &K, text: &str) {
    let key = Key::encode(value).unwrap();
    assert_eq!(key.as_str(), text);
    assert_eq!(key.decode::<K>().unwrap(), *value);
}

/// Only the text that `encode` writes can be read.
#[track_caller]
fn strict<K: Serialize + DeserializeOwned>(text: &str) {
    let key = Key::new(text).unwrap();
    match key.decode::<K>() {
        Ok(value) => assert_eq!(Key::encode(&value).unwrap(), key),
        Err(error) => {
            assert_eq!(error.kind(), ErrorKind::UnreadableField);
            let cause = std::error::Error::source(&error).unwrap().to_string();
            assert!(text.len() < 5 || !cause.contains(text), "{cause} shows the key");
        }
    }
}

macro_rules! integers {
    ($($name:ident: $type:ty,)*) => {
        proptest! {
            $(#[test]
            fn $name(value: $type) {
                round_trip(&value, &value.to_string());
            })*

            #[test]
            fn integers_are_read_from_their_canonical_text_only(text in "[+-]?[ 0]{0,2}[0-9]{0,41}[ _.]?") {
                $(strict::<$type>(&text);)*
            }
        }
    };
}

integers! {
    u8_keys: u8, u16_keys: u16, u32_keys: u32, u64_keys: u64, u128_keys: u128,
    i8_keys: i8, i16_keys: i16, i32_keys: i32, i64_keys: i64, i128_keys: i128,
    usize_keys: usize, isize_keys: isize,
}

proptest! {
    #[test]
    fn string_keys(text in ".{0,200}") {
        round_trip(&text, &text);
        round_trip(&Sku(text.clone()), &text);
        prop_assert_eq!(Key::encode(text.as_str()).unwrap(), Key::new(&text).unwrap());
    }

    #[test]
    fn char_and_bool_keys(c: char, b: bool) {
        round_trip(&c, &c.to_string());
        round_trip(&b, if b { "true" } else { "false" });
    }

    #[test]
    fn newtype_keys(line: u32) {
        round_trip(&Line(line), &line.to_string());
        round_trip(&Nested { line: Line(line) }, &line.to_string());
    }

    #[test]
    fn uuid_like_keys(bits: u128) {
        round_trip(&UuidLike(bits), &uuid::Uuid::from_u128(bits).to_string());
    }

    #[test]
    fn any_text_is_read_strictly(text in prop_oneof![".{0,40}", "true|false|TRUE| true|Red|red|blue-ish|Blue|Red "]) {
        strict::<bool>(&text);
        strict::<char>(&text);
        strict::<Colour>(&text);
        strict::<Sku>(&text);
        strict::<Line>(&text);
        strict::<Nested>(&text);
    }

    #[test]
    fn values_without_a_canonical_text_are_refused(f: f64, bytes: Vec<u8>, option: Option<u8>, pair: (u8, u8)) {
        for refused in [
            Key::encode(&f), Key::encode(&(f as f32)), Key::encode(&bytes), Key::encode(&option), Key::encode(&pair),
            Key::encode(&()), Key::encode(&[option]),
        ] {
            prop_assert_eq!(refused.unwrap_err().kind(), ErrorKind::InvalidInput);
        }
    }

    #[test]
    fn lengths_are_limited(length in 0..2_000usize) {
        let text = "k".repeat(length);
        prop_assert_eq!(Key::new(&text).is_ok(), length <= 1_024);
        prop_assert_eq!(Key::encode(&text).is_ok(), length <= 1_024);
        prop_assert_eq!(session_core::model::Field::new(&text).is_ok(), (1..=255).contains(&length));
    }
}

#[test]
fn unit_variant_keys() {
    round_trip(&Colour::Red, "Red");
    round_trip(&Colour::Blue, "blue-ish");
}

/// Quotes its input in every message that serde lets it write.
#[derive(Debug)]
struct Talkative;

impl<'de> Deserialize<'de> for Talkative {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Err(match text.len() % 3 {
            0 => serde::de::Error::custom(format!("no such thing: {text}")),
            1 => serde::de::Error::invalid_value(serde::de::Unexpected::Str(&text), &&*format!("not {text}")),
            _ => serde::de::Error::invalid_length(7, &&*format!("not {text}")),
        })
    }
}

impl Serialize for Talkative {
    fn serialize<S: serde::Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
        Err(serde::ser::Error::custom("cannot write secret"))
    }
}

#[test]
fn errors_do_not_show_the_key() {
    for text in ["secret", "secret-", "secret--"] {
        let error = Key::new(text).unwrap().decode::<Talkative>().unwrap_err();
        assert!(!format!("{error:?}").contains("secret"), "{error:?}");
    }
    let error = Key::encode(&Talkative).unwrap_err();
    assert!(!format!("{error:?}").contains("secret"), "{error:?}");
    let error = Key::encode(&0.5).unwrap_err();
    assert!(format!("{error:?}").contains("a float cannot be a key"), "{error:?}");
}
