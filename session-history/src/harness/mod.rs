//! The harness: servers, proxies, workers, clients, and the nemesis that breaks things, from a seed.
//!
//! | file | is |
//! |---|---|
//! | `run.rs` | a whole run, from the servers to the history |
//! | `deployment.rs` | the servers of a topology |
//! | `proxy/` | the links between a worker and the servers |
//! | `node.rs`, `worker_process.rs`, `pause.rs` | a node of the application: its links, and its process |
//! | `pool.rs`, `workload.rs`, `client.rs` | the sessions, the choice of requests, and the clients that send them |
//! | `nemesis/` | the faults |
//! | `saved_logs.rs` | the logs of the servers, beside the history |

mod client;
mod deployment;
mod nemesis;
mod node;
mod options;
mod pause;
mod pool;
mod proxy;
mod run;
mod saved_logs;
mod worker_process;
mod workload;

pub use deployment::Topology;
pub use nemesis::FaultKind;
pub use options::Options;
pub use run::{Summary, run};
