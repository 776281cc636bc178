//! Why a call got no reply, and whether it may have been executed.

use std::{borrow::Cow, fmt};

use redis::ServerError;
use session_core::{Error, ErrorKind};

use super::{Address, Cause, unknown_command::unknown_command_of};

/// Why a call got no reply.
#[derive(Clone)]
pub(crate) enum Failure {
    /// The server refused it at once and executed no part of it. The details may quote arguments: never print them.
    Refused(ServerError),
    /// The servers refused every attempt until the deadline, for a reason that was expected to pass (LOADING, ...). For
    /// the caller it was an outage.
    RefusedThroughout(ServerError),
    /// The last attempt failed like this, and the connection of an earlier one broke: that one may have been executed.
    InDoubt(Box<Failure>),
    /// It never reached a server, or every server redirected it.
    Unsent(Cause),
    /// It was sent and no reply came: it may have been executed.
    Unknown(Cause),
    /// Too many calls are in flight; nothing was sent.
    Overloaded,
    /// The configuration is wrong (password, certificate, permission, topology); waiting does not help.
    Fatal(Cause),
}

impl Failure {
    /// A failure that only another configuration can mend; the message says which.
    pub(crate) fn fatal(message: impl Into<Cow<'static, str>>) -> Self {
        Self::Fatal(Cause::new(message))
    }

    /// The first word of the server's error, such as `NOSCRIPT`, if a server answered.
    pub(crate) fn code(&self) -> Option<&str> {
        match self {
            Self::Refused(error) | Self::RefusedThroughout(error) => Some(error.code()),
            Self::InDoubt(last) => last.code(),
            _ => None,
        }
    }

    /// The same failure, after an earlier attempt that may have been executed.
    pub(crate) fn in_doubt(self) -> Self {
        match self {
            Self::Unknown(_) | Self::InDoubt(_) => self,
            last => Self::InDoubt(Box::new(last)),
        }
    }

    /// The same failure, of an attempt to connect to this address.
    pub(super) fn at(self, address: &Address) -> Self {
        match self {
            Self::Fatal(cause) => Self::Fatal(cause.at(address)),
            Self::Overloaded => self,
            Self::Unsent(cause) | Self::Unknown(cause) => Self::Unsent(cause.at(address)),
            refused => {
                let cause = Cause::new(refused.message()).at(address);
                let is_permanent = refused.into_read_error().kind() == ErrorKind::Configuration;
                if is_permanent { Self::Fatal(cause) } else { Self::Unsent(cause) }
            }
        }
    }

    /// This failure, unless it may pass: then the other. A permanent failure tells the operator more.
    pub(super) fn or_worse(self, other: Self) -> Self {
        if matches!(self, Self::Fatal(_)) { self } else { other }
    }

    /// What happened and the remedy, in the words of the error for the caller.
    pub(super) fn message(&self) -> Cow<'static, str> {
        match self {
            Self::Refused(error) | Self::RefusedThroughout(error) => refusal(error).1,
            Self::InDoubt(last) => last.message(),
            Self::Unsent(cause) | Self::Unknown(cause) | Self::Fatal(cause) => cause.message().clone(),
            Self::Overloaded => "too many calls are in flight".into(),
        }
    }

    /// The error for the caller of a read. A read that may have been executed has simply not been answered.
    pub(crate) fn into_read_error(self) -> Error {
        self.into_error(false)
    }

    /// The error for the caller of a write: its outcome is unknown if it may have been executed.
    pub(crate) fn into_write_error(self) -> Error {
        self.into_error(true)
    }

    fn into_error(self, is_write: bool) -> Error {
        match self {
            Self::InDoubt(last) if is_write => {
                let message = "the request was sent, no reply came, and sending it again failed";
                let error = Error::new(ErrorKind::OutcomeUnknown, format!("{message}: {}", last.message()));
                if matches!(*last, Self::Refused(_)) { error.with_answer() } else { error }
            }
            Self::InDoubt(last) => last.into_error(is_write),
            Self::Refused(error) => {
                let (kind, message) = refusal(&error);
                Error::new(kind, message).with_answer()
            }
            Self::RefusedThroughout(error) => {
                let (kind, message) = refusal(&error);
                Error::new(kind, message)
            }
            Self::Unsent(cause) => {
                outage(ErrorKind::Unavailable, "no server accepted the request before its deadline", &cause)
            }
            Self::Unknown(cause) => {
                let kind = if is_write { ErrorKind::OutcomeUnknown } else { ErrorKind::Unavailable };
                outage(kind, "the request was sent and no reply came", &cause)
            }
            Self::Overloaded => Error::new(
                ErrorKind::Overloaded,
                "`max_in_flight` calls to this server are in flight; send fewer or raise it",
            ),
            Self::Fatal(cause) => {
                let error = Error::new(ErrorKind::Configuration, cause.message().clone());
                match cause.shared_source() {
                    Some(source) => error.with_source(source),
                    None => error,
                }
            }
        }
    }
}

impl fmt::Debug for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(error) => write!(f, "Refused({})", printable(error.code())),
            Self::RefusedThroughout(error) => write!(f, "RefusedThroughout({})", printable(error.code())),
            Self::InDoubt(last) => write!(f, "InDoubt({last:?})"),
            Self::Unsent(cause) => write!(f, "Unsent({cause:?})"),
            Self::Unknown(cause) => write!(f, "Unknown({cause:?})"),
            Self::Overloaded => f.write_str("Overloaded"),
            Self::Fatal(cause) => write!(f, "Fatal({cause:?})"),
        }
    }
}

/// The error of an outage. Its text has the cause, because the text is all that most logs show.
fn outage(kind: ErrorKind, what: &str, cause: &Cause) -> Error {
    let error = Error::new(kind, format!("{what}: {}", cause.message()));
    match cause.shared_source() {
        Some(source) => error.with_source(source),
        None => error,
    }
}

/// The kind of a server's error, and the message with the remedy.
fn refusal(error: &ServerError) -> (ErrorKind, Cow<'static, str>) {
    use ErrorKind::{Configuration, Unavailable};
    if let Some(command) = unknown_command_of(error) {
        return (Configuration, unknown_command_message(command).into());
    }
    let code = if is_denied_in_script(error) { "NOPERM" } else { error.code() };
    let (kind, message) = match code {
        "OOM" => (Unavailable, "the server is out of memory; raise `maxmemory`, or let sessions expire sooner"),
        "NOREPLICAS" => (
            Unavailable,
            "the primary has too few replicas to accept writes, and may have been replaced; bring replicas back",
        ),
        "MISCONF" => (Unavailable, "the server accepts no writes because it cannot save; see its log and its disk"),
        "BUSY" => (Unavailable, "a slow script blocks the server; end it with SCRIPT KILL"),
        "LOADING" => (Unavailable, "the server is still loading its data"),
        "CLUSTERDOWN" => (Unavailable, "the cluster does not serve this slot; see CLUSTER INFO"),
        "TRYAGAIN" => (Unavailable, "the slot is being moved to another node"),
        "MASTERDOWN" => (Unavailable, "the server has lost its primary"),
        "READONLY" => (Unavailable, "no primary was found, only a replica"),
        "NOPERM" => (Configuration, "the server's ACL denies a command, key or channel; grant what the README lists"),
        // The code is this crate's own: see `apply.lua`.
        "HALFDONE" => (
            ErrorKind::OutcomeUnknown,
            "the update was stored, but the server's ACL denies PEXPIREAT, so the deadline was not renewed; grant what \
             the README lists",
        ),
        "NOAUTH" | "WRONGPASS" => (Configuration, "the server does not accept the user or the password"),
        "WRONGTYPE" => (Configuration, "a key holds another type; give this application a prefix of its own"),
        "NOSCRIPT" => (Unavailable, "the server forgot a script while it was in use"),
        other => return (Unavailable, format!("the server refused the request ({})", printable(other)).into()),
    };
    (kind, message.into())
}

/// The message about a command that the server does not know.
pub(crate) fn unknown_command_message(commands: &str) -> String {
    format!(
        "the server does not know a command that the store needs ({commands}); it needs Redis 7.0 or Valkey 7.2, or \
         newer, and no `rename-command` in its configuration"
    )
}

/// A command denied inside a script has no error code of its own: Redis 7.0 has one wording, later servers another.
fn is_denied_in_script(error: &ServerError) -> bool {
    error.code() == "ERR"
        && error.details().is_some_and(|details| {
            details.starts_with("The user executing the script can't") || details.starts_with("ACL failure in script")
        })
}

/// The code of an error is its first word. In an error raised by a script that may be anything.
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
        let kind = |failure: Failure, is_write| failure.into_error(is_write).kind();
        assert_eq!(kind(refused("OOM command not allowed"), true), ErrorKind::Unavailable);
        assert_eq!(kind(refused("NOPERM this user"), true), ErrorKind::Configuration);
        let denied = refused("ERR The user executing the script can't run this command or subcommand script: ab, on x");
        assert_eq!(kind(denied, true), ErrorKind::Configuration);
        assert_eq!(kind(refused("ERR ACL failure in script: no"), true), ErrorKind::Configuration);
        assert_eq!(kind(refused("ERR unknown command 'EVALSHA', with args: 'x'"), true), ErrorKind::Configuration);
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

    /// Refused at once is an answer. Refused until the deadline is none: the caller has waited as long as in an outage.
    #[test]
    fn answers() {
        let answered = |failure: Failure| {
            let read = failure.clone().into_read_error().is_answered();
            assert_eq!(failure.into_write_error().is_answered(), read);
            read
        };
        let codes = ["OOM no", "NOREPLICAS no", "MISCONF no", "BUSY no", "LOADING no", "TRYAGAIN no", "WEIRD"];
        for line in codes {
            assert!(answered(refused(line)), "{line}");
            assert!(answered(refused(line).in_doubt()), "{line}: the server is there");
            let Failure::Refused(error) = refused(line) else { panic!("{line}") };
            assert!(!answered(Failure::RefusedThroughout(error.clone())), "{line}");
            assert!(!answered(Failure::RefusedThroughout(error).in_doubt()), "{line}");
        }
        let silent = || Cause::new("silent");
        for failure in [Failure::Unsent(silent()), Failure::Unknown(silent()), Failure::Overloaded] {
            assert!(!answered(failure.clone()), "{failure:?}");
            assert!(!answered(failure.clone().in_doubt()), "{failure:?}");
        }
    }

    #[test]
    fn arguments_quoted_by_the_server_are_not_shown() {
        for line in [
            "ERR unknown command 'swordfish', with args beginning with: 'swordfish' ",
            "swordfish",
            "swordfish is a raised error",
            "SWORDFISHSWORDFISHSWORDFISHSWORDFISH",
        ] {
            let failure = refused(line);
            let shown = format!("{failure:?}") + &format!("{:?}", failure.into_write_error());
            assert!(!shown.to_lowercase().contains("swordfish"), "{shown}");
        }
    }
}
