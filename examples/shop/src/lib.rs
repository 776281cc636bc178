//! A shop on axum, on any number of nodes: `session.rs` is the middleware, `routes.rs` the shop.

mod routes;
mod session;

pub use routes::shop;
pub use session::{Failure, RequestSession, with_session};

/// The snippets of the workspace's README, as documentation tests.
#[doc = include_str!("../../../README.md")]
#[cfg(doctest)]
struct Readme;
