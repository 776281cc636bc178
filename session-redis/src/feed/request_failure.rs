//! Why a request of the feed got no answer.

use redis::{ErrorKind as RedisErrorKind, RedisError, ServerErrorKind};
use session_core::{Error, ErrorKind};

/// Why a request of the feed got no answer, by what has to be done about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RequestFailure {
    /// The server is a replica.
    Demoted,
    /// The slot is served elsewhere.
    Moved,
    /// The slot is being migrated to another server.
    Migrating,
    /// The user has no permission for the command, the key or the channel.
    Denied,
    /// The key does not hold a sequence.
    Unreadable,
    /// The server answers that it cannot serve.
    Unserved,
    /// No answer came in time.
    Late,
    /// The connection is closed, or its answers do not match the requests.
    Lost,
}

impl RequestFailure {
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
            // NOREPLICAS, MISCONF, OOM and errors of later servers.
            (RedisErrorKind::Extension, _) => Self::Unserved,
            _ if error.is_timeout() => Self::Late,
            _ => Self::Lost,
        }
    }

    /// Whether the connection must not be used after a request to subscribe that failed like this.
    pub(crate) fn ends_connection(self) -> bool {
        matches!(self, Self::Demoted | Self::Late | Self::Lost)
    }
}

impl From<RequestFailure> for Error {
    fn from(failure: RequestFailure) -> Self {
        use RequestFailure as Failure;
        let unavailable = |message: &'static str| Self::new(ErrorKind::Unavailable, message);
        let refused = |message: &'static str| unavailable(message).with_answer();
        match failure {
            Failure::Demoted => refused("the server has become a replica; the feed looks for the new primary"),
            Failure::Moved => refused("the partition's slot has moved; the feed follows it"),
            Failure::Migrating => refused("the partition's slot is being moved"),
            Failure::Unserved => refused("the server answers that it cannot serve the partition now"),
            Failure::Late => unavailable("the server did not answer in time; the feed checks the connection"),
            Failure::Lost => unavailable("the connection was lost; the feed reconnects"),
            Failure::Denied => Self::new(
                ErrorKind::Configuration,
                "the user may not subscribe to the change channels or use GETEX on the sequence keys; permit both",
            ),
            Failure::Unreadable => Self::new(
                ErrorKind::Configuration,
                "a partition's sequence is not a number; another program writes under this prefix",
            ),
        }
    }
}
