//! The tiered store under more adversity than a test can arrange.
//!
//! | module | is |
//! |---|---|
//! | [`model`] | the protocol as a small machine whose every reachable state is visited |
//! | [`sim`] | the real cache against a store and a network that fail, in virtual time, from a seed |
//! | [`oracle`] | what must hold in each run of the simulation, one file for each invariant |
//! | [`campaign`] | many seeds |

pub mod campaign;
pub mod model;
pub mod oracle;
pub mod sim;
