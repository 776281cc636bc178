//! Judges a history. Nothing here knows the product: only what clients asked, when, and what they were answered.
//!
//! Each rule is in a file of its own and states the guarantee that it checks. Rules are sound: they report only answers
//! that no correct product can give. Three principles keep them so:
//!
//! - A write without an acknowledgement may have happened, at any time since it was sent, or not at all.
//! - A fault may explain a lost write only if the documentation of the product says so, and only for a write that was on
//!   its way at that time. A write that is in the state after the run was not lost, so nothing excuses a read without it.
//! - Every bound in time runs from the invocation of the read. The time for which a process or the machine was
//!   suspended is therefore on the side of the product.

mod facts;
mod rules;
mod session;

use std::{collections::BTreeMap, fmt};

pub use rules::RULES;

use crate::history::{History, Micros, Process};
use facts::Facts;
use session::Session;

/// An answer that breaks a guarantee.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// The rule, by the name of its file.
    pub rule: &'static str,
    /// The session.
    pub session: u32,
    /// The call whose answer breaks the rule.
    pub call: u64,
    /// The process that answered.
    pub process: Process,
    /// When that call was invoked.
    pub at: Micros,
    /// A description.
    pub text: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { rule, session, call, process: Process { node, life }, at, text } = self;
        let seconds = *at as f64 / 1e6;
        write!(f, "{rule}: session {session}, call {call} of node {node}.{life} at {seconds:.3} s: {text}")
    }
}

/// One rule: what it finds in the calls of one session.
pub type Rule = fn(&Facts<'_>, &Session<'_>) -> Vec<Violation>;

/// The result of a check.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// All violations, in the order of their times.
    pub violations: Vec<Violation>,
    /// Acknowledged additions that a fault may explain and that are missing after the run.
    pub lost: usize,
}

impl Report {
    /// How often each rule was broken.
    #[must_use]
    pub fn by_rule(&self) -> BTreeMap<&'static str, usize> {
        let mut counts = BTreeMap::new();
        for violation in &self.violations {
            *counts.entry(violation.rule).or_default() += 1;
        }
        counts
    }
}

/// Judges a history by every rule.
#[must_use]
pub fn check(history: &History) -> Report {
    let facts = Facts::new(history);
    let (mut violations, mut lost) = (Vec::new(), 0);
    for session in facts.sessions() {
        lost += facts.losses_of(session);
        for (_, rule) in RULES {
            violations.extend(rule(&facts, session));
        }
    }
    violations.sort_by_key(|violation| (violation.at, violation.call));
    Report { violations, lost }
}

#[cfg(test)]
mod story;
