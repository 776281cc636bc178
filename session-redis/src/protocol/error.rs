//! Errors about replies that cannot be read.

use session_core::{Error, ErrorKind};

/// The error about something that cannot be read. It is never reported as an absent session.
pub(crate) fn unreadable(message: &'static str) -> Error {
    Error::new(ErrorKind::UnreadableField, message)
}

/// The error about a reply of an unexpected form.
pub(crate) fn unexpected_reply() -> Error {
    unreadable("the server's answer is not of the expected form; is another program using this prefix?")
}
