//! The doctor finds what is wrong with a deployment, and nothing where nothing is.

mod cluster;
mod sentinel;
mod standalone;
mod stored;
mod ward;
