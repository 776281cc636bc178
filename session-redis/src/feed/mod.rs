//! The change feed: the changes of all stores, delivered to each subscriber.
//!
//! A subscription has connections of its own, one to each primary. They do not reconnect by themselves, since that would
//! hide what was published meanwhile. Changes ([`message`]) arrive on such a connection, and barriers
//! ([`feed_barriers`]) are requested on it. A [`push_receiver`] runs inside the task that reads the connection. It writes
//! what arrives to the [`feed_state`], in the order of the wire, and the subscriber reads from there. A
//! [`feed_supervisor`] reconnects when something is lost. Whatever may have been missed is a gap in the stream.

mod active_subscription;
mod channels;
#[allow(clippy::module_inception)]
mod feed;
mod feed_barriers;
mod feed_connection;
mod feed_options;
mod feed_state;
mod feed_supervisor;
mod feed_transport;
mod message;
mod push_receiver;
mod queue;
mod request_failure;
#[cfg(test)]
mod tests;

pub(crate) use channels::Channels;
pub(crate) use feed::Feed;
pub(crate) use feed_options::FeedOptions;
pub(crate) use feed_transport::FeedTransport;
