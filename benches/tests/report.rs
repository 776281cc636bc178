//! The exit status of the report, which continuous integration uses.
#![allow(clippy::unwrap_used, missing_docs, reason = "tests")]

use std::process::{Command, Output};

fn report(args: &[&str]) -> Output {
    let folder = tempfile::tempdir().unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_report"));
    command.args(["--quick", "--out"]).arg(folder.path()).args(args);
    command.env("REDIS_BENCHMARK_BIN", "no-such-benchmark").output().unwrap()
}

fn refused(args: &[&str], why: &str) {
    let output = report(args);
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.contains(why) && !said.contains("measuring"), "{said}");
}

#[test]
fn what_lacks_is_told_before_anything_is_measured() {
    refused(&["--only", "algebra", "--only", "redis"], "`no-such-benchmark` cannot be run");
}

#[test]
fn a_trace_that_cannot_be_used_is_told_before_anything_is_measured() {
    refused(&["--only", "algebra", "--only", "hit-rate", "--trace", "no/such.csv"], "the trace no/such.csv");
    refused(&["--only", "algebra", "--trace", "no/such.csv"], "no section that takes one");
}

#[test]
fn a_section_that_is_not_there_is_refused() {
    refused(&["--only", "algebrae"], "no section begins with `algebrae`");
}
