//! Principals with many sessions: more than a store reads or ends in one step.

use session_core::{
    ErrorKind, Principal, SessionCap, SessionId, SignIn,
    model::{EndReason, IdDigest},
    store::CreateOutcome,
};

use crate::{
    gone::Gone,
    must::{Must as _, must_be},
    world::{World, new_id, new_principal},
};

/// More than a store should read at once. Larger steps are tested by the store's own tests.
const MANY: usize = 600;

/// Signs many sessions of a principal in, with a tick after them.
async fn many_sessions(world: &World, principal: &Principal) -> Vec<SessionId> {
    let mut ids = Vec::with_capacity(MANY);
    for _ in 0..MANY {
        ids.push(world.sign_in(principal).await);
    }
    world.elapse(world.ticks(1)).await;
    ids
}

/// A page of many sessions has the latest of them, the latest first.
pub(crate) async fn a_page_has_the_latest(world: &World) {
    let principal = new_principal();
    many_sessions(world, &principal).await;
    let mut latest: Vec<IdDigest> = Vec::new();
    for _ in 0..4 {
        latest.insert(0, *world.sign_in(&principal).await.digest());
        world.elapse(world.ticks(1)).await;
    }
    for limit in 1..=latest.len() {
        let page = world.index().sessions(&principal, limit).await.must();
        assert_eq!(page.iter().map(|session| session.digest).collect::<Vec<_>>(), latest[..limit]);
    }
    assert_eq!(world.listed(&principal).await.len(), MANY + latest.len());
}

/// A cap over many sessions is enforced in the end: each sign-in under it makes progress, and the session that signs in
/// stays. A cap that refuses is enforced at once.
pub(crate) async fn a_cap_is_enforced(world: &World) {
    let principal = new_principal();
    let ids = many_sessions(world, &principal).await;
    let sign_in = SignIn::new(principal.clone());
    let refused = world.signing_in(sign_in.clone().with_cap(SessionCap::Refuse(2)));
    let error = must_be!(world.store().create(&new_id(), &refused).await, Err(error) => error);
    assert_eq!(error.kind(), ErrorKind::LimitExceeded);
    let mut before = world.listed(&principal).await.len();
    assert_eq!(before, MANY);
    let newest = loop {
        let id = new_id();
        let capped = world.signing_in(sign_in.clone().with_cap(SessionCap::EndOldest(2)));
        must_be!(world.store().create(&id, &capped).await.must(), CreateOutcome::Created(_));
        let listed = world.listed(&principal).await;
        assert_eq!(listed.first(), Some(id.digest()));
        if listed.len() == 2 {
            break id;
        }
        assert!(listed.len() < before, "no progress from {before} sessions to {}", listed.len());
        before = listed.len();
        world.elapse(world.ticks(1)).await;
    };
    assert!(world.is_live(&newest).await);
    for id in [ids[0], ids[MANY / 2]] {
        world.must_be_gone(&id, Gone::NotFound(Some(EndReason::Limit))).await;
    }
}

/// Many sessions are revoked, in as many steps as it takes. A store says how many are left, and each is ended once.
pub(crate) async fn all_are_revoked(world: &World) {
    let principal = new_principal();
    let ids = many_sessions(world, &principal).await;
    let kept = ids[MANY / 2];
    assert_eq!(world.revoke_all(&principal, Some(&kept)).await, MANY - 1);
    assert_eq!(world.listed(&principal).await, [*kept.digest()]);
    for id in ids.iter().filter(|id| **id != kept) {
        assert!(!world.is_live(id).await);
    }
    assert_eq!(world.revoke_all(&principal, None).await, 1);
    assert_eq!(world.listed(&principal).await, []);
}
