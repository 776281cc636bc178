//! Round trips and bytes on the wire.

mod bytes;
mod link;
mod many;
mod trips;
