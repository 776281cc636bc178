//! A world in virtual time, made from a seed: servers, links, nodes, clients and faults.
//!
//! One seed is one run: every random number comes from it, every task waits for nothing but virtual time and messages,
//! and one thread runs them all. So a run can be repeated, byte for byte.

mod client;
mod clock;
mod coverage;
mod faults;
mod feed;
mod history;
mod jar;
mod link;
mod listening;
mod node;
mod outages;
mod remote;
mod request;
mod run;
mod server;
mod settings;
mod trace;
mod world;
mod writes;

pub use clock::NodeClock;
pub use coverage::Coverage;
pub use history::{History, Seen, Window};
pub use remote::SimStore;
pub use run::{Node, Outcome, Subject, Tested, run};
pub(crate) use server::Lineages;
pub use settings::Settings;
pub use world::{Sim, World};

/// Virtual time in milliseconds since the run began.
pub type Millis = u64;
