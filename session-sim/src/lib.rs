//! Deterministic simulation of the tiered session store: the real cache, against a store and a network that fail.

pub mod campaign;
pub mod oracle;
pub mod sim;
