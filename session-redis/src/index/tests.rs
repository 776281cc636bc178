//! What happens to the sessions of a principal between two steps of a revocation, against real servers.

use std::time::Duration;

use session_core::{
    Expiry, LoadOptions, Principal, SessionId, SignIn,
    model::{EndReason, OpId},
    store::{
        Destroy, LoadOutcome, NewSession, RevokedAll, RotateOutcome, Rotation, RotationKind, SessionIndex as _,
        SessionStore as _, TouchOptions, TouchOutcome,
    },
};
use session_testkit::{Reply, Server};

use crate::{RedisConfig, RedisStore, operation::Operation};

/// Longer than any test takes: no step is left out for want of time.
const DEADLINE: Duration = Duration::from_secs(60);

struct Sessions {
    server: Server,
    store: RedisStore,
    ada: Principal,
}

impl Sessions {
    async fn start() -> Self {
        let server = Server::start().await;
        let config = RedisConfig::standalone(server.url()).call_deadline(DEADLINE);
        let store = RedisStore::builder(config).connect().await.unwrap();
        Self { server, store, ada: Principal::new("ada").unwrap() }
    }

    /// A session that signs in.
    async fn sign_in(&self) -> SessionId {
        let (id, sign_in) = (SessionId::generate().unwrap(), Some(SignIn::new(self.ada.clone())));
        let new = NewSession { sign_in, ..NewSession::generate(Expiry::idle(DEADLINE)).unwrap() };
        self.store.create(&id, &new).await.unwrap();
        id
    }

    /// Moves a session, and leaves a forward that gives access and leads to the new id for no longer than it must.
    async fn rotate(&self, id: &SessionId, rotation: Rotation) -> SessionId {
        let to = rotation.to;
        let rotated = self.store.rotate(id, &Rotation { grace: Duration::ZERO, ..rotation }).await.unwrap();
        assert!(matches!(rotated, RotateOutcome::Rotated(_)), "{rotated:?}");
        to
    }

    async fn is_live(&self, id: &SessionId) -> bool {
        matches!(self.store.load(id, LoadOptions::default()).await.unwrap(), LoadOutcome::Found(_))
    }

    /// The list and its order lose an entry, as in a failover.
    async fn lose_entry(&self, id: &SessionId) {
        let (_, [list, order]) = self.store.inner.layout.principal(&self.ada);
        let digest = id.digest().to_bytes();
        for (name, key) in [("HDEL", &list), ("ZREM", &order)] {
            assert_eq!(self.server.command(&[name.as_bytes(), key, &digest]).await.int(), 1, "{name}");
        }
    }

    /// Adds an hour to the place of a session.
    async fn move_back(&self, id: &SessionId) {
        let (_, [list, order]) = self.store.inner.layout.principal(&self.ada);
        let digest = id.digest().to_bytes();
        let Reply::Bulk(entry) = self.server.command(&[b"HGET".as_slice(), &list, &digest]).await else {
            panic!("no entry")
        };
        let place = entry[14..].iter().fold(0, |place, byte| place << 8 | u64::from(*byte)) + 3_600_000_000;
        let entry = [&entry[..14], &place.to_be_bytes()[1..]].concat();
        self.server.command(&[b"HSET".as_slice(), &list, &digest, &entry]).await.expect("HSET");
        self.server.command(&[b"ZADD".as_slice(), &order, place.to_string().as_bytes(), &digest]).await.expect("ZADD");
    }

    /// A revocation with pages of one entry, and what happens when it has ended the first session: before it reads the
    /// next page, or when it has read that and ended none of its sessions yet.
    async fn revoke_all(&self, after: After, act: impl AsyncFnOnce()) -> RevokedAll {
        let operation: Operation<'_> = self.store.inner.operation();
        let destroy = Destroy::new(OpId::generate().unwrap(), EndReason::Revoked);
        let mut revocation = operation.begin_to_revoke_all((&self.ada, None), &destroy, 1).await.unwrap();
        let mut act = Some(act);
        for page_number in 0_u8.. {
            let page = revocation.read().await.unwrap();
            if page_number == 1 && after == After::ThePageIsRead {
                act.take().unwrap()().await;
            }
            revocation.end(page).await;
            if page_number == 0 && after == After::TheFirstPage {
                act.take().unwrap()().await;
            }
            if !revocation.goes_on() {
                break;
            }
        }
        assert!(act.is_none(), "there was one page only");
        revocation.progress.outcome().unwrap()
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum After {
    TheFirstPage,
    ThePageIsRead,
}

fn rotation(id: &SessionId, kind: RotationKind) -> Rotation {
    Rotation::new(OpId::generate().unwrap(), id.generate_sibling().unwrap(), kind)
}

/// A node that knows only the old id of an unconfirmed renewal renews the session once more. The old id is not listed any
/// more, so it does not tell the session's place; the id that the session has now does.
#[tokio::test]
async fn a_renewal_through_an_old_id_that_is_not_listed_keeps_its_place() {
    let sessions = Sessions::start().await;
    sessions.sign_in().await;
    let old = sessions.sign_in().await;
    sessions.sign_in().await;
    assert!(sessions.is_live(&old).await, "the store remembers the principal of this id");
    sessions.rotate(&old, rotation(&old, RotationKind::Renew)).await;
    // Reading the list removes the entry of the id that the session has left.
    assert_eq!(sessions.store.sessions(&sessions.ada, 9).await.unwrap().len(), 3);
    let mut to = None;
    let revoked = sessions
        .revoke_all(After::TheFirstPage, async || {
            to = Some(sessions.rotate(&old, rotation(&old, RotationKind::Renew)).await);
        })
        .await;
    assert!(!sessions.is_live(&to.unwrap()).await, "a session that was there before escapes");
    assert_eq!((revoked.ended.len(), revoked.left), (3, 0));
}

/// The walk has met the session's entry, and the session moves before it is ended. Nothing at the old id leads to it.
#[tokio::test]
async fn a_session_that_moves_behind_the_walk_is_ended() {
    let sessions = Sessions::start().await;
    sessions.sign_in().await;
    let old = sessions.sign_in().await;
    let mut to = None;
    let revoked = sessions
        .revoke_all(After::ThePageIsRead, async || {
            to = Some(sessions.rotate(&old, rotation(&old, RotationKind::Privilege)).await);
        })
        .await;
    assert!(!sessions.is_live(&to.unwrap()).await, "a session that was there before escapes");
    assert_eq!((revoked.ended.len(), revoked.left), (2, 0));
}

/// It was in the list when the revocation began, but its last sign-in is later. Its old id leads to it still.
#[tokio::test]
async fn a_session_that_signs_in_again_during_a_revocation_stays() {
    for after in [After::TheFirstPage, After::ThePageIsRead] {
        let sessions = Sessions::start().await;
        sessions.sign_in().await;
        let old = sessions.sign_in().await;
        let mut to = None;
        let revoked = sessions
            .revoke_all(after, async || {
                let signs_in = Rotation {
                    sign_in: Some(SignIn::new(sessions.ada.clone())),
                    expiry: Some(Expiry::idle(DEADLINE)),
                    ..rotation(&old, RotationKind::Privilege)
                };
                to = Some(signs_in.to);
                let rotated = sessions.store.rotate(&old, &signs_in).await.unwrap();
                assert!(matches!(rotated, RotateOutcome::Rotated(_)), "{rotated:?}");
            })
            .await;
        assert!(sessions.is_live(&to.unwrap()).await, "a session that signed in later is ended");
        assert_eq!((revoked.ended.len(), revoked.left), (1, 0));
    }
}

/// Its entry is lost, and it is listed anew because its idle deadline outlives the old entry. That is no sign-in.
#[tokio::test]
async fn a_session_that_is_listed_anew_gets_the_place_of_its_sign_in() {
    let sessions = Sessions::start().await;
    sessions.sign_in().await;
    let lost = sessions.sign_in().await;
    sessions.sign_in().await;
    let revoked = sessions
        .revoke_all(After::TheFirstPage, async || {
            sessions.lose_entry(&lost).await;
            let options = TouchOptions { idle: Some(DEADLINE * 100), ..TouchOptions::default() };
            let touched = sessions.store.touch(&lost, options).await.unwrap();
            assert!(matches!(touched, TouchOutcome::Touched(_)), "{touched:?}");
        })
        .await;
    assert!(!sessions.is_live(&lost).await, "a session that was there before escapes");
    assert_eq!((revoked.ended.len(), revoked.left), (3, 0));
}

/// The server's clock has gone back since the last sign-in.
#[tokio::test]
async fn a_sign_in_is_later_than_those_before_it_whatever_the_clock_says() {
    let sessions = Sessions::start().await;
    sessions.sign_in().await;
    let last = sessions.sign_in().await;
    sessions.move_back(&last).await;
    let mut new = None;
    let revoked = sessions.revoke_all(After::TheFirstPage, async || new = Some(sessions.sign_in().await)).await;
    assert!(sessions.is_live(&new.unwrap()).await, "a session that signed in later is ended");
    assert_eq!((revoked.ended.len(), revoked.left), (2, 0));
    assert_eq!(sessions.store.sessions(&sessions.ada, 9).await.unwrap().len(), 1);
}

/// The server refuses the requests for one session for good: a call that has ended others returns no error, and a repeat
/// does.
#[tokio::test]
async fn a_refusal_for_one_session_hides_no_progress() {
    let sessions = Sessions::start().await;
    let layout = &sessions.store.inner.layout;
    let tag = |id: &SessionId| {
        let key = String::from_utf8_lossy(&layout.partition(id.digest()).sequence).into_owned();
        key.split(['{', '}']).nth(1).unwrap().to_owned()
    };
    let ended = sessions.sign_in().await;
    let (_, [list, _]) = layout.principal(&sessions.ada);
    let list = String::from_utf8_lossy(&list).split(['{', '}']).nth(1).unwrap().to_owned();
    let refused = loop {
        let id = sessions.sign_in().await;
        if ![tag(&ended), list.clone()].contains(&tag(&id)) {
            break id;
        }
        assert!(sessions.store.revoke(&sessions.ada, id.digest(), EndReason::Revoked).await.unwrap());
    };
    let patterns = [format!("~*{{{}}}*", tag(&ended)), format!("~*{{{list}}}*")];
    let acl = ["ACL", "SETUSER", "default", "resetkeys", &patterns[0], &patterns[1]];
    sessions.server.command(&acl).await.expect("ACL SETUSER");
    let revoked = sessions.store.revoke_all(&sessions.ada, None, EndReason::Revoked).await.unwrap();
    assert_eq!((revoked.ended, revoked.left), (vec![*ended.digest()], 1));
    let error = sessions.store.revoke_all(&sessions.ada, None, EndReason::Revoked).await.unwrap_err();
    assert_eq!(error.kind(), session_core::ErrorKind::Configuration, "{error}");
    sessions.server.command(&["ACL", "SETUSER", "default", "~*"]).await.expect("ACL SETUSER");
    let revoked = sessions.store.revoke_all(&sessions.ada, None, EndReason::Revoked).await.unwrap();
    assert_eq!((revoked.ended, revoked.left), (vec![*refused.digest()], 0));
}
