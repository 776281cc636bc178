//! All sessions of a principal: "my devices", and "sign out everywhere".

use super::Sessions;
use crate::{
    Error, ErrorKind, Principal, SessionId, defaults,
    model::{EndReason, IdDigest},
    store::{IndexedSession, RevocationId, SessionIndex},
};

impl Sessions {
    /// Lists the live sessions of a principal, the latest sign-in first, and at most [1,000](crate::defaults).
    ///
    /// A digest is not an id and gives no access. A page can put its text form into a link that [revokes](Self::revoke)
    /// the session.
    ///
    /// # Consistency
    /// As [`SessionIndex::sessions`].
    ///
    /// # Errors
    /// [`Configuration`](ErrorKind::Configuration) when the store has no index, and the failures of the store.
    ///
    /// # Cancel safety
    /// Changes nothing.
    pub async fn list(&self, principal: &Principal) -> Result<Vec<IndexedSession>, Error> {
        self.principals()?.sessions(principal, defaults::MAX_LISTED).await
    }

    /// Returns the last revocation of all sessions of a principal, for
    /// [`SignIn::with_last_revocation`](crate::SignIn::with_last_revocation). Call it before you check the password.
    ///
    /// # Consistency
    /// As [`SessionIndex::last_revocation`].
    ///
    /// # Errors
    /// As [`list`](Self::list).
    ///
    /// # Cancel safety
    /// Changes nothing.
    pub async fn last_revocation(&self, principal: &Principal) -> Result<RevocationId, Error> {
        self.principals()?.last_revocation(principal).await
    }

    /// Ends one session of a principal, and returns whether it was among the principal's sessions.
    ///
    /// # Consistency
    /// As [`SessionIndex::revoke`].
    ///
    /// # Errors
    /// As [`list`](Self::list).
    ///
    /// # Cancel safety
    /// If the future is dropped, the session is ended or as before.
    pub async fn revoke(&self, principal: &Principal, session: &IdDigest) -> Result<bool, Error> {
        self.principals()?.revoke(principal, session, EndReason::Revoked).await
    }

    /// Ends all sessions of a principal: sign out everywhere. Returns how many it ended. An open handle on one of them
    /// learns that from its next request to the store; then [`Session::is_ended`](crate::Session::is_ended) is true.
    ///
    /// The store ends as many sessions as it can within one call deadline, and is called until none is left. So an outage
    /// is reported within one call deadline, and a principal with hundreds of thousands of sessions takes several. If that
    /// is too long for a request, drop the future: no progress is lost. [`SessionIndex::revoke_all`] does one step
    /// and says how many sessions are left.
    ///
    /// # Consistency
    /// As [`SessionIndex::revoke_all`], counted from the last step.
    ///
    /// # Errors
    /// As [`list`](Self::list). After an error some sessions may have been ended; a repeat ends the others. The text says how
    /// many the steps before have ended.
    ///
    /// # Cancel safety
    /// If the future is dropped, some sessions may have been ended; a repeat ends the others.
    pub async fn revoke_all(&self, principal: &Principal) -> Result<usize, Error> {
        self.revoke_in_steps(principal, None).await
    }

    /// Ends all sessions of a principal except this one, for example after a change of password. Returns how many it
    /// ended.
    ///
    /// # Consistency
    /// As [`revoke_all`](Self::revoke_all).
    ///
    /// # Errors
    /// As [`revoke_all`](Self::revoke_all).
    ///
    /// # Cancel safety
    /// As [`revoke_all`](Self::revoke_all).
    pub async fn revoke_others(&self, principal: &Principal, keep: &SessionId) -> Result<usize, Error> {
        self.revoke_in_steps(principal, Some(keep)).await
    }

    /// A store that makes no progress returns an error, so this ends.
    async fn revoke_in_steps(&self, principal: &Principal, keep: Option<&SessionId>) -> Result<usize, Error> {
        let index = self.principals()?;
        let mut ended = 0;
        loop {
            let step = match index.revoke_all(principal, keep, EndReason::Revoked).await {
                Ok(step) => step,
                Err(error) if ended == 0 => return Err(error),
                Err(error) => return Err(error.after(format_args!("{ended} sessions were ended before"))),
            };
            ended += step.ended.len();
            if step.is_complete() {
                return Ok(ended);
            }
        }
    }

    fn principals(&self) -> Result<&dyn SessionIndex, Error> {
        let missing = || Error::new(ErrorKind::Configuration, "this store has no index of principals");
        self.store().index().ok_or_else(|| self.with_context(missing(), "index"))
    }
}
