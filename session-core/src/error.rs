//! One opaque error type with a coarse kind that answers "what must I do?".

use std::{borrow::Cow, error::Error as StdError, fmt, sync::Arc};

use crate::{
    model::{Ended, Field},
    store::Conflict,
};

/// What went wrong, coarse enough to act on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// No such session: it was never created, has expired, or was ended, or the id is an old one that a renewal replaced.
    /// [`Error::ended`] tells which, while the store remembers it.
    NotFound,
    /// A sign-in replaced the id, which gives no access any more. Leave the cookie alone: the request that signed in
    /// has already set the new one.
    Superseded,
    /// A precondition failed; nothing was changed. Load again and redo the work. For a sign-in: all sessions of the
    /// principal were revoked meanwhile; check the password again.
    Conflict,
    /// Refused by a limit on entries, sizes, sessions or capacity; nothing was changed.
    LimitExceeded,
    /// Too many requests are in flight; nothing was sent. Try again later.
    Overloaded,
    /// The backend did not answer, or [refused](Error::is_answered) the request for now. Nothing was changed. Try again
    /// later.
    Unavailable,
    /// The request may or may not have happened. A retry with the same op id is safe; a
    /// [`Session`](crate::Session) does that by itself at its next commit.
    OutcomeUnknown,
    /// One stored value cannot be decoded; [`Error::field`] names its field. All other fields are readable.
    UnreadableField,
    /// A name, key or value that cannot be stored; nothing was recorded.
    InvalidInput,
    /// The store or the policy is misconfigured; a retry cannot help.
    Configuration,
}

impl ErrorKind {
    /// The HTTP status of a response to a request that failed with this kind, for an application that has no reason to
    /// choose another one.
    ///
    /// | kind | status |
    /// |---|---|
    /// | [`NotFound`](Self::NotFound) | 401 Unauthorized: there is no session any more; sign in again |
    /// | [`Superseded`](Self::Superseded), [`Conflict`](Self::Conflict) | 409 Conflict: the client may send the request again |
    /// | [`LimitExceeded`](Self::LimitExceeded) | 413 Content Too Large |
    /// | [`InvalidInput`](Self::InvalidInput) | 400 Bad Request |
    /// | [`Overloaded`](Self::Overloaded), [`Unavailable`](Self::Unavailable) | 503 Service Unavailable: nothing was changed |
    /// | [`OutcomeUnknown`](Self::OutcomeUnknown) | 504 Gateway Timeout: it may have happened |
    /// | [`UnreadableField`](Self::UnreadableField), [`Configuration`](Self::Configuration) | 500 Internal Server Error |
    pub const fn http_status(self) -> u16 {
        match self {
            Self::NotFound => 401,
            Self::Superseded | Self::Conflict => 409,
            Self::LimitExceeded => 413,
            Self::InvalidInput => 400,
            Self::Overloaded | Self::Unavailable => 503,
            Self::OutcomeUnknown => 504,
            Self::UnreadableField | Self::Configuration => 500,
        }
    }

    /// A sentence for the body of that response. It is the same for every error of this kind and names no backend,
    /// operation or field, unlike [`Error`]'s `Display`, which is for logs.
    pub const fn public_message(self) -> &'static str {
        match self {
            Self::NotFound => "Your session has ended.",
            Self::Superseded => "You have just signed in, perhaps in another tab. Please reload the page.",
            Self::Conflict => "Another request came first. Please try again.",
            Self::LimitExceeded => "The request exceeds a limit.",
            Self::InvalidInput => "The request is not valid.",
            Self::Overloaded | Self::Unavailable => "The service is not available right now. Please try again later.",
            Self::OutcomeUnknown => "It is not known yet whether the request was carried out.",
            Self::UnreadableField | Self::Configuration => "Something went wrong.",
        }
    }

    fn describe(self) -> &'static str {
        match self {
            Self::NotFound => "no such session",
            Self::Superseded => "the session id was replaced by a sign-in",
            Self::Conflict => "a precondition failed; load the session again and redo the change",
            Self::LimitExceeded => "refused by a limit",
            Self::Overloaded => "too many requests in flight; try again later",
            Self::Unavailable => "the backend did not answer; try again later",
            Self::OutcomeUnknown => "outcome unknown; a retry with the same op id is safe",
            Self::UnreadableField => "a stored value cannot be decoded",
            Self::InvalidInput => "invalid input",
            Self::Configuration => "wrong configuration",
        }
    }
}

/// The error of every operation in this workspace.
///
/// An error has a [kind](ErrorKind), the operation and the backend it arose in, and a remedy in its message. It never
/// contains an id, a key or a value, so it is safe to log. `Display` does not repeat [`source`](StdError::source).
///
/// A clone shares its source.
#[derive(Clone)]
pub struct Error(Box<Inner>);

#[derive(Clone)]
struct Inner {
    kind: ErrorKind,
    operation: Option<&'static str>,
    backend: Option<&'static str>,
    message: Cow<'static, str>,
    field: Option<Field>,
    ended: Option<Ended>,
    conflict: Option<Conflict>,
    is_answered: bool,
    source: Option<Arc<dyn StdError + Send + Sync>>,
}

impl Error {
    /// An error of this kind. The message says what happened and, where it is not obvious, the remedy. It must not
    /// contain ids, keys or values.
    pub fn new(kind: ErrorKind, message: impl Into<Cow<'static, str>>) -> Self {
        Self(Box::new(Inner {
            kind,
            operation: None,
            backend: None,
            message: message.into(),
            field: None,
            ended: None,
            conflict: None,
            is_answered: false,
            source: None,
        }))
    }

    /// Sets the backend (`"memory"`, `"redis"` …) and the operation (`"load"`, `"apply"` …), unless they are set already.
    #[must_use]
    pub fn with_context(mut self, backend: &'static str, operation: &'static str) -> Self {
        self.0.backend.get_or_insert(backend);
        self.0.operation.get_or_insert(operation);
        self
    }

    /// Sets the operation, unless it is set already, for an error that arose outside a backend.
    #[must_use]
    pub(crate) fn with_operation(mut self, operation: &'static str) -> Self {
        self.0.operation.get_or_insert(operation);
        self
    }

    /// Attaches the cause. Its `Display` must not contain ids, keys or values either.
    #[must_use]
    pub fn with_source(mut self, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        self.0.source = Some(source.into().into());
        self
    }

    /// Records that the backend answered, and refused the request: see [`is_answered`](Self::is_answered). For backends.
    #[must_use]
    pub fn with_answer(mut self) -> Self {
        self.0.is_answered = true;
        self
    }

    /// Sets the field that the error is about.
    #[must_use]
    pub fn with_field(mut self, field: Field) -> Self {
        self.0.field = Some(field);
        self
    }

    /// Adds to the message what was done before it.
    #[must_use]
    pub(crate) fn after(mut self, done: impl fmt::Display) -> Self {
        let separator = if self.0.message.is_empty() { "" } else { "; " };
        self.0.message = format!("{}{separator}{done}", self.0.message).into();
        self
    }

    /// Attaches why and when the session ended.
    #[must_use]
    pub(crate) fn with_ended(mut self, ended: Option<Ended>) -> Self {
        self.0.ended = ended;
        self
    }

    /// Attaches the precondition that failed.
    #[must_use]
    pub(crate) fn with_conflict(mut self, conflict: Conflict) -> Self {
        self.0.conflict = Some(conflict);
        self
    }

    /// What went wrong.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// Whether sending the same request again, with the same op id, can succeed and is harmless.
    ///
    /// True for [`Overloaded`](ErrorKind::Overloaded), [`Unavailable`](ErrorKind::Unavailable) and
    /// [`OutcomeUnknown`](ErrorKind::OutcomeUnknown). A [`Conflict`](ErrorKind::Conflict) needs a new load first.
    pub fn is_retryable(&self) -> bool {
        matches!(self.0.kind, ErrorKind::Overloaded | ErrorKind::Unavailable | ErrorKind::OutcomeUnknown)
    }

    /// Whether the backend answered, without delay, that it refuses the request for now.
    ///
    /// It tells two sorts of [`Unavailable`](ErrorKind::Unavailable) and [`OutcomeUnknown`](ErrorKind::OutcomeUnknown)
    /// apart. True: the backend works and refuses only such requests, for example writes while it is out of memory. False:
    /// no answer came, or a refusal lasted until the deadline of the call. A circuit breaker counts only the second sort,
    /// because only such calls wait in vain.
    pub fn is_answered(&self) -> bool {
        self.0.is_answered
    }

    /// Why and how long ago the session ended, as long as its tombstone is kept.
    pub fn ended(&self) -> Option<&Ended> {
        self.0.ended.as_ref()
    }

    /// The precondition that failed in a [`Conflict`](ErrorKind::Conflict), and the session's stamp at that moment.
    pub fn conflict(&self) -> Option<Conflict> {
        self.0.conflict
    }

    /// The field of an [`UnreadableField`](ErrorKind::UnreadableField) or [`InvalidInput`](ErrorKind::InvalidInput).
    pub fn field(&self) -> Option<&Field> {
        self.0.field.as_ref()
    }

    /// The operation that the error arose in.
    pub fn operation(&self) -> Option<&'static str> {
        self.0.operation
    }

    /// The backend that the error arose in.
    pub fn backend(&self) -> Option<&'static str> {
        self.0.backend
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.0.backend, self.0.operation) {
            (Some(backend), Some(operation)) => write!(f, "{backend} {operation}: ")?,
            (Some(name), None) | (None, Some(name)) => write!(f, "{name}: ")?,
            (None, None) => {}
        }
        f.write_str(match self.0.kind {
            ErrorKind::Unavailable if self.0.is_answered => "the backend refused the request; try again later",
            kind => kind.describe(),
        })?;
        if let Some(field) = &self.0.field {
            write!(f, " (field `{field}`)")?;
        }
        if let Some(ended) = &self.0.ended {
            write!(f, " (ended: {}, {} s ago)", ended.reason, ended.age.as_secs())?;
        }
        if !self.0.message.is_empty() {
            write!(f, ": {}", self.0.message)?;
        }
        Ok(())
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = f.debug_struct("Error");
        out.field("kind", &self.0.kind).field("message", &self.to_string());
        if let Some(source) = &self.0.source {
            out.field("source", source);
        }
        out.finish()
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.0.source.as_deref().map(|source| source as &(dyn StdError + 'static))
    }
}
