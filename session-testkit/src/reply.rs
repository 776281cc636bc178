//! The replies of a server.

use std::fmt;

/// One reply of the RESP2 protocol.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reply {
    /// A status such as `OK`.
    Status(String),
    /// An error; the first word is its code.
    Error(String),
    /// An integer.
    Int(i64),
    /// A string of bytes.
    Bulk(Vec<u8>),
    /// A null reply.
    Nil,
    /// A list.
    Array(Vec<Reply>),
}

impl Reply {
    /// The text of a status or a string of bytes, with invalid UTF-8 replaced.
    ///
    /// # Panics
    ///
    /// If the reply is anything else.
    #[must_use]
    #[track_caller]
    pub fn text(&self) -> String {
        match self {
            Self::Status(text) => text.clone(),
            Self::Bulk(bytes) => String::from_utf8_lossy(bytes).into_owned(),
            other => panic!("expected a text from the server, but it answered {other:?}"),
        }
    }

    /// The integer, even if it was sent as a string.
    ///
    /// # Panics
    ///
    /// If the reply is not an integer.
    #[must_use]
    #[track_caller]
    pub fn int(&self) -> i64 {
        let parsed = match self {
            Self::Int(int) => Some(*int),
            Self::Bulk(bytes) => std::str::from_utf8(bytes).ok().and_then(|text| text.parse().ok()),
            _ => None,
        };
        parsed.unwrap_or_else(|| panic!("expected an integer from the server, but it answered {self:?}"))
    }

    /// The elements of a list.
    ///
    /// # Panics
    ///
    /// If the reply is not a list.
    #[must_use]
    #[track_caller]
    pub fn items(&self) -> &[Reply] {
        match self {
            Self::Array(items) => items,
            other => panic!("expected a list from the server, but it answered {other:?}"),
        }
    }

    /// The message, if the server refused.
    #[must_use]
    pub fn error(&self) -> Option<&str> {
        match self {
            Self::Error(message) => Some(message),
            _ => None,
        }
    }

    /// Whether this is the status `OK`.
    #[must_use]
    pub fn is_ok(&self) -> bool {
        matches!(self, Self::Status(text) if text == "OK")
    }

    /// The reply, which must not be an error.
    ///
    /// # Panics
    ///
    /// If the server refused.
    #[track_caller]
    pub fn expect(self, what: &str) -> Self {
        match self.error() {
            Some(message) => panic!("{what}: the server refused with {message:?}"),
            None => self,
        }
    }
}

/// Bytes are shown as text where possible, so that a failed assertion is readable.
impl fmt::Debug for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Status(text) => write!(f, "+{text}"),
            Self::Error(message) => write!(f, "-{message}"),
            Self::Int(int) => write!(f, ":{int}"),
            Self::Bulk(bytes) => write!(f, "\"{}\"", bytes.escape_ascii()),
            Self::Nil => f.write_str("nil"),
            Self::Array(items) => f.debug_list().entries(items).finish(),
        }
    }
}
