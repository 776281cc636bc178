//! What the fuzz targets of codecs share.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize, de::DeserializeOwned};
use session_core::{ErrorKind, codec::{Codecs, Location}, model::{Entry, Field, Format, Incarnation, Value}};

/// One of each sort of thing that serde knows.
#[derive(Debug, Serialize, Deserialize)]
pub struct Sample {
    numbers: (u8, u16, u32, u64, i8, i16, i32, i64),
    wide: (u128, i128),
    floats: (f32, f64),
    text: (bool, char, String),
    list: Vec<u16>,
    map: BTreeMap<String, Option<u32>>,
    set: BTreeSet<i64>,
    kind: Kind,
    unit: (),
}

/// The shapes of variants.
#[derive(Debug, Serialize, Deserialize)]
pub enum Kind {
    /// Without data.
    Unit,
    /// Around one value.
    Newtype(String),
    /// With a few.
    Tuple(u8, char),
    /// With names.
    Struct {
        /// Some bytes.
        bytes: Vec<u8>,
    },
}

/// The place where all values of these targets stand.
pub fn with_location<T>(f: impl FnOnce(&Location<'_>) -> T) -> T {
    let field = Field::new("field").expect("a valid name");
    f(&Location { incarnation: Incarnation::from_bits(1), entry: Entry::Scalar(&field) })
}

/// Reads a payload as several types; what can be read is stable once it has been written again.
///
/// Left out: sequences of things that take no bytes (`Vec<()>`). bincode and postcard believe their length, so that six
/// bytes keep them busy for seconds. Nobody stores such a thing.
pub fn reads_strictly(codecs: &Codecs, format: Format, payload: &[u8]) {
    let value = Value::new(format, payload);
    reads::<Sample>(codecs, &value);
    reads::<Kind>(codecs, &value);
    reads::<String>(codecs, &value);
    reads::<Vec<String>>(codecs, &value);
    reads::<Vec<u64>>(codecs, &value);
    reads::<BTreeMap<u32, Vec<Option<bool>>>>(codecs, &value);
    reads::<u64>(codecs, &value);
    reads::<char>(codecs, &value);
}

/// The same for one type.
pub fn reads<T: Serialize + DeserializeOwned>(codecs: &Codecs, value: &Value) {
    with_location(|at| match codecs.decode::<T>(value, at) {
        Err(error) => {
            assert_eq!(error.kind(), ErrorKind::UnreadableField);
            assert_eq!(error.field().map(Field::as_str), Some("field"));
        }
        Ok(read) => {
            let written = codecs.encode(&read, at).expect("what was read can be written");
            let again = codecs.decode::<T>(&written, at).expect("what was written can be read");
            assert_eq!(codecs.encode(&again, at).expect("and written again"), written);
        }
    });
}
