//! Examines a deployment, and says what endangers sessions there and what to do about it.
//!
//! It asks only; it writes nothing. A [`Doctor`] does not go through a store, since a deployment may be too broken for
//! one: it dials each server by itself, gathers what each says into [`Facts`](facts::Facts), and lets
//! [`checks`] judge those. What a server does not let the user see is itself a finding.

mod acl;
mod checks;
mod deployment;
mod discover;
mod examine;
mod facts;
mod finding;
mod line;
mod notes;
mod reply;
mod report;
mod sample;
mod sentinels;

pub use examine::{DOCTOR_ACL_RULE, Doctor};
pub use finding::{Finding, Severity};
pub use report::Report;
