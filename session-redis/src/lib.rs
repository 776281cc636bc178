//! Sessions on Redis.

mod config;
// The store, which uses all of it, is yet to come.
#[allow(dead_code, unused_imports)]
mod net;
mod secret;
mod tls;

pub use config::{RedisConfig, Sentinel, Topology};
pub use secret::Secret;
pub use tls::TlsConfig;
