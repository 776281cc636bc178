//! Reads a user's struct from a state, and computes the difference between a struct and a state.

mod difference;
mod plan;
mod read;
mod scalar;

use std::fmt;

use serde::{Serialize, de, de::DeserializeOwned, ser};

use crate::{
    Error, ErrorKind,
    codec::Codecs,
    model::{Delta, Field, Incarnation, State},
};

/// Reads a struct from a state.
pub(crate) fn read<T: DeserializeOwned>(state: &State, codecs: &Codecs, incarnation: Incarnation) -> Result<T, Error> {
    let opened = codecs.opened(state, incarnation);
    let mut plan = plan::Plan::default();
    loop {
        match T::deserialize(read::Reader { state: &opened, codecs, plan: &plan }) {
            Ok(value) => return Ok(value),
            Err(error) => plan.learn(error).map_err(|error| error.into_error(ErrorKind::UnreadableField))?,
        }
    }
}

/// The delta that makes the part of the state that a struct covers equal to the struct.
pub(crate) fn difference<T: Serialize>(
    value: &T,
    state: &State,
    codecs: &Codecs,
    incarnation: Incarnation,
) -> Result<Delta, Error> {
    let context = difference::Context { state, codecs, incarnation };
    let mut delta = Delta::new();
    let writer = difference::StructWriter { context, delta: &mut delta };
    value.serialize(writer).map_err(|error| error.into_error(ErrorKind::InvalidInput))?;
    Ok(delta)
}

/// Why a struct does not match a state.
#[derive(Debug)]
pub(crate) enum ViewError {
    /// A failure with its own kind.
    Core(Error),
    /// A field is absent, and its type has no value for that.
    Absent(&'static str),
    /// The value is not a map, set or option, so the whole value is a scalar. Never leaves this module.
    IsScalar,
    /// An error from serde. It may quote values, so its message is not passed on.
    Serde,
    /// Our own message, which is shown.
    Shape(&'static str),
    /// Serde's "missing field" error.
    Missing(&'static str),
    /// Serde's "duplicate field" error: the struct already had a value for this field, perhaps under another name.
    Duplicate(&'static str),
}

impl ViewError {
    fn into_error(self, kind: ErrorKind) -> Error {
        let absent = "the field is absent; make it an Option or give it #[serde(default)]";
        match self {
            Self::Core(error) => error,
            Self::Absent(field) | Self::Missing(field) => match Field::new(field) {
                Ok(name) => Error::new(kind, absent).with_field(name),
                Err(_) => Error::new(kind, absent),
            },
            Self::IsScalar | Self::Serde | Self::Duplicate(_) => {
                Error::new(kind, "the struct does not fit the session")
            }
            Self::Shape(message) => Error::new(kind, message),
        }
    }

    fn at_field(self, field: &Field) -> Self {
        match self {
            // The latter two come from a nested struct.
            Self::Serde | Self::IsScalar | Self::Missing(_) | Self::Duplicate(_) => {
                let error = Error::new(ErrorKind::UnreadableField, "the stored value does not fit the struct's field");
                Self::Core(error.with_field(field.clone()))
            }
            Self::Core(error) if error.field().is_none() => Self::Core(error.with_field(field.clone())),
            other => other,
        }
    }
}

impl From<Error> for ViewError {
    fn from(error: Error) -> Self {
        Self::Core(error)
    }
}

impl fmt::Display for ViewError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the struct does not fit the session")
    }
}

impl std::error::Error for ViewError {}

impl de::Error for ViewError {
    fn custom<T: fmt::Display>(_: T) -> Self {
        Self::Serde
    }

    fn missing_field(field: &'static str) -> Self {
        Self::Missing(field)
    }

    fn duplicate_field(field: &'static str) -> Self {
        Self::Duplicate(field)
    }
}

impl ser::Error for ViewError {
    fn custom<T: fmt::Display>(_: T) -> Self {
        Self::Serde
    }
}
