//! Sessions on Redis.

mod builder;
mod config;
mod doctor;
mod feed;
mod greeter;
mod hints;
mod index;
mod inner;
mod layout;
mod lifetimes;
mod lock;
mod meta;
mod net;
mod ops;
mod permissions;
mod recent;
mod record;
mod script;
mod secret;
mod settings;
mod stats;
mod store;
mod tags;
mod tls;

pub use builder::RedisStoreBuilder;
pub use config::{RedisConfig, Sentinel, Topology};
pub use doctor::{DOCTOR_ACL_RULE, Doctor, Finding, Report, Severity};
pub use permissions::ACL_RULE;
pub use secret::Secret;
pub use stats::Stats;
pub use store::RedisStore;
pub use tls::TlsConfig;
