//! What goes over the wire: how often, and how much.

mod bytes;
mod link;
mod trips;
