use std::{any::type_name, borrow::Cow};

use serde::{Serialize, de::DeserializeOwned};

use crate::{
    Error, ErrorKind,
    codec::{Codec, CodecError, Location, member::Member},
    model::{Delta, Entry, Incarnation, State, Value},
};

/// The codecs of an application: one that writes, and all that read.
///
/// The default writes the first of bincode, postcard and JSON whose feature is on, and reads all whose feature is on.
/// With none of them it reads nothing, and [`encode`](Self::encode) fails with
/// [`Configuration`](ErrorKind::Configuration).
#[derive(Clone, Debug)]
pub struct Codecs {
    /// The first one writes. Empty only when no format's feature is on.
    codecs: Vec<Member>,
}

impl Default for Codecs {
    fn default() -> Self {
        let codecs = vec![
            #[cfg(feature = "bincode")]
            Member::Bincode,
            #[cfg(feature = "postcard")]
            Member::Postcard,
            #[cfg(feature = "json")]
            Member::Json,
        ];
        Self { codecs }
    }
}

impl Codecs {
    /// Writes and reads this format, and reads no other.
    pub fn new(codec: impl Codec + 'static) -> Self {
        Self { codecs: vec![Member::new(codec)] }
    }

    /// Reads this format as well.
    #[must_use]
    pub fn also_reads(mut self, codec: impl Codec + 'static) -> Self {
        self.codecs.push(Member::new(codec));
        self
    }

    /// Encodes a value.
    ///
    /// # Errors
    /// [`InvalidInput`](ErrorKind::InvalidInput) when the format cannot represent it, with the field and the type but
    /// not the value; [`Configuration`](ErrorKind::Configuration) when no format's feature is on.
    pub fn encode<T: Serialize + ?Sized>(&self, value: &T, at: &Location<'_>) -> Result<Value, Error> {
        if self.codecs.is_empty() {
            return Err(Error::new(
                ErrorKind::Configuration,
                "no codec: turn on a format's feature of session-core, or set codecs",
            ));
        }
        self.encode_first(value, at).map_err(|_| {
            let message = format!("a `{}` cannot be encoded in this format", type_name::<T>());
            Error::new(ErrorKind::InvalidInput, message).with_field(at.entry.field().clone())
        })
    }

    /// In the format that is written.
    pub(super) fn encode_first<T: Serialize + ?Sized>(
        &self,
        value: &T,
        at: &Location<'_>,
    ) -> Result<Value, CodecError> {
        self.codecs.first().ok_or("no codec")?.encode(value, at)
    }

    /// Decodes a value with the codec of its format.
    ///
    /// # Errors
    /// [`UnreadableField`](ErrorKind::UnreadableField), with the field and the type but not the value.
    pub fn decode<T: DeserializeOwned>(&self, value: &Value, at: &Location<'_>) -> Result<T, Error> {
        let opened = self.open(value, at).map_err(|_| unreadable::<T>(value, at))?;
        let codec = self.leaf(&opened);
        codec.and_then(|codec| codec.decode(opened.payload())).map_err(|_| unreadable::<T>(value, at))
    }

    /// Whether `stored` is what `value` was encoded to, in whichever format. Values that wrap others are compared by
    /// what is within, since sealing twice gives different bytes.
    pub(crate) fn matches(&self, stored: &Value, value: &dyn erased_serde::Serialize, at: &Location<'_>) -> bool {
        let Ok(opened) = self.open(stored, at) else { return false };
        self.leaf(&opened).and_then(|codec| codec.encode(value, at)).is_ok_and(|encoded| encoded == *opened)
    }

    /// The state with every wrapped value replaced by the value within, and every value that may not be read by an
    /// unreadable one. Where no codec wraps there is nothing to do: all that decode are this registry's own, so what it
    /// does not name is unreadable as it is.
    pub(crate) fn opened<'s>(&self, state: &'s State, incarnation: Incarnation) -> Cow<'s, State> {
        if self.codecs.iter().all(|codec| codec.inner().is_none()) {
            return Cow::Borrowed(state);
        }
        let mut delta = Delta::new();
        let scalars = state.scalars().map(|(field, value)| (Entry::Scalar(field), value));
        let keyed = state
            .keyed_fields()
            .flat_map(|field| state.keyed(field.as_str()).map(move |(key, value)| (Entry::Keyed(field, key), value)));
        for (entry, value) in scalars.chain(keyed) {
            match self.open(value, &Location { incarnation, entry }) {
                Ok(Cow::Owned(opened)) => delta.set_entry(entry, opened),
                Ok(Cow::Borrowed(_)) => {}
                Err(_) => delta.set_entry(entry, Value::UNREADABLE),
            }
        }
        if delta.is_empty() {
            return Cow::Borrowed(state);
        }
        let mut opened = state.clone();
        delta.apply_to(&mut opened);
        Cow::Owned(opened)
    }

    /// Unwraps a value once, if its codec is one that wraps. A format that this registry does not name is refused, so
    /// that where values must be sealed a plain one is not taken for the inside of a sealed one.
    fn open<'v>(&self, value: &'v Value, at: &Location<'_>) -> Result<Cow<'v, Value>, CodecError> {
        let Some(format) = value.format() else { return Ok(Cow::Borrowed(value)) };
        let codec = self.codecs.iter().find(|codec| codec.format() == format).ok_or("no codec of this format")?;
        if codec.inner().is_none() {
            return Ok(Cow::Borrowed(value));
        }
        Ok(codec.unwrap(value, at)?.map_or(Cow::Borrowed(value), Cow::Owned))
    }

    /// Decodes a value that [`open`](Self::open) or [`opened`](Self::opened) gave.
    pub(crate) fn decode_opened<'de>(&self, value: &'de Value, read: super::Read<'_, 'de>) -> Result<(), CodecError> {
        self.leaf(value)?.decode_erased(value.payload(), read)
    }

    /// The codec that decodes an opened value: this registry's, or one within a codec that wraps.
    fn leaf(&self, value: &Value) -> Result<&Member, CodecError> {
        let within = |codec| match Member::inner(codec) {
            Some(inner) => inner.codecs.iter(),
            None => std::slice::from_ref(codec).iter(),
        };
        let codec = self.codecs.iter().flat_map(within).find(|codec| Some(codec.format()) == value.format());
        codec.ok_or_else(|| "no codec of this format".into())
    }
}

fn unreadable<T>(value: &Value, at: &Location<'_>) -> Error {
    let message = match value.format() {
        None => format!("a member of a set has no value to read as `{}`", type_name::<T>()),
        Some(format) => format!("the stored value ({format:?}) does not read as `{}`", type_name::<T>()),
    };
    Error::new(ErrorKind::UnreadableField, message).with_field(at.entry.field().clone())
}
