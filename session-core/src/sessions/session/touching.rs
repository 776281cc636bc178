//! Touching: renewing the idle deadline.

use super::{Base, Session};
use crate::{
    Error,
    sessions::Touch,
    store::{Absent, TouchOutcome},
};

impl Session {
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
