//! The end of a handle.

use super::Session;

impl Session {
    /// Reports changes that are lost with the handle, unless their session has ended anyway.
    #[cfg(feature = "tracing")]
    fn report_uncommitted(&self) {
        if !self.has_changes() || self.is_ended() {
            return;
        }
        let sent = self.sent.as_ref().map_or(0, |sent| sent.delta().field_count());
        let (fields, unsettled) = (self.pending.field_count() + sent, self.has_unsettled());
        tracing::info!(target: "session_core", fields, unsettled, "session_dropped_uncommitted: a handle was dropped with changes that were not committed");
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        #[cfg(feature = "tracing")]
        self.report_uncommitted();
        if let Some(token) = self.fence {
            self.sessions.abandon_lock(token);
        }
    }
}
