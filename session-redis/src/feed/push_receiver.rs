//! Receives the pushes of one connection.

use std::sync::Weak;

use redis::{
    PushInfo, PushKind, Value,
    aio::{AsyncPushSender, SendError},
};
use session_core::store::GapCause;

use super::{
    active_subscription::ActiveSubscription, feed_connection::Unanswered, feed_state::ConnectionId, message::Message,
};

/// Queues what arrives on a connection.
///
/// It runs inside the task that reads the connection: so items are queued in the order of the wire, and before the
/// caller sees any answer that follows them. It waits only for two short locks.
#[derive(Debug)]
pub(crate) struct PushReceiver {
    pub(crate) connection: ConnectionId,
    pub(crate) unanswered: Unanswered,
    /// Weak, since the subscription owns the connection whose task owns this.
    pub(crate) subscription: Weak<ActiveSubscription>,
}

impl PushReceiver {
    fn message(&self, subscription: &ActiveSubscription, data: Vec<Value>) {
        let Ok([Value::BulkString(channel), Value::BulkString(payload)]) = <[Value; 2]>::try_from(data) else { return };
        if let Some(partition) = subscription.channels.partition(&channel) {
            let message = Message::read(payload, partition, subscription.channels.mask());
            subscription.update(|state| state.receive(self.connection, partition, message));
        }
    }

    /// The server has ended a subscription: the slot has left it. This crate never unsubscribes.
    fn unsubscribed(&self, subscription: &ActiveSubscription, data: &[Value]) {
        if let Some(Value::BulkString(channel)) = data.first()
            && let Some(partition) = subscription.channels.partition(channel)
        {
            subscription.unsubscribed(self.connection, partition, GapCause::SlotMoved);
        }
        // redis-rs takes such a push for the answer to its oldest request, and matches every later answer to the wrong
        // request: a barrier would be reported before the changes that it follows. Only an idle connection is unharmed.
        if self.unanswered.any() {
            subscription.lose(self.connection, GapCause::Disconnected);
        }
    }
}

impl AsyncPushSender for PushReceiver {
    fn send(&self, PushInfo { kind, data }: PushInfo) -> Result<(), SendError> {
        let Some(subscription) = self.subscription.upgrade() else { return Err(SendError) };
        match kind {
            PushKind::Message | PushKind::SMessage => self.message(&subscription, data),
            PushKind::SUnsubscribe | PushKind::Unsubscribe => self.unsubscribed(&subscription, &data),
            PushKind::Disconnection => subscription.lose(self.connection, GapCause::Disconnected),
            _ => {}
        }
        Ok(())
    }
}

impl Drop for PushReceiver {
    /// redis-rs drops the receiver when the connection ends, for whatever reason.
    fn drop(&mut self) {
        if let Some(subscription) = self.subscription.upgrade() {
            subscription.lose(self.connection, GapCause::Disconnected);
        }
    }
}
