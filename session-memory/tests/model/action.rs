//! The actions of a sequence, before stamps and tokens are filled in.

use std::time::Duration;

use proptest::{collection::vec, prelude::*, sample::select};
use session_core::{Expiry, model::EndReason, store::RotationKind};

/// An index into the few ids, which are all in one partition except the last.
pub(crate) type Id = usize;

pub(crate) const IDS: usize = 6;

/// In place of an index: the id to which a session was created or moved last.
pub(crate) const CURRENT: Id = IDS;

#[derive(Clone, Debug)]
pub(crate) enum Action {
    Create(Id, Vec<Step>, Expiry),
    /// The stamp seen that many answers ago is the known one.
    Load(Id, Option<usize>),
    /// A delta, preconditions, for a retry whose first attempt was lost the stamp that is its base, and how long after the
    /// last answer it may be applied.
    Apply {
        id: Id,
        steps: Vec<Step>,
        when: Vec<When>,
        retry: Option<usize>,
        limit: Option<Duration>,
        expiry: Option<Expiry>,
    },
    /// Many small updates in a row, then a retry from before them whose first attempt was lost.
    Burst(Id, usize),
    Touch(Id, Option<Duration>, Duration),
    /// `again`: sent a second time at once.
    Rotate {
        id: Id,
        to: Id,
        kind: RotationKind,
        grace: Duration,
        confirm_within: Option<Duration>,
        steps: Vec<Step>,
        expiry: Option<Expiry>,
        again: bool,
    },
    Destroy(Id, EndReason),
    Acquire(Id, u64, Duration),
    Renew(Id, usize, Duration),
    Release(Id, usize),
    /// Repeats the request sent that many requests ago; an update may be marked as a retry.
    Repeat(usize, bool),
    Elapse(Duration),
}

#[derive(Clone, Debug)]
pub(crate) enum Step {
    Set(u8, u8),
    Remove(u8),
    Insert(u8, u8, u8),
    RemoveKey(u8, u8),
    Clear(u8),
}

#[derive(Clone, Debug)]
pub(crate) enum When {
    Stamp(usize),
    Scalar(u8, Option<u8>),
    Keyed(u8, u8, Option<u8>),
    Lock(usize),
}

/// Few names: two fields, three keys. The length of a value is its number, so some exceed the limit.
fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => (0..2u8, length()).prop_map(|(field, length)| Step::Set(field, length)),
        1 => (0..2u8).prop_map(Step::Remove),
        4 => (0..2u8, 0..3u8, length()).prop_map(|(field, key, length)| Step::Insert(field, key, length)),
        2 => (0..2u8, 0..3u8).prop_map(|(field, key)| Step::RemoveKey(field, key)),
        1 => (0..2u8).prop_map(Step::Clear),
    ]
}

fn length() -> impl Strategy<Value = u8> {
    prop_oneof![20 => 0..4u8, 2 => 4..9u8, 1 => Just(9)]
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    prop_oneof![1 => Just(Vec::new()), 5 => vec(step(), 1..4)]
}

fn when() -> impl Strategy<Value = When> {
    prop_oneof![
        2 => recent().prop_map(When::Stamp),
        1 => (0..2u8, prop::option::of(0..3u8)).prop_map(|(field, length)| When::Scalar(field, length)),
        1 => (0..2u8, 0..3u8, prop::option::of(0..3u8)).prop_map(|(field, key, length)| When::Keyed(field, key, length)),
        1 => recent().prop_map(When::Lock),
    ]
}

fn recent() -> impl Strategy<Value = usize> {
    prop_oneof![6 => Just(0usize), 2 => 1..3usize, 1 => 3..25usize]
}

/// The same, and sometimes from before a burst of updates.
fn far() -> impl Strategy<Value = usize> {
    prop_oneof![4 => recent(), 1 => 14..30usize]
}

/// Mostly whole seconds, so that moments coincide; sometimes a millisecond to either side.
fn duration() -> impl Strategy<Value = Duration> {
    let seconds = select(&[0u64, 1, 2, 5, 10, 30, 59, 60][..]);
    (seconds, select(&[0u64, 0, 0, 0, 1, 999][..])).prop_map(|(s, ms)| Duration::from_millis(s * 1_000 + ms))
}

/// Mostly short, so that sessions live on.
fn elapse() -> impl Strategy<Value = Duration> {
    prop_oneof![3 => (1..6u64).prop_map(Duration::from_secs), 1 => duration()]
}

fn expiry() -> impl Strategy<Value = Expiry> {
    prop_oneof![
        2 => duration().prop_map(Expiry::idle),
        1 => duration().prop_map(Expiry::absolute),
        3 => (duration(), duration()).prop_map(|(idle, more)| Expiry::both(idle, idle + more)),
        14 => Just(Expiry::both(Duration::from_secs(30), Duration::from_secs(120))),
        1 => Just(Expiry::both(Duration::MAX, Duration::MAX)),
    ]
}

fn kind() -> impl Strategy<Value = RotationKind> {
    select(&[RotationKind::Renew, RotationKind::Privilege][..])
}

/// Most operations go to an id where a session is or was, so that they meet.
fn id() -> impl Strategy<Value = Id> {
    prop_oneof![3 => Just(CURRENT), 3 => Just(0usize), 2 => 1..3usize, 1 => 0..IDS]
}

fn action() -> impl Strategy<Value = Action> {
    let reason = select(&[EndReason::Logout, EndReason::Revoked, EndReason::Limit][..]);
    let retry = prop::option::weighted(0.2, far());
    let limit = prop::option::weighted(0.2, elapse());
    let preconditions = prop_oneof![3 => Just(Vec::new()), 2 => vec(when(), 1..3)];
    let grace = prop_oneof![2 => Just(Duration::from_secs(10)), 1 => duration()];
    let confirm_within = prop::option::weighted(0.3, duration());
    let rotate =
        (id(), 0..IDS, kind(), (grace, confirm_within), steps(), prop::option::weighted(0.3, expiry()), any::<bool>());
    prop_oneof![
        4 => (id(), steps(), expiry()).prop_map(|(id, steps, expiry)| Action::Create(id, steps, expiry)),
        2 => (id(), prop::option::of(recent())).prop_map(|(id, known)| Action::Load(id, known)),
        6 => (id(), steps(), preconditions, retry, limit, prop::option::weighted(0.15, expiry()))
            .prop_map(|(id, steps, when, retry, limit, expiry)| Action::Apply { id, steps, when, retry, limit, expiry }),
        1 => (id(), 14..19usize).prop_map(|(id, updates)| Action::Burst(id, updates)),
        2 => (id(), prop::option::of(duration()), prop_oneof![3 => Just(Duration::ZERO), 1 => elapse()])
            .prop_map(|(id, idle, age)| Action::Touch(id, idle, age)),
        4 => rotate.prop_map(|(id, to, kind, (grace, confirm_within), steps, expiry, again)| {
            Action::Rotate { id, to, kind, grace, confirm_within, steps, expiry, again }
        }),
        1 => (id(), reason).prop_map(|(id, reason)| Action::Destroy(id, reason)),
        2 => (id(), 0..3u64, duration()).prop_map(|(id, owner, lease)| Action::Acquire(id, owner, lease)),
        1 => (id(), recent(), duration()).prop_map(|(id, token, lease)| Action::Renew(id, token, lease)),
        1 => (id(), recent()).prop_map(|(id, token)| Action::Release(id, token)),
        5 => (far(), any::<bool>()).prop_map(|(back, retry)| Action::Repeat(back, retry)),
        3 => elapse().prop_map(Action::Elapse),
    ]
}

/// A sequence. It starts with a session that lives for a while, since most outcomes need one.
pub(crate) fn script() -> impl Strategy<Value = Vec<Action>> {
    let first = Action::Create(0, Vec::new(), Expiry::both(Duration::from_secs(30), Duration::from_secs(120)));
    vec(action(), 1..60).prop_map(move |mut actions| {
        actions.insert(0, first.clone());
        actions
    })
}
