use std::{any::type_name, borrow::Cow};

use serde::{Serialize, de::DeserializeOwned};

use crate::{
    Error, ErrorKind,
    codec::{Codec, CodecError, Location, any_codec::AnyCodec},
    model::{Delta, Entry, Incarnation, State, Value},
};

/// The codecs of an application: one that writes, and all that read.
///
/// The default writes JSON, whichever other features are on, and reads every format whose feature is on. Without the
/// feature `json`, [`encode`](Self::encode) fails with [`Configuration`](ErrorKind::Configuration): set the codecs in the
/// builder of [`Sessions`](crate::Sessions).
#[derive(Clone, Debug)]
pub struct Codecs {
    /// The first one writes, if any may write.
    codecs: Vec<AnyCodec>,
    /// Whether the first one writes. Only the default without the feature `json` does not.
    writes: bool,
}

impl Default for Codecs {
    fn default() -> Self {
        let codecs = vec![
            #[cfg(feature = "json")]
            AnyCodec::Json,
            #[cfg(feature = "postcard")]
            AnyCodec::Postcard,
            #[cfg(feature = "bincode")]
            AnyCodec::Bincode,
        ];
        Self { codecs, writes: cfg!(feature = "json") }
    }
}

impl Codecs {
    /// Writes and reads this format only.
    pub fn new(codec: impl Codec + 'static) -> Self {
        Self { codecs: vec![AnyCodec::new(codec)], writes: true }
    }

    /// Reads this format as well.
    #[must_use]
    pub fn also_reads(mut self, codec: impl Codec + 'static) -> Self {
        self.codecs.push(AnyCodec::new(codec));
        self
    }

    /// Encodes a value.
    ///
    /// # Errors
    /// [`InvalidInput`](ErrorKind::InvalidInput) when the format cannot represent it or would not read it back, with the
    /// field and the type but not the value; [`Configuration`](ErrorKind::Configuration) when no format's feature is on.
    pub fn encode<T: Serialize + ?Sized>(&self, value: &T, at: &Location<'_>) -> Result<Value, Error> {
        if !self.writes {
            return Err(Error::new(
                ErrorKind::Configuration,
                "no format to write: turn on the feature `json` of session-core, or set codecs in the builder",
            ));
        }
        self.encode_first(value, at).map_err(|_| {
            let remedy = if self.describes_itself() { "" } else { "; try JSON, the default, which describes itself" };
            let message = format!("a `{}` cannot be encoded in this format{remedy}", type_name::<T>());
            Error::new(ErrorKind::InvalidInput, message).with_field(at.entry.field().clone())
        })
    }

    /// Whether the format that is written describes itself. For a codec that wraps values, it is that of the wrapped ones.
    fn describes_itself(&self) -> bool {
        self.codecs.first().is_none_or(|first| first.inner().map_or(first.describes_itself(), Self::describes_itself))
    }

    /// Encodes in the format that new values are written in.
    pub(super) fn encode_first<T: Serialize + ?Sized>(
        &self,
        value: &T,
        at: &Location<'_>,
    ) -> Result<Value, CodecError> {
        let first = self.codecs.first().filter(|_| self.writes);
        first.ok_or("no format to write")?.encode(value, at)
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

    /// Whether `stored` is an encoding of `value`, in any format. For codecs that wrap values, the wrapped values are
    /// compared, since sealing a value twice gives different bytes.
    pub(crate) fn matches(&self, stored: &Value, value: &dyn erased_serde::Serialize, at: &Location<'_>) -> bool {
        let Ok(opened) = self.open(stored, at) else { return false };
        self.leaf(&opened).and_then(|codec| codec.encode(value, at)).is_ok_and(|encoded| encoded == *opened)
    }

    /// Returns the state with every wrapped value replaced by its content, and every value that may not be read
    /// replaced by an unreadable one. If no codec wraps values, the state is returned as it is: only this registry's
    /// codecs decode, so a value of any other format is unreadable already.
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

    /// Unwraps a value once, if its codec wraps values. A format that is not in this registry is refused. Where values
    /// must be sealed, a plain value is therefore not mistaken for the content of a sealed one.
    fn open<'v>(&self, value: &'v Value, at: &Location<'_>) -> Result<Cow<'v, Value>, CodecError> {
        let Some(format) = value.format() else { return Ok(Cow::Borrowed(value)) };
        let codec = self.codecs.iter().find(|codec| codec.format() == format).ok_or("no codec of this format")?;
        if codec.inner().is_none() {
            return Ok(Cow::Borrowed(value));
        }
        Ok(codec.unwrap(value, at)?.map_or(Cow::Borrowed(value), Cow::Owned))
    }

    /// The same value for another place. Only a value that its codec has wrapped is bound to its place.
    ///
    /// # Errors
    /// [`UnreadableField`](ErrorKind::UnreadableField) when the codec cannot unwrap it, or cannot wrap it again.
    pub(crate) fn rebind(&self, value: &Value, from: &Location<'_>, to: &Location<'_>) -> Result<Value, Error> {
        let codec = self.codecs.iter().find(|codec| Some(codec.format()) == value.format());
        let rebound = || match (codec, self.open(value, from)?) {
            (Some(codec), Cow::Owned(plain)) => codec.wrap(&plain, to)?.ok_or_else(|| "the codec does not wrap".into()),
            _ => Ok(value.clone()),
        };
        rebound().map_err(|_: CodecError| {
            let error = Error::new(ErrorKind::UnreadableField, "the value cannot be moved to another session");
            error.with_field(to.entry.field().clone())
        })
    }

    /// Decodes a value that [`open`](Self::open) or [`opened`](Self::opened) returned.
    pub(crate) fn decode_opened<'de>(&self, value: &'de Value, read: super::Read<'_, 'de>) -> Result<(), CodecError> {
        self.leaf(value)?.decode_erased(value.payload(), read)
    }

    /// The codec that decodes an opened value: one of this registry, or one within a codec that wraps values.
    fn leaf(&self, value: &Value) -> Result<&AnyCodec, CodecError> {
        let within = |codec| match AnyCodec::inner(codec) {
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
