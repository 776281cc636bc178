//! The oracle finds no violation in a node without a cache, and finds the violations of nodes with a flaw.
#![allow(missing_docs)]

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use session_core::{
    Error, ErrorKind, Limits, LoadOptions, ReadLevel, SessionId,
    model::{IdDigest, OpId},
    store::{
        ApplyOutcome, ChangeFeed, CreateOutcome, Destroy, DestroyOutcome, LoadOutcome, NewSession, RotateOutcome,
        Rotation, SessionStore, TouchOptions, TouchOutcome, Touched, Update, async_trait,
    },
};
use session_sim::sim::{Coverage, NodeSetup, SimStore, Tested, run};

#[test]
fn a_node_without_a_cache_keeps_every_promise() {
    let mut coverage = Coverage::default();
    for seed in 0..150 {
        let outcome = run(seed, &|node: NodeSetup| Tested::new(node.store), false);
        assert!(outcome.violation.is_none(), "seed {seed}: {:?}", outcome.violation);
        coverage.merge(&outcome.coverage);
    }
    for what in ["writes", "destroys", "repeats", "updates lost by the store", "expired sessions"] {
        assert!(coverage.of(what) > 0, "it never happens: {what}\n{coverage}");
    }
}

/// The flaw of a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Flaw {
    /// It keeps everything that it has read for ever.
    KeepsForGood,
    /// It keeps everything that it has read until it writes.
    KeepsUntilItWrites,
    /// It reports a touch that it has not sent to the store.
    WithholdsTouches,
    /// It sends an update again under another op id.
    SendsUnderAnotherName,
    /// It reports that an update failed, and executes it.
    GoesOnAfterRefusal,
    /// It reports a stamp that the session never had.
    SaysApplied,
}

type Kept = Arc<Mutex<BTreeMap<IdDigest, LoadOutcome>>>;

#[derive(Clone, Debug)]
struct Careless {
    store: SimStore,
    flaw: Flaw,
    kept: Kept,
}

impl Careless {
    fn keeps(&self) -> bool {
        matches!(self.flaw, Flaw::KeepsForGood | Flaw::KeepsUntilItWrites)
    }

    fn kept(&self) -> MutexGuard<'_, BTreeMap<IdDigest, LoadOutcome>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn forget(&self, id: &SessionId) {
        if self.flaw == Flaw::KeepsUntilItWrites {
            self.kept().remove(id.digest());
        }
    }

    async fn apply_wrongly(&self, id: &SessionId, update: &Update) -> Result<ApplyOutcome, Error> {
        match self.flaw {
            Flaw::SendsUnderAnotherName => {
                let mut other = update.clone();
                other.write.op = OpId::from(!u64::from(update.write.op));
                self.store.apply(id, &other).await
            }
            Flaw::GoesOnAfterRefusal => {
                let (store, id, update) = (self.store.clone(), *id, update.clone());
                tokio::spawn(async move { store.apply(&id, &update).await });
                Err(Error::new(ErrorKind::Unavailable, "not now"))
            }
            Flaw::SaysApplied => match self.store.apply(id, update).await {
                Ok(ApplyOutcome::Applied(mut applied)) => {
                    applied.stamp = applied.stamp.next(update.write.op);
                    Ok(ApplyOutcome::Applied(applied))
                }
                other => other,
            },
            _ => self.store.apply(id, update).await,
        }
    }
}

#[async_trait]
impl SessionStore for Careless {
    fn backend(&self) -> &'static str {
        "careless"
    }

    fn limits(&self) -> Limits {
        self.store.limits()
    }

    async fn create(&self, id: &SessionId, new: &NewSession) -> Result<CreateOutcome, Error> {
        self.forget(id);
        self.store.create(id, new).await
    }

    async fn load(&self, id: &SessionId, options: LoadOptions) -> Result<LoadOutcome, Error> {
        let kept = self.kept().get(id.digest()).cloned();
        if let Some(kept) = kept.filter(|_| self.keeps() && options.level == ReadLevel::Local) {
            return Ok(kept);
        }
        let outcome = self.store.load(id, options).await?;
        if !matches!(outcome, LoadOutcome::Unchanged(_)) {
            self.kept().insert(*id.digest(), outcome.clone());
        }
        Ok(outcome)
    }

    async fn apply(&self, id: &SessionId, update: &Update) -> Result<ApplyOutcome, Error> {
        let outcome = self.apply_wrongly(id, update).await;
        self.forget(id);
        outcome
    }

    async fn touch(&self, id: &SessionId, options: TouchOptions) -> Result<TouchOutcome, Error> {
        if self.flaw == Flaw::WithholdsTouches
            && let LoadOutcome::Found(found) = self.store.load(id, LoadOptions::default()).await?
        {
            return Ok(TouchOutcome::Touched(Touched {
                stamp: found.record.stamp(),
                deadlines: found.record.deadlines(),
                now: found.now,
                forwarded: None,
            }));
        }
        self.store.touch(id, options).await
    }

    async fn rotate(&self, id: &SessionId, rotation: &Rotation) -> Result<RotateOutcome, Error> {
        let outcome = self.store.rotate(id, rotation).await;
        self.forget(id);
        outcome
    }

    async fn destroy(&self, id: &SessionId, destroy: &Destroy) -> Result<DestroyOutcome, Error> {
        let outcome = self.store.destroy(id, destroy).await;
        self.forget(id);
        outcome
    }

    async fn check(&self) -> Result<(), Error> {
        self.store.check().await
    }

    fn feed(&self) -> Option<&dyn ChangeFeed> {
        self.store.feed()
    }
}

/// The invariants that some answers of such nodes violate.
fn broken_by(flaw: Flaw) -> BTreeSet<&'static str> {
    let subject = |node: NodeSetup| Tested::new(Careless { store: node.store, flaw, kept: Arc::default() });
    (0..60).flat_map(|seed| run(seed, &subject, false).broken).collect()
}

macro_rules! flaws {
    ($($name:ident $flaw:ident: $($invariant:ident)*;)*) => {$(
        #[test]
        fn $name() {
            let broken = broken_by(Flaw::$flaw);
            for invariant in [$(stringify!($invariant)),*] {
                assert!(broken.contains(invariant), "{invariant} is not among {broken:?}");
            }
        }
    )*};
}

flaws! {
    what_is_kept_for_good_is_stale KeepsForGood:
        i1_bounded_staleness i2_read_your_writes i3_monotonic_reads i4_floor i7_destroy_wins i10_no_immortal_copy;
    writes_of_others_count_too KeepsUntilItWrites: i1_bounded_staleness i3_monotonic_reads i4_floor;
    a_touch_that_is_not_sent_shows WithholdsTouches: i9_honest_deadlines;
    an_update_under_another_name_is_not_the_one_acknowledged SendsUnderAnotherName: no_lost_update;
    a_refused_update_must_not_happen GoesOnAfterRefusal: exactly_once;
    a_stamp_that_never_was_is_no_answer SaysApplied: exactly_once;
}
