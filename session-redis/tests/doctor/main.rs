//! The doctor finds every problem of a deployment, and none in a healthy one.

mod cluster;
mod fixture;
mod sentinel;
mod standalone;
mod stored;
