//! Why and when a session ended.

use std::{fmt, time::Duration};

/// Why a session was ended, or why an id no longer gives access to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum EndReason {
    /// Its user signed out.
    Logout,
    /// It was revoked, by its user from elsewhere or by an operator.
    Revoked,
    /// Its principal had too many sessions.
    Limit,
    /// Another principal signed in over it, which started a new session.
    Replaced,
    /// A renewal replaced the id, the new id was used, and the grace is over. The session itself continues. If the old id
    /// comes back, two clients have ids of one session, and one of them may have stolen it.
    Renewed,
}

impl fmt::Display for EndReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Logout => "logout",
            Self::Revoked => "revoked",
            Self::Limit => "limit",
            Self::Replaced => "replaced",
            Self::Renewed => "renewed",
        })
    }
}

/// Why an id no longer gives access, while the store remembers it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ended {
    /// Why the session was ended.
    pub reason: EndReason,
    /// How long ago the session was ended. For [`EndReason::Renewed`], how long ago the old id stopped giving access; the
    /// session itself continues.
    pub age: Duration,
}

impl Ended {
    /// Whether the session continues at the id of a renewal.
    pub(crate) fn is_renewed(self) -> bool {
        self.reason == EndReason::Renewed
    }
}
