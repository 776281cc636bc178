//! Doing work again until nobody came in between.

use super::Session;
use crate::Error;

impl Session {
    /// Runs `f`, which reads and records, and commits what it recorded only if nobody has changed the session in
    /// between. On a conflict it forgets what `f` recorded, loads the session again and runs `f` once more, up to
    /// [16 times](crate::defaults::CONFLICT_ATTEMPTS) with growing random pauses.
    ///
    /// Needed only where a change depends on values in other entries; see [`update`](Self::update) for one entry. What
    /// was recorded before is committed with it. After an unknown outcome call [`commit`](Self::commit), which settles
    /// it: the transaction again would do the work twice.
    ///
    /// # Errors
    /// Those of `f`, after which what it recorded is forgotten; [`Conflict`](crate::ErrorKind::Conflict) after the last
    /// attempt; and those of [`commit`](Self::commit).
    ///
    /// # Cancel safety
    /// If the future is dropped, all changes of one run of `f` are stored or none is; the next commit settles it.
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
