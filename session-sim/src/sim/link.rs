//! One connection between a node and a server.

use super::Millis;

/// A connection. Messages arrive in order or not at all.
#[derive(Debug, Default)]
pub(crate) struct Conn {
    /// The server at the other end, while connected.
    pub(crate) server: Option<usize>,
    /// Incremented when the connection breaks; messages in flight are then lost.
    pub(crate) epoch: u64,
    /// Half-open: the connection exists and carries nothing.
    pub(crate) silent: bool,
    up: Millis,
    down: Millis,
}

impl Conn {
    /// When a message that the node sends now arrives, with this delay.
    pub(crate) fn up(&mut self, now: Millis, delay: Millis) -> Millis {
        self.up = (now + delay).max(self.up + 1);
        self.up
    }

    /// The same for a message to the node.
    pub(crate) fn down(&mut self, now: Millis, delay: Millis) -> Millis {
        self.down = (now + delay).max(self.down + 1);
        self.down
    }

    /// Breaks the connection.
    pub(crate) fn lose(&mut self) {
        *self = Self { epoch: self.epoch + 1, up: self.up, down: self.down, ..Self::default() };
    }
}
