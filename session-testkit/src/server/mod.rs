//! One server.

mod address;
mod builder;
mod instance;
mod launch;
mod settings;

pub use builder::ServerBuilder;
pub use instance::Server;
pub(crate) use settings::{ADMIN, ADMIN_PASSWORD, Role, Settings};
