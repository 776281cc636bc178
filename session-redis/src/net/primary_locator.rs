//! Finds a primary.

use redis::aio::{AsyncPushSender, MultiplexedConnection};

use super::{Address, Cause, Dialer, Failure, sentinels::Sentinels};

/// Finds a primary.
pub(super) enum PrimaryLocator {
    /// At one of these addresses.
    Fixed(Vec<Address>),
    /// At the address that the sentinels report.
    Sentinels(Box<Sentinels>),
}

impl PrimaryLocator {
    /// Where the primary is looked for, for messages.
    pub(super) fn destination(&self) -> String {
        match self {
            Self::Fixed(addresses) => addresses.iter().map(Address::to_string).collect::<Vec<_>>().join(", "),
            Self::Sentinels(sentinels) => sentinels.destination(),
        }
    }

    /// Connects to the primary. `push_receiver` makes a receiver of pushes for each attempt.
    ///
    /// # Errors
    /// [`Failure::Fatal`] if a server refuses the client permanently and no other accepts it, [`Failure::Unsent`]
    /// otherwise.
    pub(super) async fn dial<P: AsyncPushSender>(
        &self,
        dialer: &Dialer,
        mut push_receiver: impl FnMut() -> P,
    ) -> Result<(MultiplexedConnection, Address), Failure> {
        let found;
        let addresses = match self {
            Self::Fixed(addresses) => addresses.as_slice(),
            Self::Sentinels(sentinels) => {
                found = sentinels.primary().await?;
                std::slice::from_ref(&found)
            }
        };
        let mut failure = Failure::Unsent(Cause::new("no server is known"));
        for address in addresses {
            match dialer.dial_primary(address, Some(push_receiver())).await {
                Ok(connection) => return Ok((connection, address.clone())),
                Err(other) => failure = failure.or_worse(other),
            }
        }
        Err(failure)
    }

    /// Whether the primary has moved away from this address, although the server there may still believe that it is
    /// the primary.
    pub(super) async fn has_moved_from(&self, address: &Address) -> bool {
        match self {
            Self::Fixed(_) => false,
            Self::Sentinels(sentinels) => sentinels.has_moved_from(address).await,
        }
    }

    /// Returns when the primary may have moved.
    pub(super) async fn switched(&self) {
        match self {
            Self::Fixed(_) => std::future::pending().await,
            Self::Sentinels(sentinels) => sentinels.switched().await,
        }
    }
}
