//! What operations, messages and heartbeats take of a server's processor, and the model of `capacity`
//! against it.
//!
//! Processor time is the difference of `used_cpu_user` and `used_cpu_sys` over a batch: `commandstats` does not count
//! what is done for subscribers, nor system calls.

mod beats;
mod cluster;
pub mod constants;
pub mod measured;
mod messages;
mod meter;
mod node;
mod operations;
pub mod scenario;
mod station;

use tokio::runtime::{Builder, Runtime};

pub use beats::Beats;
pub use cluster::Clusters;
pub use measured::Measured;
pub use messages::Messages;
pub use meter::{Meter, Reading};
pub use node::{Listeners, process_cpu};
pub use operations::{Loaded, Operations};
pub use scenario::Scenario;
pub use station::{Station, create as create_in_redis};

/// Two workers, for servers and clients share the machine anyway.
pub fn runtime() -> Runtime {
    Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime")
}
