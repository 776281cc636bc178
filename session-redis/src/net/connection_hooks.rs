//! What the store does when connections come and go.

use futures_util::future::BoxFuture;
use redis::aio::MultiplexedConnection;

use super::Failure;

/// What the store does when connections come and go. An implementation must not own the [`Net`](super::Net) that calls
/// it, or neither would ever be dropped.
pub(crate) trait ConnectionHooks: Send + Sync + 'static {
    /// Prepares a new connection to a primary before its first use: loads scripts, checks permissions, replays
    /// destroys. After [`Failure::Fatal`] all calls fail until an attempt succeeds; any other failure is retried.
    fn prepare<'a>(&'a self, connection: &'a mut MultiplexedConnection) -> BoxFuture<'a, Result<(), Failure>>;

    /// Verifies with each health check that the connection's server still holds what the store expects, and sends a write
    /// that changes nothing. After [`Failure::Fatal`] the connection is given up, as if it had not been prepared.
    /// [`Failure::Refused`] is the server's refusal of the write. Any other failure is ignored.
    fn verify<'a>(&'a self, _connection: &'a mut MultiplexedConnection) -> BoxFuture<'a, Result<(), Failure>> {
        Box::pin(std::future::ready(Ok(())))
    }

    /// A lost primary was reached again, or another one took its place. Must return at once.
    fn primary_regained(&self);
}
