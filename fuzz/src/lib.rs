//! Code that the codecs' fuzz targets share.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize, de::DeserializeOwned};
use session_core::{
    ErrorKind,
    codec::{Codecs, Location},
    model::{Entry, Field, Format, Incarnation, Value},
};

/// A value of each kind in serde's data model.
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
    /// With several values.
    Tuple(u8, char),
    /// With named fields.
    Struct {
        /// Some bytes.
        bytes: Vec<u8>,
    },
}

/// Calls `f` with the location of all values of these targets.
pub fn with_location<T>(f: impl FnOnce(&Location<'_>) -> T) -> T {
    let field = Field::new("field").expect("a valid name");
    f(&Location { incarnation: Incarnation::from(1), entry: Entry::Scalar(&field) })
}

/// Reads a payload as several types. Any value that can be read must be stable once it has been written again.
///
/// Sequences of values without bytes (`Vec<()>`) are left out: bincode and postcard trust their length, so that six
/// bytes keep them busy for seconds, and no application stores such a value.
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
            let written = match codecs.encode(&read, at) {
                Ok(written) => written,
                // A number may be too large for an `f32`. It is read as infinity, which JSON refuses to write.
                Err(error) => {
                    assert_eq!((error.kind(), value.format()), (ErrorKind::InvalidInput, Some(Format::JSON)));
                    return;
                }
            };
            let again = codecs.decode::<T>(&written, at).expect("a value that was written can be read");
            assert_eq!(codecs.encode(&again, at).expect("a value that was read again can be written"), written);
        }
    });
}
