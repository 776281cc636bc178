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
fn missing_programs_are_reported_before_anything_is_measured() {
    refused(&["--only", "algebra", "--only", "redis"], "`no-such-benchmark` cannot be run");
}

#[test]
fn an_unusable_trace_is_reported_before_anything_is_measured() {
    refused(&["--only", "algebra", "--only", "hit-rate", "--trace", "no/such.csv"], "the trace no/such.csv");
    refused(&["--only", "algebra", "--trace", "no/such.csv"], "none of the measured sections uses one");
}

#[test]
fn an_unknown_section_is_refused() {
    refused(&["--only", "algebrae"], "no section begins with `algebrae`");
}
