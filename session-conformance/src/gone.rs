//! Checks that an id gives no access, for every operation.

use session_core::{
    SessionId,
    model::{EndReason, Ended},
    store::{
        Absent, ApplyOutcome, DestroyOutcome, LoadOutcome, RotateOutcome, RotationKind, TouchOptions, TouchOutcome,
    },
};

use crate::{
    model::changes,
    must::Must as _,
    world::{World, destroy, update},
};

/// The answer of an id that gives no access.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Gone {
    NotFound(Option<EndReason>),
    Superseded,
}

fn not_found(ended: Option<Ended>) -> Option<Gone> {
    Some(Gone::NotFound(ended.map(|ended| ended.reason)))
}

impl World {
    /// Fails the case unless load, apply, touch and destroy all give this answer, and a rotation gives it or answers
    /// that it lost.
    pub(crate) async fn must_be_gone(&self, id: &SessionId, gone: Gone) {
        let store = self.store();
        let load = match self.load(id).await {
            LoadOutcome::Absent(Absent::NotFound(ended)) => not_found(ended),
            LoadOutcome::Absent(Absent::Superseded) => Some(Gone::Superseded),
            _ => None,
        };
        let apply = match store.apply(id, &update(&changes().set("late", "x"))).await.must() {
            ApplyOutcome::Absent(Absent::NotFound(ended)) => not_found(ended),
            ApplyOutcome::Absent(Absent::Superseded) => Some(Gone::Superseded),
            _ => None,
        };
        let touch = match store.touch(id, TouchOptions::default()).await.must() {
            TouchOutcome::Absent(Absent::NotFound(ended)) => not_found(ended),
            TouchOutcome::Absent(Absent::Superseded) => Some(Gone::Superseded),
            _ => None,
        };
        let rotate = match store.rotate(id, &self.rotation(id, RotationKind::Privilege)).await.must() {
            RotateOutcome::Absent(Absent::NotFound(ended)) => not_found(ended),
            RotateOutcome::Absent(Absent::Superseded) | RotateOutcome::AlreadyRotated => Some(Gone::Superseded),
            _ => None,
        };
        let destroy = match store.destroy(id, &destroy(EndReason::Logout)).await.must() {
            DestroyOutcome::Absent(Absent::NotFound(ended)) => not_found(ended),
            DestroyOutcome::Absent(Absent::Superseded) => Some(Gone::Superseded),
            _ => None,
        };
        let answers = [load, apply, touch, rotate, destroy];
        assert_eq!(answers, [Some(gone); 5], "load, apply, touch, rotate, destroy");
    }
}
