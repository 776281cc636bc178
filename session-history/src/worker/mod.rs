//! One node of an application, as a process: it takes requests as JSON lines on its standard input and answers on its
//! standard output, through nothing but the public interface of the stores.
//!
//! The first line is the [`NodeConfig`]; every other line is a [`Request`]. The answer `{"ready":true}` says that the node
//! is connected. The process ends when its standard input ends.

mod attempts;
mod mutant;
mod node;
mod protocol;
mod serve;
mod state;

pub use mutant::Mutant;
pub use protocol::{Answer, NodeConfig, Reply, Request, StoreKind, TopologyKind};
pub use serve::serve;
