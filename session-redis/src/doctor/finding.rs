//! One result of a check.

use std::fmt;

/// How much a finding matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Severity {
    /// The setting is as it should be.
    Ok,
    /// A fact worth knowing, or something that could not be examined.
    Info,
    /// The deployment works, but a likely event will cause harm.
    Warning,
    /// Sessions are lost, promises do not hold, or strangers get in.
    Critical,
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Ok => "ok",
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Critical => "CRITICAL",
        })
    }
}

/// The result of one check at one server. It holds names of settings, users and servers; never a key, a value or a
/// password.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    pub(super) severity: Severity,
    pub(super) check: &'static str,
    pub(super) found: String,
    pub(super) remedy: String,
    pub(super) node: String,
}

impl Finding {
    /// How much it matters.
    pub fn severity(&self) -> Severity {
        self.severity
    }

    /// The name of the check, such as `eviction`: stable, in kebab case.
    pub fn check(&self) -> &'static str {
        self.check
    }

    /// The fact, and its consequence.
    pub fn found(&self) -> &str {
        &self.found
    }

    /// The remedy; empty if none is needed.
    pub fn remedy(&self) -> &str {
        &self.remedy
    }

    /// The server, as `host:port`; `deployment` if the finding is about all servers together.
    pub fn node(&self) -> &str {
        &self.node
    }
}
