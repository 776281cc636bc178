//! Transactions: optimistic retries of a closure.

use std::any::TypeId;

use super::Session;
use crate::{
    Error,
    model::{Delta, Incarnation, State},
};

/// What a handle had recorded before the closure ran.
#[derive(Clone)]
struct Recorded {
    pending: Delta,
    views: Vec<(TypeId, State)>,
    /// The session that it was recorded for.
    incarnation: Incarnation,
    /// The handle's count of the times that recorded changes had left it.
    departures: u64,
}

/// A run of an asynchronous closure. If it is dropped in the middle, what the closure has recorded is discarded.
struct Run<'s> {
    session: &'s mut Session,
    before: Option<Recorded>,
}

impl Run<'_> {
    fn finish(mut self) {
        self.before = None;
    }
}

impl Drop for Run<'_> {
    fn drop(&mut self) {
        if let Some(before) = self.before.take() {
            self.session.restore_recorded(before);
        }
    }
}

impl Session {
    /// Runs `f`, which reads and records changes, and commits them only if the session has not changed in between. On a
    /// conflict it discards the changes that `f` recorded, loads the session again and runs `f` again. It makes up to
    /// [16 attempts](crate::SessionsBuilder::conflict_attempts), with growing random pauses.
    ///
    /// A transaction is needed only if a change depends on the values of other entries; see [`update`](Self::update)
    /// for one entry, and [`transaction_async`](Self::transaction_async) for a closure that waits for something. Changes
    /// that were recorded before are committed with it. After an unknown outcome call [`commit`](Self::commit), which
    /// settles it. Another transaction would do the work twice.
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
        let before = self.recorded();
        let mut attempt = 0;
        loop {
            let result = match f(self) {
                Ok(result) => result,
                Err(error) => {
                    self.restore_recorded(before);
                    return Err(error);
                }
            };
            if self.commit_run(&before, attempt).await? {
                return Ok(result);
            }
            attempt += 1;
        }
    }

    /// As [`transaction`](Self::transaction), with a closure that waits for something, such as a database:
    ///
    /// ```
    /// # use session_core::{Error, Session};
    /// # async fn price(sku: &str) -> Result<u64, Error> { Ok(sku.len() as u64) }
    /// async fn reprice(session: &mut Session) -> Result<u64, Error> {
    ///     let total = async |session: &mut Session| {
    ///         let skus = session.map("cart").iter::<String, u64>().collect::<Result<Vec<_>, _>>()?;
    ///         let mut total = 0;
    ///         for (sku, count) in skus {
    ///             total += count * price(&sku).await?;
    ///         }
    ///         session.set("total", total)?;
    ///         Ok(total)
    ///     };
    ///     session.transaction_async(total).await
    /// }
    /// ```
    ///
    /// The closure may run several times, so what it does elsewhere may happen several times. It should only read and
    /// record: what its own calls to [`commit`](Self::commit), [`take`](Self::take) or [`update`](Self::update) send is
    /// not taken back, and not sent again if the closure fails or runs again. The longer it takes, the more often another request changes the session first.
    ///
    /// A handler of a web framework must be `Send`. It is if the closure captures by value: `async move |session: &mut
    /// Session| …`, with clones of what it needs. If the closure captures a reference, the compiler reports that the
    /// "implementation of `Send` is not general enough".
    ///
    /// # Errors
    /// As `transaction`.
    ///
    /// # Cancel safety
    /// As `transaction`. If the future is dropped while `f` runs, the changes that this run recorded are discarded.
    pub async fn transaction_async<T, F>(&mut self, mut f: F) -> Result<T, Error>
    where
        F: AsyncFnMut(&mut Self) -> Result<T, Error>,
    {
        self.settle_first().await?;
        let mut attempt = 0;
        loop {
            let before = self.recorded();
            let run = Run { before: Some(before.clone()), session: self };
            let result = f(run.session).await?;
            run.finish();
            if self.commit_run(&before, attempt).await? {
                return Ok(result);
            }
            attempt += 1;
        }
    }

    fn recorded(&self) -> Recorded {
        let (incarnation, departures) = (self.incarnation(), self.departures);
        Recorded { pending: self.pending.clone(), views: self.views.clone(), incarnation, departures }
    }

    /// Discards what a run has recorded. What the run has sent is not recorded again: that would repeat it later, over what
    /// others have changed since.
    fn restore_recorded(&mut self, before: Recorded) {
        let Recorded { pending, views, incarnation, departures } = before;
        self.pending = if departures == self.departures { pending } else { Delta::new() };
        self.views = if incarnation == self.incarnation() { views } else { Vec::new() };
    }

    /// Commits what a run has recorded. Returns false after a conflict, when another run may follow.
    async fn commit_run(&mut self, before: &Recorded, attempt: u32) -> Result<bool, Error> {
        match self.commit_if_unchanged().await {
            Ok(()) => Ok(true),
            Err(error) if self.has_unsettled() => Err(error),
            Err(error) => {
                self.restore_recorded(before.clone());
                self.after_conflict(error, attempt).await?;
                Ok(false)
            }
        }
    }
}
