//! The protocol of the tiered store, under more adversity than a test can arrange.
//!
//! | module | is |
//! |---|---|
//! | [`model`] | the protocol as a small machine whose every reachable state is visited |

pub mod model;
