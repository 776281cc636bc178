//! Real servers for tests.

mod certificates;
mod cluster;
mod connection;
mod link;
mod persistence;
mod port;
mod process;
mod reply;
mod sentinel;
mod server;
mod wait;
mod watchdog;
mod workdir;

pub use certificates::Certificates;
pub use cluster::{Cluster, ClusterBuilder, Node, SlotMove};
pub use connection::Connection;
pub use link::{Direction, Exchange, LinkCutter, Recording};
pub use persistence::Persistence;
pub use reply::Reply;
pub use sentinel::{SentinelTrio, SentinelTrioBuilder};
pub use server::{Server, ServerBuilder};
