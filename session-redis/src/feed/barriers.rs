//! Barriers: the primary's answer in the same stream.

use std::{fmt, sync::Arc};

use async_trait::async_trait;
use session_core::{
    Error, ErrorKind,
    store::{BarrierId, Barriers, GapCause},
};

use super::{
    board::{Board, LinkId, Unplaced},
    link::Link,
    refusal::Refusal,
    shared::Shared,
};

/// Asks the primary of a partition for its sequence, on the connection that carries the partition's channel. What was
/// published before the answer is in the queue when the answer is seen, so the barrier stands behind it.
pub(crate) struct LinkBarriers(pub(crate) Arc<Shared>);

#[async_trait]
impl Barriers for LinkBarriers {
    async fn barrier(&self, partition: u16) -> Result<BarrierId, Error> {
        self.ask(partition).await.map_err(|error| error.with_backend("redis").with_operation("barrier"))
    }

    fn spans_partitions(&self) -> bool {
        self.0.channels.share_a_connection()
    }
}

impl LinkBarriers {
    async fn ask(&self, partition: u16) -> Result<BarrierId, Error> {
        let shared = &self.0;
        let Some(channel) = shared.channels.get(partition) else {
            return Err(Error::new(ErrorKind::InvalidInput, "no such partition"));
        };
        let (link, sent) = shared.look(|board| board.carrier(partition)).ok_or_else(not_carried)?;
        // One for all of them is worth nothing while one of them is not heard.
        if self.spans_partitions() && !shared.look(Board::is_whole) {
            return Err(not_carried());
        }
        let link = shared.link(link).ok_or_else(not_carried)?;
        let answer = link.sequence(&channel.sequence_key).await;
        let sequence = answer.inspect_err(|refusal| refused(shared, &link, partition, *refusal))?;
        let barrier = shared.next_barrier();
        let placed = shared.change(|board| {
            board.answer(link.id(), partition, sent, sequence)?;
            board.place(partition, barrier)
        });
        match placed {
            Ok(()) => Ok(barrier),
            Err(Unplaced::NotCarried) => Err(not_carried()),
            Err(Unplaced::Full) => Err(Error::new(ErrorKind::Overloaded, "the subscriber does not read its barriers")),
        }
    }
}

/// Does what a refusal calls for.
pub(crate) fn refused(shared: &Shared, link: &Link, partition: u16, refusal: Refusal) {
    match refusal {
        Refusal::Demoted => shared.lose(link.id(), GapCause::Demoted),
        Refusal::Moved => shared.withdraw(link.id(), partition, GapCause::SlotMoved),
        Refusal::Lost => shared.lose(link.id(), GapCause::Disconnected),
        Refusal::Unreadable => report_unreadable(shared, link.id(), partition),
        // Nothing to be done: the slot arrives somewhere, or the server says that it does not.
        Refusal::Migrating | Refusal::Denied => {}
        Refusal::Late => {
            link.suspect();
            shared.alarm();
        }
        Refusal::Unserved => {
            link.doubt();
            shared.alarm();
        }
    }
}

fn report_unreadable(shared: &Shared, link: LinkId, partition: u16) {
    shared.change(|board| board.report(link, partition, GapCause::Unreadable));
}

fn not_carried() -> Error {
    Error::new(ErrorKind::Unavailable, "the feed is not connected to the partition's primary; it connects again")
}

impl fmt::Debug for LinkBarriers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LinkBarriers").finish_non_exhaustive()
    }
}
