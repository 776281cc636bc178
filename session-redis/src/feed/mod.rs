//! The change feed: what all stores did, told to whoever subscribes.
//!
//! Each subscription has connections of its own, one to each primary: an unmanaged one, since a connection that mends
//! itself would hide what was published meanwhile. On it come the changes ([`message`]), and on it barriers are
//! asked for ([`barriers`]). An [`ear`] inside the task that reads the connection writes what it hears on the
//! [`board`], in the order of the wire; the subscriber reads from there. A [`keeper`] connects again when something
//! is lost. Whatever may have been missed is a gap in the stream.

mod barriers;
mod board;
mod change_feed;
mod channels;
mod ear;
mod keeper;
mod link;
mod message;
mod options;
mod pauses;
mod queue;
mod refusal;
mod shared;
mod source;
#[cfg(test)]
mod tests;

pub(crate) use change_feed::Feed;
pub(crate) use channels::Channels;
pub(crate) use options::FeedOptions;
pub(crate) use source::Source;
