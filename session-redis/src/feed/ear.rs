//! What hears the pushes of one connection.

use std::sync::{
    Arc, Weak,
    atomic::{AtomicUsize, Ordering},
};

use redis::{
    PushInfo, PushKind, Value,
    aio::{AsyncPushSender, SendError},
};
use session_core::store::GapCause;

use super::{board::LinkId, message::Message, shared::Shared};

/// Requests of one connection whose answers are yet to come, or were waited for no more.
#[derive(Clone, Debug, Default)]
pub(crate) struct Unanswered(Arc<AtomicUsize>);

impl Unanswered {
    /// A request is about to leave.
    pub(crate) fn add(&self) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }

    /// Its answer has come. Never called for a request that was given up.
    pub(crate) fn remove(&self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }

    fn any(&self) -> bool {
        self.0.load(Ordering::SeqCst) > 0
    }
}

/// Puts what a connection hears in the queue, inside the task that reads the connection: so in the order of the wire,
/// and before any answer that follows is seen by whoever asked. It waits for nothing but two short locks.
#[derive(Debug)]
pub(crate) struct Ear {
    pub(crate) link: LinkId,
    pub(crate) unanswered: Unanswered,
    /// Weak, since the subscription owns the connection whose task owns this.
    pub(crate) shared: Weak<Shared>,
}

impl Ear {
    fn message(&self, shared: &Shared, data: Vec<Value>) {
        let Ok([Value::BulkString(channel), Value::BulkString(payload)]) = <[Value; 2]>::try_from(data) else { return };
        if let Some(partition) = shared.channels.partition(&channel) {
            let message = Message::read(payload, partition, shared.channels.mask());
            shared.change(|board| board.hear(self.link, partition, message));
        }
    }

    /// The server withdraws a subscription: the slot has left it. Nobody here asks for that.
    fn withdrawn(&self, shared: &Shared, data: &[Value]) {
        if let Some(Value::BulkString(channel)) = data.first()
            && let Some(partition) = shared.channels.partition(channel)
        {
            shared.withdraw(self.link, partition, GapCause::SlotMoved);
        }
        // The library takes such a push for the answer to its oldest request, and gives every later answer to the
        // wrong one: a barrier would be told before what it stands behind. Only an idle connection is unharmed.
        if self.unanswered.any() {
            shared.lose(self.link, GapCause::Disconnected);
        }
    }
}

impl AsyncPushSender for Ear {
    fn send(&self, PushInfo { kind, data }: PushInfo) -> Result<(), SendError> {
        let Some(shared) = self.shared.upgrade() else { return Err(SendError) };
        match kind {
            PushKind::Message | PushKind::SMessage => self.message(&shared, data),
            PushKind::SUnsubscribe | PushKind::Unsubscribe => self.withdrawn(&shared, &data),
            PushKind::Disconnection => shared.lose(self.link, GapCause::Disconnected),
            _ => {}
        }
        Ok(())
    }
}

impl Drop for Ear {
    /// However the connection's task ends, nobody listens there any more.
    fn drop(&mut self) {
        if let Some(shared) = self.shared.upgrade() {
            shared.lose(self.link, GapCause::Disconnected);
        }
    }
}
