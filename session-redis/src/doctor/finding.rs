//! One thing that was found.

use std::fmt;

/// How much a finding matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Severity {
    /// As it should be.
    Ok,
    /// Good to know, or not looked at.
    Info,
    /// Works, but something that may well happen will hurt.
    Warning,
    /// Sessions get lost, promises do not hold, or strangers get in.
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

/// One thing that was found at one server. It holds names of settings, users and servers; never a key, a value or a
/// password.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
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

    /// What was looked at, such as `eviction`: stable, in kebab case.
    pub fn check(&self) -> &'static str {
        self.check
    }

    /// What was found, and what follows from it.
    pub fn found(&self) -> &str {
        &self.found
    }

    /// What to do about it; empty if nothing is to be done.
    pub fn remedy(&self) -> &str {
        &self.remedy
    }

    /// The server it was found at, as `host:port`; `deployment` if it is about all of them.
    pub fn node(&self) -> &str {
        &self.node
    }
}
