//! The results of all cases.

use std::fmt;

use crate::Capability;

/// The result of a case.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Verdict {
    /// The backend keeps the promise.
    Passed,
    /// The backend does not have this capability.
    Skipped(Capability),
    /// The backend breaks the promise, or the case hangs.
    Failed(String),
}

impl Verdict {
    /// Whether the promise was checked and is kept.
    pub fn is_pass(&self) -> bool {
        *self == Self::Passed
    }
}

/// The results of all cases. Its `Display` is a table of them and a summary line.
#[derive(Clone, Debug)]
#[must_use = "a report may contain failures"]
pub struct Report {
    verdicts: Vec<(String, Verdict)>,
}

impl Report {
    pub(crate) fn new(verdicts: Vec<(String, Verdict)>) -> Self {
        Self { verdicts }
    }

    /// The result of every case, by full name, in order.
    pub fn verdicts(&self) -> impl Iterator<Item = (&str, &Verdict)> {
        self.verdicts.iter().map(|(name, verdict)| (name.as_str(), verdict))
    }

    /// The cases that failed.
    pub fn failures(&self) -> impl Iterator<Item = &str> {
        self.verdicts().filter_map(|(name, verdict)| matches!(verdict, Verdict::Failed(_)).then_some(name))
    }

    /// The skipped cases, each with the missing capability.
    pub fn skipped(&self) -> impl Iterator<Item = (&str, Capability)> {
        self.verdicts().filter_map(|(name, verdict)| match verdict {
            Verdict::Skipped(capability) => Some((name, *capability)),
            _ => None,
        })
    }

    /// Whether no case failed.
    pub fn is_success(&self) -> bool {
        self.failures().next().is_none()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (mut passed, mut skipped, mut failed) = (0, 0, 0);
        for (name, verdict) in &self.verdicts {
            match verdict {
                Verdict::Passed => {
                    passed += 1;
                    writeln!(f, "passed   {name}")?;
                }
                Verdict::Skipped(capability) => {
                    skipped += 1;
                    writeln!(f, "skipped  {name} (no {capability})")?;
                }
                Verdict::Failed(why) => {
                    failed += 1;
                    writeln!(f, "FAILED   {name}: {why}")?;
                }
            }
        }
        write!(f, "{passed} passed, {skipped} skipped, {failed} failed")
    }
}
