//! The session's deadlines: touching it, and new deadlines.

use super::{Base, Session, sent::Request};
use crate::{
    Error, Expiry,
    model::Delta,
    sessions::Touch,
    store::{Absent, TouchOutcome, Update},
};

impl Session {
    /// Gives the session new deadlines, counted from now, together with the recorded changes in one atomic update. Other
    /// sessions keep theirs. Unlike a [touch](Self::touch), it can shorten a session's life, and it moves the absolute
    /// deadline. The id stays; to renew it in the same step, use [`Rotate::with_expiry`](crate::Rotate::with_expiry). A new session
    /// takes the deadlines when it is stored, and nothing is sent before.
    ///
    /// # Consistency
    /// As [`commit`](Self::commit). Local copies on other nodes are dropped, as after any update.
    ///
    /// # Errors
    /// As [`commit`](Self::commit). The recorded changes then stay recorded, and the deadlines do not: call it again. After
    /// [`OutcomeUnknown`](crate::ErrorKind::OutcomeUnknown), the handle keeps both.
    ///
    /// # Cancel safety
    /// If the future is dropped, the session has the new deadlines and the changes, or neither. The next commit settles it.
    pub async fn set_expiry(&mut self, expiry: Expiry) -> Result<(), Error> {
        self.settle_first().await?;
        let seen = match &mut self.base {
            Base::New(new) => {
                new.expiry = expiry;
                return Ok(());
            }
            Base::Ended(_) => return Err(self.destroyed()),
            Base::Stored { seen, .. } => *seen,
        };
        let update = Update { expiry: Some(expiry), ..self.update_with(Delta::new(), Vec::new())? };
        self.send_with_pending(Request::Apply { update, base: seen, cas: None }).await.map(drop)
    }

    /// Renews the idle deadline now, in one call, whether it is due or not; on the first use of a new id it also confirms
    /// the renewal. [`Sessions::open`](crate::Sessions::open) does this by itself when it is due, unless it was asked to
    /// [touch later](crate::LoadOptions::touch_later): then call this after the response has been sent. A commit of changes
    /// renews the deadline too. For a session that is not stored it does nothing.
    ///
    /// # Errors
    /// [`NotFound`](crate::ErrorKind::NotFound), [`Superseded`](crate::ErrorKind::Superseded) and the failures of the store.
    ///
    /// # Cancel safety
    /// If the future is dropped, the deadline is as before or renewed.
    pub async fn touch(&mut self) -> Result<(), Error> {
        match &self.base {
            Base::New(_) => return Ok(()),
            Base::Ended(_) => return Err(self.destroyed()),
            Base::Stored { .. } => {}
        }
        let mut touch = Touch::now(&self.sessions, self.old_id.unwrap_or(self.id));
        let mut outcome = self.sessions.send_touch(&touch).await?;
        if matches!(outcome, TouchOutcome::Absent(Absent::NotFound(_))) && self.old_id.take().is_some() {
            // The old id is over: the client has used the new one meanwhile, or the time to do so has passed.
            touch = Touch::now(&self.sessions, self.id);
            outcome = self.sessions.send_touch(&touch).await?;
        }
        self.apply_touch(outcome, touch.at);
        match outcome {
            TouchOutcome::Touched(_) => Ok(()),
            TouchOutcome::Absent(absent) => Err(self.sessions.with_context(Error::from(absent), "touch")),
        }
    }
}
