//! The tiered store under more faults than a test can arrange.
//!
//! | module | contents |
//! |---|---|
//! | [`model`] | the protocol as a small state machine; every reachable state is visited |
//! | [`renewal`] | renewals and sign-ins as a small state machine, likewise |
//! | [`sim`] | the real cache on a store and a network that fail, in virtual time, from a seed |
//! | [`oracle`] | the invariants of each run of the simulation, one file each |
//! | [`campaign`] | runs of many seeds |

pub mod campaign;
pub mod model;
pub mod oracle;
pub mod renewal;
pub mod sim;
