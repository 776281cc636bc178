//! Locks, which are part of their session.

use std::time::Duration;

use super::{Slots, live::Tenure, live_mut};
use crate::{
    model::{IdDigest, OpId, Timestamp},
    store::{AcquireOutcome, FencingToken, TenureOutcome},
};

/// [`SessionLock::acquire`](crate::store::SessionLock::acquire).
pub fn acquire(slots: &mut impl Slots, now: Timestamp, id: &IdDigest, owner: OpId, lease: Duration) -> AcquireOutcome {
    let live = match live_mut(slots, now, id) {
        Ok((_, live)) => live,
        Err(absent) => return absent.into(),
    };
    match live.memory.tenure {
        Some(tenure) if now < tenure.until && tenure.token.owner == owner => AcquireOutcome::Acquired(tenure.token),
        Some(tenure) if now < tenure.until => AcquireOutcome::Held(tenure.until.since(now)),
        _ => {
            let token = live.next_token(owner);
            live.memory.tenure = Some(Tenure { token, until: now.after(lease) });
            AcquireOutcome::Acquired(token)
        }
    }
}

/// [`SessionLock::renew`](crate::store::SessionLock::renew).
pub fn renew_lock(
    slots: &mut impl Slots,
    now: Timestamp,
    id: &IdDigest,
    token: FencingToken,
    lease: Duration,
) -> TenureOutcome {
    end_tenure_at(slots, now, id, token, now.after(lease))
}

/// [`SessionLock::release`](crate::store::SessionLock::release).
pub fn release(slots: &mut impl Slots, now: Timestamp, id: &IdDigest, token: FencingToken) -> TenureOutcome {
    end_tenure_at(slots, now, id, token, now)
}

fn end_tenure_at(
    slots: &mut impl Slots,
    now: Timestamp,
    id: &IdDigest,
    token: FencingToken,
    until: Timestamp,
) -> TenureOutcome {
    match live_mut(slots, now, id) {
        Err(absent) => absent.into(),
        Ok((_, live)) if live.holds(token, now) => {
            live.memory.tenure = Some(Tenure { token, until });
            TenureOutcome::Done
        }
        Ok(_) => TenureOutcome::Lost,
    }
}
