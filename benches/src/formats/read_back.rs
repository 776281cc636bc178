//! What each format makes of values that some format cannot have, or that are read as another type.

use std::{collections::BTreeMap, fmt};

use serde::{Deserialize, Serialize, de::DeserializeOwned};
use session_core::{
    codec::{Bincode, Codecs, Json, Postcard},
    model::Field,
};

use super::{decode_message_pack, encode_message_pack, location};

/// What becomes of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReadBack {
    /// It is read as what it is.
    Right,
    /// It is refused before anything is stored.
    Refused,
    /// Reading it is an error.
    Unreadable,
    /// It is read as something else, without an error.
    Wrong,
}

impl fmt::Display for ReadBack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Right => "right",
            Self::Refused => "refused",
            Self::Unreadable => "error when read",
            Self::Wrong => "**wrong value**",
        })
    }
}

/// A value that is written as one type and read as another one or the same.
#[derive(Clone, Copy, Debug)]
pub struct Case {
    /// The value in words.
    pub name: &'static str,
    /// What becomes of it, in each of [`FORMATS`](super::FORMATS).
    pub results: [ReadBack; 4],
}

impl Case {
    /// A value, and what it should be read as.
    fn new<W: Serialize, R: DeserializeOwned + PartialEq>(name: &'static str, written: &W, right: &R) -> Self {
        Self { name, results: results(written, |read: R| read == *right) }
    }

    /// A value that the type to be read does not have.
    fn without<W: Serialize, R: DeserializeOwned>(name: &'static str, written: &W) -> Self {
        Self { name, results: results(written, |_: R| false) }
    }
}

fn results<W: Serialize, R: DeserializeOwned>(written: &W, is_right: impl Fn(R) -> bool) -> [ReadBack; 4] {
    let judge = |read: Option<R>| {
        read.map_or(ReadBack::Unreadable, |read| match is_right(read) {
            true => ReadBack::Right,
            false => ReadBack::Wrong,
        })
    };
    let message_pack = match encode_message_pack(written) {
        Ok(value) => judge(decode_message_pack(&value).ok()),
        Err(_) => ReadBack::Refused,
    };
    let field = Field::new("value").unwrap();
    let at = location(&field);
    let by = |codecs: Codecs| match codecs.encode(written, &at) {
        Ok(value) => judge(codecs.decode(&value, &at).ok()),
        Err(_) => ReadBack::Refused,
    };
    [by(Codecs::new(Json)), message_pack, by(Codecs::new(Postcard)), by(Codecs::new(Bincode))]
}

#[derive(PartialEq, Serialize, Deserialize)]
struct Before {
    name: String,
}

#[derive(PartialEq, Serialize, Deserialize)]
struct After {
    name: String,
    #[serde(default)]
    level: u8,
}

#[derive(PartialEq, Serialize, Deserialize)]
struct Level<T> {
    level: T,
}

#[derive(PartialEq, Serialize, Deserialize)]
struct Noted {
    #[serde(skip_serializing_if = "Option::is_none")]
    note: Option<String>,
    level: u8,
}

#[derive(PartialEq, Serialize, Deserialize)]
struct Flat {
    name: String,
    #[serde(flatten)]
    more: BTreeMap<String, u8>,
}

#[derive(PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind")]
enum Tagged {
    Card { number: u32 },
}

#[derive(PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", content = "is")]
enum Adjacent {
    Card { number: u32 },
}

#[derive(PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
enum Untagged {
    Number(u64),
}

#[derive(PartialEq, Serialize, Deserialize)]
enum RoleBefore {
    Admin,
}

#[derive(PartialEq, Serialize, Deserialize)]
enum RoleAfter {
    Owner,
    Admin,
}

/// The cases.
#[must_use]
pub fn cases() -> Vec<Case> {
    let name = || "ada".to_owned();
    let json = serde_json::json!({"a": [1, null, "x"]});
    vec![
        Case::new("a float that is infinite", &f64::INFINITY, &f64::INFINITY),
        Case::new("`Some(None)`", &Some(None::<u8>), &Some(None::<u8>)),
        Case::new("`Some(())`", &Some(()), &Some(())),
        Case::new(
            "a map whose keys are pairs",
            &BTreeMap::from([((1u8, 2u8), 3u8)]),
            &BTreeMap::from([((1u8, 2u8), 3u8)]),
        ),
        Case::new("a map whose keys are integers", &BTreeMap::from([(1u8, 'a')]), &BTreeMap::from([(1u8, 'a')])),
        Case::new("bytes", &vec![0u8, 255], &vec![0u8, 255]),
        Case::new("an `i128`", &i128::MIN, &i128::MIN),
        Case::new("an `i32` as a `u32`", &2i32, &2u32),
        Case::new("an `i32` as a `u32`, in a struct", &Level { level: 2i32 }, &Level { level: 2u32 }),
        Case::new("an `i32` as an `i64`, in a list", &vec![-2i32], &vec![-2i64]),
        Case::without::<_, Level<f64>>("2^53 + 1 as an `f64`, in a struct", &Level { level: (1u64 << 53) + 1 }),
        Case::without::<_, Level<f32>>("1e39 as an `f32`, in a struct", &Level { level: 1e39 }),
        Case::new("a struct that has gained a field", &Before { name: name() }, &After { name: name(), level: 0 }),
        Case::new("a struct that has lost a field", &After { name: name(), level: 1 }, &Before { name: name() }),
        Case::new("an enum that has gained a variant", &RoleBefore::Admin, &RoleAfter::Admin),
        Case::new("a field that is skipped", &Noted { note: None, level: 1 }, &Noted { note: None, level: 1 }),
        Case::new(
            "a flattened map",
            &Flat { name: name(), more: BTreeMap::from([("level".to_owned(), 1)]) },
            &Flat { name: name(), more: BTreeMap::from([("level".to_owned(), 1)]) },
        ),
        Case::new("an enum with `tag`", &Tagged::Card { number: 1 }, &Tagged::Card { number: 1 }),
        Case::new("an enum with `tag` and `content`", &Adjacent::Card { number: 1 }, &Adjacent::Card { number: 1 }),
        Case::new("an untagged enum", &Untagged::Number(1), &Untagged::Number(1)),
        Case::new("a `serde_json::Value`", &json, &json),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_reads_the_right_value_or_none() {
        let cases = cases();
        assert!(cases.iter().all(|case| case.results[0] != ReadBack::Wrong), "{cases:#?}");
        let refused = cases.iter().filter(|case| case.results[0] == ReadBack::Refused).count();
        let errors = cases.iter().filter(|case| case.results[0] == ReadBack::Unreadable).count();
        assert_eq!((refused, errors), (4, 2), "{cases:#?}");
    }

    /// Except for a wrong type in a value, which is documented.
    #[test]
    fn the_compact_formats_refuse_what_they_would_misread() {
        let wrong: Vec<&str> =
            cases().iter().filter(|case| case.results[2..].contains(&ReadBack::Wrong)).map(|case| case.name).collect();
        assert!(wrong.iter().all(|name| name.contains(" as a") || name.contains("variant")), "{wrong:?}");
    }
}
