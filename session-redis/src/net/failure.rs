//! Why a call gave no reply, and whether it may have been executed.

use std::{borrow::Cow, fmt};

use redis::ServerError;
use session_core::{Error, ErrorKind};

use super::Cause;

/// Why a call gave no reply.
#[derive(Clone)]
pub(crate) enum Failure {
    /// The server refused it and executed nothing of it. Its details may quote arguments: never print them.
    Refused(ServerError),
    /// The last attempt failed so; an earlier one was lost on the way, and may have been executed.
    Doubtful(Box<Failure>),
    /// It never reached a server, or every server sent it away.
    Unsent(Cause),
    /// It was sent and no reply came: it may have been executed.
    Unknown(Cause),
    /// Too many calls are under way; nothing was sent.
    Overloaded,
    /// Set up wrongly (password, certificate, permission, topology); waiting does not help.
    Fatal(Cause),
}

impl Failure {
    /// Something that only another configuration can mend; the message says which.
    pub(crate) fn fatal(message: impl Into<Cow<'static, str>>) -> Self {
        Self::Fatal(Cause::new(message))
    }

    /// The first word of the server's error, such as `NOSCRIPT`, if a server answered.
    pub(crate) fn code(&self) -> Option<&str> {
        match self {
            Self::Refused(error) => Some(error.code()),
            Self::Doubtful(last) => last.code(),
            _ => None,
        }
    }

    /// The same of a request of which an earlier attempt may have been executed.
    pub(crate) fn in_doubt(self) -> Self {
        match self {
            Self::Unknown(_) | Self::Doubtful(_) => self,
            last => Self::Doubtful(Box::new(last)),
        }
    }

    /// What happened and the remedy, as the error for the caller will say it.
    pub(super) fn told(&self) -> Cow<'static, str> {
        match self {
            Self::Refused(error) => refusal(error).1,
            Self::Doubtful(last) => last.told(),
            Self::Unsent(cause) | Self::Unknown(cause) | Self::Fatal(cause) => cause.message().clone(),
            Self::Overloaded => "too many calls are under way".into(),
        }
    }

    /// The error for the caller. A read whose outcome is unknown has simply not answered.
    pub(crate) fn into_error(self, operation: &'static str, is_write: bool) -> Error {
        let error = match self {
            Self::Doubtful(last) if is_write => {
                let message = "the request was sent, no reply came, and sending it again failed";
                Error::new(ErrorKind::OutcomeUnknown, message).with_source(Cause::new(last.told()))
            }
            Self::Doubtful(last) => return last.into_error(operation, is_write),
            Self::Refused(error) => {
                let (kind, message) = refusal(&error);
                Error::new(kind, message)
            }
            Self::Unsent(cause) => {
                Error::new(ErrorKind::Unavailable, "no server took the request before its deadline").with_source(cause)
            }
            Self::Unknown(cause) if is_write => {
                Error::new(ErrorKind::OutcomeUnknown, "the request was sent and no reply came").with_source(cause)
            }
            Self::Unknown(cause) => {
                Error::new(ErrorKind::Unavailable, "the request was sent and no reply came").with_source(cause)
            }
            Self::Overloaded => Error::new(
                ErrorKind::Overloaded,
                "as many calls to this server are under way as `max_in_flight` allows; send fewer or raise it",
            ),
            Self::Fatal(cause) => {
                let error = Error::new(ErrorKind::Configuration, cause.message().clone());
                match cause.behind() {
                    Some(source) => error.with_source(source),
                    None => error,
                }
            }
        };
        error.with_backend("redis").with_operation(operation)
    }
}

impl fmt::Debug for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(error) => write!(f, "Refused({})", printable(error.code())),
            Self::Doubtful(last) => write!(f, "Doubtful({last:?})"),
            Self::Unsent(cause) => write!(f, "Unsent({cause:?})"),
            Self::Unknown(cause) => write!(f, "Unknown({cause:?})"),
            Self::Overloaded => f.write_str("Overloaded"),
            Self::Fatal(cause) => write!(f, "Fatal({cause:?})"),
        }
    }
}

/// What a server's error means to the caller, and the remedy.
fn refusal(error: &ServerError) -> (ErrorKind, Cow<'static, str>) {
    use ErrorKind::{Configuration, Unavailable};
    let code = if is_denied_in_script(error) { "NOPERM" } else { error.code() };
    let (kind, message) = match code {
        "OOM" => (Unavailable, "the server is out of memory; raise `maxmemory`, or let sessions expire sooner"),
        "NOREPLICAS" => (Unavailable, "the primary has too few replicas to accept writes; bring replicas back"),
        "MISCONF" => (Unavailable, "the server accepts no writes since it cannot save; see its log and its disk"),
        "BUSY" => (Unavailable, "the server is held up by a slow script; end it with SCRIPT KILL"),
        "LOADING" => (Unavailable, "the server is still loading its data"),
        "CLUSTERDOWN" => (Unavailable, "the cluster does not serve this slot; see CLUSTER INFO"),
        "TRYAGAIN" => (Unavailable, "the slot is being moved to another node"),
        "MASTERDOWN" => (Unavailable, "the server has lost its primary"),
        "READONLY" => (Unavailable, "no primary was found, only a replica"),
        "NOPERM" => (Configuration, "the server's ACL denies a command, key or channel; grant what the README lists"),
        "NOAUTH" | "WRONGPASS" => (Configuration, "the server does not accept the user or the password"),
        "WRONGTYPE" => (Configuration, "a key holds another type; give this application a prefix of its own"),
        "NOSCRIPT" => (Unavailable, "the server forgot a script while it was in use"),
        other => return (Unavailable, format!("the server refused the request ({})", printable(other)).into()),
    };
    (kind, message.into())
}

/// What a script may not do has no code of its own: Redis 7.0 has the one wording, later servers the other.
fn is_denied_in_script(error: &ServerError) -> bool {
    error.code() == "ERR"
        && error.details().is_some_and(|details| {
            details.starts_with("The user executing the script can't") || details.starts_with("ACL failure in script")
        })
}

/// The code of an error is its first word; of an error raised by a script it may be anything.
fn printable(code: &str) -> &str {
    let looks_like_code = code.len() <= 24 && code.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_');
    if looks_like_code { code } else { "an error without a code" }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(line: &str) -> Failure {
        let value = redis::parse_redis_value(format!("-{line}\r\n").as_bytes()).unwrap();
        match value {
            redis::Value::ServerError(error) => Failure::Refused(error),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn each_kind() {
        let kind = |failure: Failure, is_write| failure.into_error("apply", is_write).kind();
        assert_eq!(kind(refused("OOM command not allowed"), true), ErrorKind::Unavailable);
        assert_eq!(kind(refused("NOPERM this user"), true), ErrorKind::Configuration);
        let denied = refused("ERR The user executing the script can't run this command or subcommand script: ab, on x");
        assert_eq!(kind(denied, true), ErrorKind::Configuration);
        assert_eq!(kind(refused("ERR ACL failure in script: no"), true), ErrorKind::Configuration);
        assert_eq!(kind(refused("WEIRD"), true), ErrorKind::Unavailable);
        assert_eq!(kind(Failure::Unsent(Cause::new("down")), true), ErrorKind::Unavailable);
        assert_eq!(kind(Failure::Unknown(Cause::new("cut")), true), ErrorKind::OutcomeUnknown);
        assert_eq!(kind(Failure::Unknown(Cause::new("cut")), false), ErrorKind::Unavailable);
        assert_eq!(kind(Failure::Overloaded, true), ErrorKind::Overloaded);
        assert_eq!(kind(Failure::fatal("no"), true), ErrorKind::Configuration);
        for last in [refused("OOM command not allowed"), Failure::Overloaded, Failure::fatal("no")] {
            assert_eq!(kind(last.clone().in_doubt(), true), ErrorKind::OutcomeUnknown);
            assert_eq!(kind(last.clone().in_doubt(), false), kind(last, false), "a read changes nothing");
        }
    }

    #[test]
    fn arguments_that_the_server_quotes_are_not_told() {
        for line in [
            "ERR unknown command 'swordfish', with args beginning with: 'swordfish' ",
            "swordfish",
            "swordfish is a raised error",
            "SWORDFISHSWORDFISHSWORDFISHSWORDFISH",
        ] {
            let failure = refused(line);
            let told = format!("{failure:?}") + &format!("{:?}", failure.into_error("apply", true));
            assert!(!told.to_lowercase().contains("swordfish"), "{told}");
        }
    }
}
