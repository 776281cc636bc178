//! A store that is right passes every case.

mod toy;

session_conformance::tests!(crate::toy::ToyHarness);
