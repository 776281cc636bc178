//! The server CPU time of operations, messages and heartbeats, compared with the model of `capacity`.
//!
//! CPU time is the difference of `used_cpu_user` and `used_cpu_sys` over a batch. `commandstats` would count neither
//! the work for subscribers nor system calls.

mod cluster;
pub mod constants;
mod heartbeats;
pub mod measured;
mod messages;
mod meter;
mod node;
mod operations;
pub mod scenario;
mod subscribed_server;

use tokio::runtime::{Builder, Runtime};

pub use cluster::Clusters;
pub use heartbeats::Heartbeats;
pub use measured::Measured;
pub use messages::Messages;
pub use meter::{Meter, Reading};
pub use node::{Listeners, process_cpu};
pub use operations::{Loaded, Operations};
pub use scenario::Scenario;
pub use subscribed_server::{SubscribedServer, create as create_in_redis};

/// Two workers, because servers and clients share the machine anyway.
pub fn runtime() -> Runtime {
    Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime")
}
