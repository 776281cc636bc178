//! A store that is right passes every case.

#![expect(missing_docs, reason = "tests")]

mod toy;

session_conformance::tests!(crate::toy::ToyHarness);
