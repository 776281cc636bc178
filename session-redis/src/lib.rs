//! Sessions on Redis.

mod config;
// The store does not offer it yet.
#[allow(dead_code, unused_imports)]
mod feed;
// The store, which uses all of it, is yet to come.
#[allow(dead_code, unused_imports)]
mod net;
mod secret;
mod tls;

pub use config::{RedisConfig, Sentinel, Topology};
pub use secret::Secret;
pub use tls::TlsConfig;
