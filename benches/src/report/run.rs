//! A run. A failure in one section does not lose the results of others.

use std::{
    any::Any,
    error::Error,
    panic::{AssertUnwindSafe, catch_unwind},
    path::Path,
};

use serde::Serialize;

use super::{Report, needs};
use crate::{
    claims::{self, Measure},
    effort::Effort,
    study::workload::{Unreadable, Workload},
};

/// A section that could not be measured.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Failure {
    /// The name of the section.
    pub section: String,
    /// The reason.
    pub why: String,
}

impl Report {
    /// Measures these sections, with a recorded trace, if there is one.
    ///
    /// # Errors
    /// If something that they need is missing; then nothing has been measured. Later failures are in the report.
    pub fn measure(sections: &[&Measure], effort: Effort, trace: Option<&Path>) -> Result<Self, Box<dyn Error>> {
        needs::check(sections.iter().flat_map(|section| section.needs).copied())?;
        if let Some(path) = trace {
            if !sections.iter().any(|section| section.takes_trace) {
                return Err("a trace was given, but none of the measured sections uses one".into());
            }
            let _ = Workload::read(path, 1_000, 1)?;
        }
        let mut report = Self::new(effort);
        for section in sections {
            eprintln!("measuring: {}", section.name);
            let measured = report.attempt(section.name, || (section.measure)(effort, trace));
            report.sections.extend(measured);
            // The constants come with that section's measurements.
            let is_measured = report.failures.iter().all(|failure| failure.section != section.name);
            if section.name == claims::FAN_OUT && is_measured {
                report.constants = report.attempt("constants", || Ok(claims::fan_out::constants(effort)));
            }
        }
        Ok(report)
    }

    /// Returns the result of `work`; a failure or a panic is recorded.
    fn attempt<T>(&mut self, section: &str, work: impl FnOnce() -> Result<T, Unreadable>) -> Option<T> {
        let why = match catch_unwind(AssertUnwindSafe(work)) {
            Ok(Ok(measured)) => return Some(measured),
            Ok(Err(error)) => error.to_string(),
            Err(panic) => panic_message(&*panic),
        };
        // A server's log may follow; all of it becomes one line.
        let why = why.split_whitespace().collect::<Vec<_>>().join(" ");
        self.failures.push(Failure { section: section.to_owned(), why });
        None
    }
}

/// The message of a panic.
fn panic_message(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str).or_else(|| panic.downcast_ref::<&str>().copied());
    text.unwrap_or("the section panicked").to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::section::Section;

    const GOOD: Measure =
        Measure { name: "good", needs: &[], takes_trace: false, measure: |_, _| Ok(Section::new("Good", "Measured.")) };

    #[test]
    fn a_failure_loses_no_other_results() {
        let bad = Measure { name: "bad", measure: |_, _| panic!("no\n{}\n", "server"), ..GOOD };
        let last = Measure { name: "last", ..GOOD };
        let report = Report::measure(&[&GOOD, &bad, &last], Effort::Quick, None).unwrap();
        assert_eq!(report.sections.len(), 2);
        assert_eq!(report.failures, [Failure { section: "bad".to_owned(), why: "no server".to_owned() }]);
    }

    #[test]
    fn a_trace_is_checked_before_anything_is_measured() {
        let unused = Measure { measure: |_, _| unreachable!(), ..GOOD };
        let taking = Measure { takes_trace: true, ..unused };
        let path = Path::new("no/such.csv");
        for section in [&unused, &taking] {
            let error = Report::measure(&[section], Effort::Quick, Some(path)).unwrap_err();
            assert!(error.to_string().contains("trace"), "{error}");
        }
    }
}
