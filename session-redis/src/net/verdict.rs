//! What to do with a request after a reply.

use redis::{ServerError, ServerErrorKind, Value};
use smol_str::SmolStr;

/// What to do with a request after a reply.
#[derive(Debug, PartialEq)]
pub(super) enum Verdict {
    /// The reply is the answer.
    Final,
    /// The slot is at another node now.
    Moved(SmolStr),
    /// The slot is being migrated to another node, to which only this request is to be sent.
    Ask(SmolStr),
    /// Nothing was executed; the same node will be able to answer soon.
    Later(ServerError),
    /// Nothing was executed; the server is not, or no longer, the primary, or the connection has lost its login.
    Elsewhere(ServerError),
}

impl Verdict {
    pub(super) fn of(reply: &Value) -> Self {
        match reply {
            Value::ServerError(error) => Self::of_error(error),
            _ => Self::Final,
        }
    }

    fn of_error(error: &ServerError) -> Self {
        use ServerErrorKind as Kind;
        let place = || error.details().and_then(|details| details.split(' ').nth(1)).map(SmolStr::from);
        match (error.kind(), place()) {
            (Some(Kind::Moved), Some(place)) => Self::Moved(place),
            (Some(Kind::Ask), Some(place)) => Self::Ask(place),
            (Some(Kind::BusyLoading | Kind::TryAgain), _) => Self::Later(error.clone()),
            (Some(Kind::ReadOnly | Kind::MasterDown | Kind::ClusterDown), _) => Self::Elsewhere(error.clone()),
            // The server has ended the login. A new connection has the credentials of now.
            _ if error.code() == "NOAUTH" => Self::Elsewhere(error.clone()),
            _ => Self::Final,
        }
    }

    pub(super) fn is_final(&self) -> bool {
        *self == Self::Final
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(line: &str) -> Verdict {
        Verdict::of(&redis::parse_redis_value(format!("{line}\r\n").as_bytes()).unwrap())
    }

    #[test]
    fn each_error() {
        assert_eq!(verdict("+OK"), Verdict::Final);
        assert_eq!(verdict("-MOVED 3999 127.0.0.1:6381"), Verdict::Moved("127.0.0.1:6381".into()));
        assert_eq!(verdict("-ASK 3999 :6381"), Verdict::Ask(":6381".into()));
        assert!(matches!(verdict("-TRYAGAIN Multiple keys request"), Verdict::Later(_)));
        assert!(matches!(verdict("-LOADING Redis is loading"), Verdict::Later(_)));
        assert!(matches!(verdict("-READONLY You can't write"), Verdict::Elsewhere(_)));
        assert!(matches!(verdict("-NOAUTH Authentication required"), Verdict::Elsewhere(_)));
        assert!(matches!(verdict("-CLUSTERDOWN The cluster is down"), Verdict::Elsewhere(_)));
        for refusal in ["-NOREPLICAS Not enough", "-OOM command", "-NOSCRIPT No", "-MISCONF x", "-MOVED", "-ERR x"] {
            assert_eq!(verdict(refusal), Verdict::Final, "{refusal}");
        }
    }
}
