//! Commits: sending the recorded changes.

use super::{
    Base, Session,
    sent::{EntryCas, Request, Sent},
    settle::Settled,
};
use crate::{
    Error, ErrorKind,
    model::Delta,
    store::{NewSession, Precondition, Update},
};

impl Session {
    /// Sends the recorded changes as one atomic update. A new session is stored with its changes. If nothing is
    /// recorded, nothing is sent; in particular, a new session without entries is not stored.
    /// [`persist`](Self::persist) stores it.
    ///
    /// # Consistency
    /// After it returns, every read at [`ReadLevel::Store`](crate::ReadLevel::Store) sees the changes.
    ///
    /// # Errors
    /// [`NotFound`](ErrorKind::NotFound) when the session has ended; nothing recreates it.
    /// [`LimitExceeded`](ErrorKind::LimitExceeded), [`Superseded`](ErrorKind::Superseded),
    /// [`OutcomeUnknown`](ErrorKind::OutcomeUnknown), and the failures of the store. After an unknown outcome, an end or
    /// a sign-in of the session leaves the outcome unknown: the update may have happened before it.
    /// [`Conflict`](ErrorKind::Conflict) if the handle's [lock](Self::lock) was lost, or if the commit settles a
    /// [`commit_if_unchanged`](Self::commit_if_unchanged) of unknown outcome that conflicts.
    ///
    /// # Cancel safety
    /// If the future is dropped, either all changes are stored or none is. The next commit settles it.
    pub async fn commit(&mut self) -> Result<(), Error> {
        self.settle_first().await?;
        self.send(Vec::new()).await
    }

    /// Commits, and stores a new session even without entries, for a session whose mere existence matters.
    ///
    /// # Errors
    /// As [`commit`](Self::commit).
    ///
    /// # Cancel safety
    /// As [`commit`](Self::commit).
    pub async fn persist(&mut self) -> Result<(), Error> {
        self.settle_first().await?;
        match &self.base {
            Base::New(new) => {
                let request = Request::Create { new: new.clone(), requested: None };
                self.send_with_pending(request).await.map(drop)
            }
            _ => self.send(Vec::new()).await,
        }
    }

    /// Like [`commit`](Self::commit), but only if the session has not changed since it was loaded: compare and set.
    /// [`transaction`](Self::transaction) retries on a conflict.
    ///
    /// # Errors
    /// [`Conflict`](ErrorKind::Conflict) when another request has changed the session. The changes stay recorded, and
    /// [`refresh`](Self::refresh) loads the conflicting state. Otherwise as `commit`.
    ///
    /// # Cancel safety
    /// As `commit`.
    pub async fn commit_if_unchanged(&mut self) -> Result<(), Error> {
        self.settle_first().await?;
        let unchanged = self.stamp().map(Precondition::Stamp);
        self.send(unchanged.into_iter().collect()).await
    }

    pub(super) async fn send(&mut self, preconditions: Vec<Precondition>) -> Result<(), Error> {
        let request = match &self.base {
            Base::New(new) if !self.pending.is_empty() => Request::Create { new: new.clone(), requested: None },
            Base::New(_) => return Ok(()),
            _ if self.pending.is_empty() && preconditions.is_empty() => return Ok(()),
            Base::Ended(_) => return Err(self.destroyed()),
            Base::Stored { seen, .. } => {
                Request::Apply { update: self.update_with(Delta::new(), preconditions)?, base: *seen, cas: None }
            }
        };
        self.send_with_pending(request).await.map(drop)
    }

    /// Sends one take or update of one entry, separately from the recorded changes.
    pub(super) async fn send_cas(
        &mut self,
        cas: EntryCas,
        delta: Delta,
        expected: Precondition,
    ) -> Result<Settled, Error> {
        let Base::Stored { seen, .. } = self.base else { return Err(self.destroyed()) };
        let update = self.update_with(delta, vec![expected])?;
        self.sent = Some(Sent::new(Request::Apply { update, base: seen, cas: Some(cas) }));
        self.settle().await
    }

    /// Sends a request that includes the recorded changes.
    pub(super) async fn send_with_pending(&mut self, mut request: Request) -> Result<Settled, Error> {
        let pending = std::mem::take(&mut self.pending);
        self.departures = self.departures.wrapping_add(1);
        match &mut request {
            Request::Create { new: NewSession { entries, .. }, .. } => *entries = pending,
            Request::Apply { update, .. } => update.delta = pending,
            Request::Rotate { rotation, .. } => rotation.delta = pending,
        }
        self.sent = Some(Sent::new(request));
        self.settle().await
    }

    /// An update with a new op id. If the handle holds the lock, that is another precondition.
    pub(super) fn update_with(&self, delta: Delta, mut preconditions: Vec<Precondition>) -> Result<Update, Error> {
        preconditions.extend(self.fence.map(Precondition::Lock));
        Ok(Update { preconditions, ..Update::new(self.sessions.write_options()?, delta) })
    }

    pub(super) fn destroyed(&self) -> Error {
        self.sessions.with_context(Error::new(ErrorKind::NotFound, "this handle has destroyed the session"), "commit")
    }
}
