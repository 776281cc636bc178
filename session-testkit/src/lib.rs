//! Real servers for tests.

mod certificates;
mod connection;
mod link;
mod persistence;
mod port;
mod process;
mod reply;
mod server;
mod wait;
mod watchdog;
mod workdir;

pub use certificates::Certificates;
pub use connection::Connection;
pub use link::{Direction, Exchange, LinkCutter, Recording};
pub use persistence::Persistence;
pub use reply::Reply;
pub use server::{Server, ServerBuilder};
