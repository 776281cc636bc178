//! A world in virtual time, generated from a seed: servers, links, nodes, clients and faults.
//!
//! One seed is one run: all random numbers come from the seed, all tasks wait only for virtual time and messages, and one
//! thread runs them. So a run can be repeated byte for byte.

mod client;
mod clock;
mod coverage;
mod faults;
mod feed;
mod forger;
mod history;
mod jar;
mod link;
mod listening;
mod mistake;
mod node;
mod outages;
mod remote;
mod request;
mod rotations;
mod run;
mod server;
mod settings;
mod time;
mod trace;
mod world;
mod writes;

pub use clock::NodeClock;
pub use coverage::Coverage;
pub use history::{History, Seen, Window};
pub use mistake::StoreMistake;
pub use remote::SimStore;
pub use run::{NodeSetup, Outcome, Subject, Tested, run, run_with};
pub(crate) use server::Lineages;
pub use settings::Settings;
pub use time::Millis;
pub use world::{Sim, World};
