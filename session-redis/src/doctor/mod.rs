//! Inspects a deployment: what endangers its sessions, and the remedy for each problem. The feature `doctor` adds it.
//!
//! ```no_run
//! # async fn example() -> Result<(), session_core::Error> {
//! use session_redis::{RedisConfig, doctor::Doctor};
//!
//! let config = RedisConfig::standalone("redis://127.0.0.1/").username("admin").password("secret");
//! let report = Doctor::new(config).store_user("shop").examine().await?;
//! print!("{report}");
//! # Ok(())
//! # }
//! ```
//!
//! A [`Doctor`] only reads. It does not open a store, because a deployment can be too broken for that: it connects to each
//! server, collects the facts, and then checks them. A fact that the server does not show to its user is a finding too.
//!
//! The crate `session-redis-doctor` is a command for the same inspection.

mod checks;
mod deployment;
mod discover;
mod examine;
mod facts;
mod finding;
mod findings;
mod internals;
mod other_users;
mod probe;
mod reply;
mod report;
mod sample;
mod sentinels;
mod user;

pub use examine::{ACL_RULE, Doctor};
pub use finding::{Finding, Severity};
pub use report::Report;
