//! Locks on a session, and the tokens that fence off a former holder.

use std::sync::Arc;

use session_core::{
    SessionId,
    model::{EndReason, Ended, OpId},
    store::{
        Absent, AcquireOutcome, ApplyOutcome, ConflictCause, FencingToken, Precondition, RotationKind, SessionStore,
        TenureOutcome,
    },
};

use crate::{
    model::changes,
    must::{Must as _, must_be},
    world::{World, new_id, update_if},
};

fn owner() -> OpId {
    OpId::generate().must()
}

impl World {
    async fn ask(&self, id: &SessionId, owner: OpId, ticks: u32) -> AcquireOutcome {
        self.locks().acquire(id, owner, self.ticks(ticks)).await.must()
    }

    async fn acquired(&self, id: &SessionId, ticks: u32) -> FencingToken {
        must_be!(self.ask(id, owner(), ticks).await, AcquireOutcome::Acquired(token) => token)
    }

    /// An update under a lock.
    async fn guarded(&self, id: &SessionId, token: FencingToken) -> ApplyOutcome {
        let guarded = update_if(Precondition::Lock(token), &changes().set("guarded", "x"));
        self.store().apply(id, &guarded).await.must()
    }

    async fn must_hold(&self, id: &SessionId, token: FencingToken) {
        must_be!(self.guarded(id, token).await, ApplyOutcome::Applied(_));
    }

    async fn must_be_fenced_off(&self, id: &SessionId, token: FencingToken) {
        let conflict = must_be!(self.guarded(id, token).await, ApplyOutcome::Conflict(conflict) => conflict);
        assert_eq!(conflict.cause, ConflictCause::Lock);
    }
}

/// The first request acquires a free lock; another learns the remaining time of the lease.
pub(crate) async fn one_owner_holds_the_lock(world: &World) {
    let id = world.start().await;
    let token = world.acquired(&id, 10).await;
    let left = must_be!(world.ask(&id, owner(), 10).await, AcquireOutcome::Held(left) => left);
    assert!(left <= world.ticks(10) && left > world.ticks(5), "{left:?} of 10 ticks are left");
    world.must_hold(&id, token).await;
}

/// A repeated request of the same owner gets the same tenure.
pub(crate) async fn a_repeated_acquire_is_the_same_tenure(world: &World) {
    let (id, owner) = (world.start().await, owner());
    let first = must_be!(world.ask(&id, owner, 10).await, AcquireOutcome::Acquired(token) => token);
    let again = must_be!(world.ask(&id, owner, 10).await, AcquireOutcome::Acquired(token) => token);
    assert_eq!((first, first.owner), (again, owner));
}

/// A released lock is free at once, and its token is void.
pub(crate) async fn a_release_frees_the_lock(world: &World) {
    let id = world.start().await;
    let first = world.acquired(&id, 10).await;
    must_be!(world.locks().release(&id, first).await.must(), TenureOutcome::Done);
    world.must_be_fenced_off(&id, first).await;
    let second = world.acquired(&id, 10).await;
    must_be!(world.locks().release(&id, first).await.must(), TenureOutcome::Lost);
    world.must_hold(&id, second).await;
}

/// An expired lease frees the lock, and fences off its holder.
pub(crate) async fn a_lease_expires(world: &World) {
    let id = world.start().await;
    let first = world.acquired(&id, 3).await;
    world.elapse(world.ticks(4)).await;
    world.must_be_fenced_off(&id, first).await;
    must_be!(world.locks().renew(&id, first, world.ticks(3)).await.must(), TenureOutcome::Lost);
    let second = world.acquired(&id, 10).await;
    world.must_be_fenced_off(&id, first).await;
    world.must_hold(&id, second).await;
}

/// A renewal restarts the lease.
pub(crate) async fn a_renewal_extends_the_lease(world: &World) {
    let id = world.start().await;
    let token = world.acquired(&id, 3).await;
    for _ in 0..2 {
        world.elapse(world.ticks(2)).await;
        must_be!(world.locks().renew(&id, token, world.ticks(3)).await.must(), TenureOutcome::Done);
    }
    world.must_hold(&id, token).await;
    must_be!(world.ask(&id, owner(), 3).await, AcquireOutcome::Held(_));
    world.elapse(world.ticks(4)).await;
    world.must_be_fenced_off(&id, token).await;
}

/// Counters grow from tenure to tenure, across releases, expired leases and rotations.
pub(crate) async fn token_counters_grow(world: &World) {
    let mut id = world.start().await;
    let mut last = 0;
    for round in 0..4 {
        let token = world.acquired(&id, 3).await;
        assert!(token.counter > last, "{} after {last}", token.counter);
        last = token.counter;
        match round {
            0 => world.elapse(world.ticks(4)).await,
            _ => must_be!(world.locks().release(&id, token).await.must(), TenureOutcome::Done),
        }
        if round == 1 {
            id = world.moved(&id, RotationKind::Privilege).await;
        }
    }
}

/// A token with the right counter and a wrong owner, or the reverse, is void.
pub(crate) async fn tokens_cannot_be_guessed(world: &World) {
    let id = world.start().await;
    let token = world.acquired(&id, 10).await;
    let guesses = [
        FencingToken { owner: owner(), counter: token.counter },
        FencingToken { owner: token.owner, counter: token.counter.wrapping_add(1) },
    ];
    for guess in guesses {
        world.must_be_fenced_off(&id, guess).await;
        must_be!(world.locks().renew(&id, guess, world.ticks(10)).await.must(), TenureOutcome::Lost);
        must_be!(world.locks().release(&id, guess).await.must(), TenureOutcome::Lost);
    }
    world.must_hold(&id, token).await;
}

/// A lock blocks only updates that name it.
pub(crate) async fn a_lock_does_not_block_other_updates(world: &World) {
    let id = world.start().await;
    world.acquired(&id, 10).await;
    world.apply(&id, &changes().set("free", "x")).await;
}

/// Acquiring and releasing a lock change neither state nor stamp.
pub(crate) async fn a_lock_changes_no_state(world: &World) {
    let (id, stamp) = world.start_with(&changes().set("a", "1")).await;
    let token = world.acquired(&id, 10).await;
    must_be!(world.locks().release(&id, token).await.must(), TenureOutcome::Done);
    let record = world.found(&id).await.record;
    assert_eq!((record.stamp(), record.state().len()), (stamp, 1));
}

/// A lock moves with its session, at either kind of rotation, and works through a forward.
pub(crate) async fn a_lock_moves_with_its_session(world: &World) {
    for kind in [RotationKind::Renew, RotationKind::Privilege] {
        let old = world.start().await;
        let token = world.acquired(&old, 50).await;
        let new = world.moved(&old, kind).await;
        world.must_hold(&new, token).await;
        must_be!(world.ask(&new, owner(), 10).await, AcquireOutcome::Held(_));
        if kind == RotationKind::Renew {
            world.must_hold(&old, token).await;
            must_be!(world.locks().release(&old, token).await.must(), TenureOutcome::Done);
            world.must_be_fenced_off(&new, token).await;
        } else {
            must_be!(world.ask(&old, owner(), 10).await, AcquireOutcome::Absent(Absent::Superseded));
            must_be!(world.locks().release(&old, token).await.must(), TenureOutcome::Absent(Absent::Superseded));
        }
    }
}

/// A lock ends with its session, and there is no lock without a session.
pub(crate) async fn a_lock_ends_with_its_session(world: &World) {
    let id = world.start().await;
    let token = world.acquired(&id, 50).await;
    world.end(&id).await;
    let reason = |ended: Option<Ended>| ended.map(|ended| ended.reason);
    let asked =
        must_be!(world.ask(&id, owner(), 5).await, AcquireOutcome::Absent(Absent::NotFound(ended)) => reason(ended));
    let renewed = world.locks().renew(&id, token, world.ticks(5)).await.must();
    let renewed = must_be!(renewed, TenureOutcome::Absent(Absent::NotFound(ended)) => reason(ended));
    assert_eq!([asked, renewed], [Some(EndReason::Logout); 2]);
    must_be!(world.ask(&new_id(), owner(), 5).await, AcquireOutcome::Absent(Absent::NotFound(None)));
    must_be!(world.locks().release(&new_id(), token).await.must(), TenureOutcome::Absent(Absent::NotFound(None)));
}

/// Of several concurrent owners one acquires the lock.
pub(crate) async fn one_of_many_owners_holds_the_lock(world: &World) {
    for _ in 0..20 {
        let id = world.start().await;
        let lease = world.ticks(50);
        let task = |_, store: Arc<dyn SessionStore>| async move {
            let lock = store.lock().unwrap_or_else(|| panic!("the store no longer has locks"));
            matches!(lock.acquire(&id, owner(), lease).await.must(), AcquireOutcome::Acquired(_))
        };
        let held = world.race(6, task).await.into_iter().filter(|held| *held).count();
        assert_eq!(held, 1);
    }
}
