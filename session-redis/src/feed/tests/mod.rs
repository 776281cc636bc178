//! Tests of messages, of the state, and against real servers.

mod announcement;

mod clusters;
mod live;
mod messages;
mod rig;
mod states;
mod stores;
mod trouble;
