//! Transactions: optimistic retries of a closure.

use super::Session;
use crate::Error;

impl Session {
    /// Runs `f`, which reads and records changes, and commits them only if the session has not changed in between. On a
    /// conflict it discards the changes that `f` recorded, loads the session again and runs `f` again. It makes up to
    /// [16 attempts](crate::SessionsBuilder::conflict_attempts), with growing random pauses.
    ///
    /// A transaction is needed only if a change depends on the values of other entries; see [`update`](Self::update)
    /// for one entry. Changes that were recorded before are committed with it. After an unknown outcome call
    /// [`commit`](Self::commit), which settles it. Another transaction would do the work twice.
    ///
    /// # Errors
    /// The errors of `f`, in which case the changes that it recorded are discarded;
    /// [`Conflict`](crate::ErrorKind::Conflict) after the last attempt; and the errors of [`commit`](Self::commit).
    ///
    /// # Cancel safety
    /// If the future is dropped, either all changes of one run of `f` are stored or none is. The next commit settles
    /// it.
    pub async fn transaction<T, F>(&mut self, mut f: F) -> Result<T, Error>
    where
        F: FnMut(&mut Self) -> Result<T, Error>,
    {
        self.settle_first().await?;
        let before = (self.pending.clone(), self.views.clone());
        let mut attempt = 0;
        loop {
            let result = match f(self) {
                Ok(result) => result,
                Err(error) => {
                    (self.pending, self.views) = before;
                    return Err(error);
                }
            };
            match self.commit_if_unchanged().await {
                Ok(()) => return Ok(result),
                Err(error) if self.has_unsettled() => return Err(error),
                Err(error) => {
                    (self.pending, self.views) = before.clone();
                    self.after_conflict(error, attempt).await?;
                }
            }
            attempt += 1;
        }
    }
}
