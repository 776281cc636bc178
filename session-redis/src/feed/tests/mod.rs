//! Tests: of what is read, of the state, and against real servers.

mod announcement;
mod boards;
mod clusters;
mod live;
mod messages;
mod rig;
mod stores;
mod trouble;
