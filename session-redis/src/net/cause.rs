//! The cause of a failure, shared by all calls that it fails.

use std::{borrow::Cow, error::Error as StdError, fmt, sync::Arc};

use super::Address;

/// What went wrong, and the remedy. One cause may fail many calls, so it is cheap to clone.
///
/// Neither its text nor its source contains a key, a value or a password. The reply of a server is never kept as a
/// source, since servers quote arguments in some errors.
#[derive(Clone)]
pub(crate) struct Cause {
    message: Cow<'static, str>,
    source: Option<Arc<dyn StdError + Send + Sync>>,
}

impl Cause {
    pub(crate) fn new(message: impl Into<Cow<'static, str>>) -> Self {
        Self { message: message.into(), source: None }
    }

    pub(crate) fn with_source(self, source: impl StdError + Send + Sync + 'static) -> Self {
        Self { source: Some(Arc::new(source)), ..self }
    }

    /// The same cause, of an attempt at this address.
    pub(super) fn at(self, address: &Address) -> Self {
        Self { message: format!("{address}: {}", self.message).into(), ..self }
    }

    pub(crate) fn message(&self) -> &Cow<'static, str> {
        &self.message
    }

    /// The source, for an error that already has the message of this cause.
    pub(crate) fn shared_source(&self) -> Option<Arc<dyn StdError + Send + Sync>> {
        self.source.clone()
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl fmt::Debug for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.source {
            None => write!(f, "{}", self.message),
            Some(source) => write!(f, "{}: {source}", self.message),
        }
    }
}

impl StdError for Cause {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.source.as_deref().map(|source| source as &(dyn StdError + 'static))
    }
}
