//! Signing out everywhere with a store that ends a few sessions at a time.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering::Relaxed},
};

use session_core::{
    Error, ErrorKind, Principal, Rotate, Sessions, SignIn,
    model::{EndReason, IdDigest},
    store::{self, IndexedSession, RevocationId, RevokedAll, SessionIndex, SessionStore},
};
use session_memory::MemoryStore;

/// Ends at most two sessions with each call, and none once `calls` calls are used up.
#[derive(Debug)]
struct InSteps {
    inner: MemoryStore,
    calls: AtomicUsize,
}

#[deny(clippy::missing_trait_methods)]
#[store::async_trait]
impl SessionStore for InSteps {
    store::forward!(self => self.inner; backend, limits, create, load, apply, touch, rotate, destroy, check, close, clock, lock, feed);

    fn index(&self) -> Option<&dyn SessionIndex> {
        Some(self)
    }
}

#[store::async_trait]
impl SessionIndex for InSteps {
    async fn sessions(&self, principal: &Principal, limit: usize) -> Result<Vec<IndexedSession>, Error> {
        SessionIndex::sessions(&self.inner, principal, limit).await
    }

    async fn last_revocation(&self, principal: &Principal) -> Result<RevocationId, Error> {
        self.inner.last_revocation(principal).await
    }

    async fn revoke(&self, principal: &Principal, session: &IdDigest, reason: EndReason) -> Result<bool, Error> {
        self.inner.revoke(principal, session, reason).await
    }

    async fn revoke_all(
        &self,
        principal: &Principal,
        except: Option<&session_core::SessionId>,
        reason: EndReason,
    ) -> Result<RevokedAll, Error> {
        if self.calls.load(Relaxed) == 0 {
            return Err(Error::new(ErrorKind::Unavailable, "injected fault"));
        }
        self.calls.fetch_sub(1, Relaxed);
        let mut step = RevokedAll::default();
        for session in self.sessions(principal, usize::MAX).await? {
            if except.map(session_core::SessionId::digest) == Some(&session.digest) {
                continue;
            }
            if step.ended.len() == 2 {
                step.left += 1;
            } else if self.revoke(principal, &session.digest, reason).await? {
                step.ended.push(session.digest);
            }
        }
        Ok(step)
    }
}

async fn signed_in(calls: usize) -> (Arc<InSteps>, Sessions, Principal) {
    let store = Arc::new(InSteps { inner: MemoryStore::new(), calls: AtomicUsize::new(calls) });
    let (sessions, user) = (Sessions::new(store.clone()), Principal::new("user-7").unwrap());
    for _ in 0..7 {
        let mut session = sessions.create().unwrap();
        let _ = session.rotate(Rotate::privilege().with_sign_in(SignIn::new(user.clone()))).await.unwrap();
    }
    (store, sessions, user)
}

#[tokio::test]
async fn it_goes_on_until_no_session_is_left() {
    let (store, sessions, user) = signed_in(9).await;
    assert_eq!(sessions.revoke_all(&user).await.unwrap(), 7);
    assert!(sessions.list(&user).await.unwrap().is_empty());
    assert_eq!(store.calls.load(Relaxed), 5, "four steps");
}

#[tokio::test]
async fn a_step_that_fails_is_reported_and_a_repeat_goes_on() {
    let (store, sessions, user) = signed_in(2).await;
    assert_eq!(sessions.revoke_all(&user).await.unwrap_err().kind(), ErrorKind::Unavailable);
    assert_eq!(sessions.list(&user).await.unwrap().len(), 3);
    store.calls.store(9, Relaxed);
    assert_eq!(sessions.revoke_all(&user).await.unwrap(), 3);
}

/// Without that, an error of the second step reads as if nothing had been done.
#[tokio::test]
async fn a_step_that_fails_says_what_the_earlier_ones_have_done() {
    for (calls, says) in
        [(0, None), (1, Some("2 sessions were ended before")), (2, Some("4 sessions were ended before"))]
    {
        let (_, sessions, user) = signed_in(calls).await;
        let error = sessions.revoke_all(&user).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unavailable);
        let text = error.to_string();
        assert!(text.contains("injected fault"), "{text}");
        assert_eq!(text.contains("ended before"), says.is_some(), "{text}");
        assert!(text.contains(says.unwrap_or_default()), "{text}");
    }
}
