//! Why a request of the feed's was not answered as hoped.

use redis::{ErrorKind as RedisErrorKind, RedisError, ServerErrorKind};
use session_core::{Error, ErrorKind};

/// What is to be done about it is all that matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// The server is a replica.
    Demoted,
    /// The slot is served elsewhere.
    Moved,
    /// The slot is on its way to another server.
    Migrating,
    /// No permission for the command, the key or the channel.
    Denied,
    /// Something else holds the key.
    Unreadable,
    /// The server answers that it cannot serve.
    Unserved,
    /// No answer came in time.
    Late,
    /// The connection is gone, or answers what was not asked.
    Lost,
}

impl Refusal {
    pub(crate) fn of(error: &RedisError) -> Self {
        match (error.kind(), error.code()) {
            (RedisErrorKind::Server(kind), _) => match kind {
                ServerErrorKind::ReadOnly => Self::Demoted,
                ServerErrorKind::Moved => Self::Moved,
                ServerErrorKind::Ask | ServerErrorKind::TryAgain => Self::Migrating,
                ServerErrorKind::NoPerm => Self::Denied,
                _ => Self::Unserved,
            },
            (_, Some("WRONGTYPE")) => Self::Unreadable,
            // NOREPLICAS, MISCONF, OOM and what servers may come up with.
            (RedisErrorKind::Extension, _) => Self::Unserved,
            _ if error.is_timeout() => Self::Late,
            _ => Self::Lost,
        }
    }
}

impl Refusal {
    /// Whether the connection must not be used any more, after a subscription that ended so.
    pub(crate) fn ends_link(self) -> bool {
        matches!(self, Self::Demoted | Self::Late | Self::Lost)
    }
}

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Self {
        let unavailable = |message: &'static str| Self::new(ErrorKind::Unavailable, message);
        match refusal {
            Refusal::Demoted => unavailable("the server has become a replica; the feed looks for the new primary"),
            Refusal::Moved => unavailable("the partition's slot has moved; the feed follows it"),
            Refusal::Migrating => unavailable("the partition's slot is being moved"),
            Refusal::Unserved => unavailable("the server says that it cannot serve the partition now"),
            Refusal::Late => unavailable("the server did not answer in time; the feed checks the connection"),
            Refusal::Lost => unavailable("the connection was lost; the feed connects again"),
            Refusal::Denied => Self::new(
                ErrorKind::Configuration,
                "the user may not subscribe to the change channels or use GETEX on the sequence keys; permit both",
            ),
            Refusal::Unreadable => Self::new(
                ErrorKind::Configuration,
                "a partition's sequence is not a number; another program writes under this prefix",
            ),
        }
    }
}
