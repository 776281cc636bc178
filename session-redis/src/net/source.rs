//! Where a primary is to be found.

use redis::aio::{AsyncPushSender, MultiplexedConnection};

use super::{Address, Cause, Dialer, Failure, sentinel::Sentinels};

/// Where a primary is to be found.
pub(super) enum Source {
    /// At one of these addresses.
    Fixed(Vec<Address>),
    /// Where the sentinels say.
    Sentinels(Box<Sentinels>),
}

impl Source {
    /// A connection to the primary. `push` is asked for a receiver for each connection that is tried.
    ///
    /// # Errors
    /// [`Failure::Fatal`] if a server refuses us for good and none takes us, [`Failure::Unsent`] otherwise.
    pub(super) async fn dial<P: AsyncPushSender>(
        &self,
        dialer: &Dialer,
        mut push: impl FnMut() -> P,
    ) -> Result<(MultiplexedConnection, Address), Failure> {
        let found;
        let addresses = match self {
            Self::Fixed(addresses) => addresses.as_slice(),
            Self::Sentinels(sentinels) => {
                found = sentinels.primary().await?;
                std::slice::from_ref(&found)
            }
        };
        let mut worst = Failure::Unsent(Cause::new("no server is known"));
        for address in addresses {
            match dialer.dial_primary(address, Some(push())).await {
                Ok(connection) => return Ok((connection, address.clone())),
                Err(failure) => worst = worse(worst, failure),
            }
        }
        Err(worst)
    }

    /// Whether the primary is elsewhere now, although the server at this address may still think that it is one.
    pub(super) async fn has_left(&self, address: &Address) -> bool {
        match self {
            Self::Fixed(_) => false,
            Self::Sentinels(sentinels) => sentinels.has_left(address).await,
        }
    }

    /// Returns when the primary may be elsewhere.
    pub(super) async fn switched(&self) {
        match self {
            Self::Fixed(_) => std::future::pending().await,
            Self::Sentinels(sentinels) => sentinels.switched().await,
        }
    }
}

/// The failure to report: one that no waiting mends tells more than one that may pass.
pub(super) fn worse(one: Failure, other: Failure) -> Failure {
    if matches!(one, Failure::Fatal(_)) { one } else { other }
}
