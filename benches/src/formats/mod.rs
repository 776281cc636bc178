//! The formats of values, and MessagePack as the other candidate for the default.

mod read_back;
mod typical;

use serde::{Serialize, de::DeserializeOwned};
use session_core::{
    codec::Location,
    model::{Entry, Field, Incarnation, Value},
};

pub use self::{
    read_back::{Case, ReadBack, cases},
    typical::{InFormat, Typical, typical},
};

/// The names of the formats, in the order of their results: the default, the other candidate, and those that do not describe
/// themselves.
pub const FORMATS: [&str; 4] = ["JSON", "MessagePack", "postcard", "bincode"];

/// A format byte for applications.
const MESSAGE_PACK: u8 = 128;

/// A value in MessagePack, with a format byte and the names of fields, so that structs can gain, lose and move fields as in
/// JSON. The buffer is that of session-core's formats.
fn encode_message_pack<T: Serialize + ?Sized>(value: &T) -> Result<Value, rmp_serde::encode::Error> {
    let mut bytes = Vec::with_capacity(64);
    bytes.push(MESSAGE_PACK);
    rmp_serde::encode::write_named(&mut bytes, value)?;
    Ok(Value::from(bytes))
}

fn decode_message_pack<T: DeserializeOwned>(value: &Value) -> Result<T, rmp_serde::decode::Error> {
    rmp_serde::from_slice(value.payload())
}

fn location(field: &Field) -> Location<'_> {
    Location { incarnation: Incarnation::from(1), entry: Entry::Scalar(field) }
}
