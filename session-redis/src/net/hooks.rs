//! What the store does when connections come and go.

use futures_util::future::BoxFuture;
use redis::aio::MultiplexedConnection;

use super::Failure;

/// What the store does when connections come and go. It must not own the [`Net`](super::Net) it is given to, or
/// neither would ever end.
pub(crate) trait Hooks: Send + Sync + 'static {
    /// Prepares a new connection to a primary before its first use: loads scripts, checks permissions and layout.
    /// [`Failure::Fatal`] fails all calls until it mends, everything else is tried again.
    fn greet<'a>(&'a self, connection: &'a mut MultiplexedConnection) -> BoxFuture<'a, Result<(), Failure>>;

    /// A primary is reached again after it was lost, or another one took its place. Must return at once.
    fn regained(&self);
}
