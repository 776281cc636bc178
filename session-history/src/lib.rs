//! A checker of histories: application nodes as processes, real servers, proxies and faults, judged by what clients saw.
//!
//! | module | contents |
//! |---|---|
//! | [`history`] | what was asked of which process, when, and what it answered: a file of JSON lines |
//! | [`checker`] | judges a history by what the stores promise; it knows nothing of the product |
//! | [`worker`] | one node of an application, as a process; some are wrong on purpose |
//! | [`harness`] | servers, proxies, clients, and the nemesis that breaks things, from a seed |
//!
//! The README says which rule checks which guarantee, and how to run it.

pub mod checker;
pub mod harness;
pub mod history;
pub mod worker;
