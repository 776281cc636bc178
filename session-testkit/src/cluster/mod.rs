//! A cluster of servers.

mod builder;
mod form;
mod instance;
mod node;
mod slot_move;
mod split;
mod view;

pub use builder::ClusterBuilder;
pub use instance::Cluster;
pub use node::Node;
pub use slot_move::SlotMove;

/// The number of hash slots of every cluster.
pub(crate) const SLOTS: u16 = 16_384;
