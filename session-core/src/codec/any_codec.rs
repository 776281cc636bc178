#[cfg(any(feature = "bincode", feature = "json", feature = "postcard"))]
use std::marker::PhantomData;
use std::{any::Any, sync::Arc};

use serde::{Serialize, de::DeserializeOwned};

use crate::{
    codec::{Codec, CodecError, Codecs, Location},
    model::{Format, Value},
};

/// A codec of a registry. The crate's own formats are called by name with the concrete type of the value. All other
/// codecs get an erased serializer and deserializer, which make encoding and decoding three times as expensive.
#[derive(Clone, Debug)]
pub(super) enum AnyCodec {
    #[cfg(feature = "bincode")]
    Bincode,
    #[cfg(feature = "postcard")]
    Postcard,
    #[cfg(feature = "json")]
    Json,
    Other(Arc<dyn Codec>),
}

impl AnyCodec {
    pub(super) fn new(codec: impl Codec + 'static) -> Self {
        let any: &dyn Any = &codec;
        #[cfg(feature = "bincode")]
        if any.is::<super::Bincode>() {
            return Self::Bincode;
        }
        #[cfg(feature = "postcard")]
        if any.is::<super::Postcard>() {
            return Self::Postcard;
        }
        #[cfg(feature = "json")]
        if any.is::<super::Json>() {
            return Self::Json;
        }
        let _ = any;
        Self::Other(Arc::new(codec))
    }

    fn erased(&self) -> &dyn Codec {
        match self {
            #[cfg(feature = "bincode")]
            Self::Bincode => &super::Bincode,
            #[cfg(feature = "postcard")]
            Self::Postcard => &super::Postcard,
            #[cfg(feature = "json")]
            Self::Json => &super::Json,
            Self::Other(codec) => &**codec,
        }
    }

    pub(super) fn format(&self) -> Format {
        self.erased().format()
    }

    pub(super) fn inner(&self) -> Option<&Codecs> {
        match self {
            Self::Other(codec) => codec.inner(),
            #[allow(unreachable_patterns, reason = "if no format of this crate is enabled")]
            _ => None,
        }
    }

    pub(super) fn unwrap(&self, value: &Value, at: &Location<'_>) -> Result<Option<Value>, CodecError> {
        self.erased().unwrap(value, at)
    }

    pub(super) fn wrap(&self, plain: &Value, at: &Location<'_>) -> Result<Option<Value>, CodecError> {
        self.erased().wrap(plain, at)
    }

    /// Whether values name their parts and types, so that a reader need not know what was written. Formats of an
    /// application are assumed to.
    pub(super) fn describes_itself(&self) -> bool {
        !matches!(self.format(), Format::BINCODE | Format::POSTCARD)
    }

    pub(super) fn encode<T: Serialize + ?Sized>(&self, value: &T, at: &Location<'_>) -> Result<Value, CodecError> {
        match self {
            #[cfg(feature = "bincode")]
            Self::Bincode => super::bincode::encode(value),
            #[cfg(feature = "postcard")]
            Self::Postcard => super::postcard::encode(value),
            #[cfg(feature = "json")]
            Self::Json => super::json::encode(value),
            Self::Other(codec) => codec.encode(&value, at),
        }
    }

    pub(super) fn decode<T: DeserializeOwned>(&self, payload: &[u8]) -> Result<T, CodecError> {
        match self {
            #[cfg(feature = "bincode")]
            Self::Bincode => super::bincode::decode(payload, PhantomData),
            #[cfg(feature = "postcard")]
            Self::Postcard => super::postcard::decode(payload, PhantomData),
            #[cfg(feature = "json")]
            Self::Json => super::json::decode(payload, PhantomData),
            Self::Other(codec) => {
                let mut decoded = None;
                codec.decode(payload, &mut |deserializer| {
                    decoded = Some(erased_serde::deserialize(deserializer)?);
                    Ok(())
                })?;
                decoded.ok_or_else(|| "the codec did not read a value".into())
            }
        }
    }

    pub(super) fn decode_erased<'de>(&self, payload: &'de [u8], read: super::Read<'_, 'de>) -> Result<(), CodecError> {
        self.erased().decode(payload, read)
    }
}
