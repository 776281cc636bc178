//! One session of the model: entries in a map, moments as plain numbers.

use std::{
    collections::{BTreeMap, VecDeque},
    time::Duration,
};

use session_core::{
    Expiry,
    model::{Deadlines, Delta, Entry, Field, IdDigest, Key, OpId, Record, Selector, Stamp, State, Timestamp, Value},
    store::{Applied, ConflictCause, FencingToken, Precondition, Update},
};

/// "The record remembers those of its last 16 updates."
const REMEMBERED: usize = 16;

type Name = (Field, Option<Key>);

#[derive(Clone, Debug)]
pub(crate) struct Session {
    pub(crate) created_by: OpId,
    /// "A session remembers the rotation that brought it to its id."
    pub(crate) moved_by: Option<OpId>,
    pub(crate) stamp: Stamp,
    created_at: u64,
    /// Timeout and deadline.
    idle: Option<(u64, u64)>,
    absolute: Option<u64>,
    pub(crate) entries: BTreeMap<Name, Value>,
    remembered: VecDeque<OpId>,
    lock: Option<Tenure>,
    /// "A forward … until the renewal is confirmed"
    pub(crate) unconfirmed: Option<Unconfirmed>,
    /// "During the grace after a renewal another renew … answers AlreadyRotated"
    pub(crate) refuses_until: u64,
}

/// A renewal whose new id was not used yet.
#[derive(Clone, Debug)]
pub(crate) struct Unconfirmed {
    pub(crate) old: IdDigest,
    pub(crate) grace: Duration,
    pub(crate) confirm_by: u64,
}

#[derive(Clone, Copy, Debug)]
struct Tenure {
    token: FencingToken,
    until: u64,
}

/// Milliseconds after a moment, at most the greatest timestamp.
pub(crate) fn later(now: u64, duration: Duration) -> u64 {
    let duration = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    now.saturating_add(duration).min(Timestamp::MAX.as_millis())
}

/// (S − D) ∪ U.
pub(crate) fn updated(mut entries: BTreeMap<Name, Value>, delta: &Delta) -> BTreeMap<Name, Value> {
    for selector in delta.removals() {
        entries.retain(|(field, key), _| match selector {
            Selector::Scalar(of) => field != of || key.is_some(),
            Selector::Keyed(of, at) => field != of || key.as_ref() != Some(at),
            Selector::All(of) => field != of || key.is_none(),
        });
    }
    entries.extend(delta.insertions().map(|(entry, value)| (name(entry), value.clone())));
    entries
}

fn name(entry: Entry<'_>) -> Name {
    match entry {
        Entry::Scalar(field) => (field.clone(), None),
        Entry::Keyed(field, key) => (field.clone(), Some(key.clone())),
    }
}

impl Session {
    pub(crate) fn new(op: OpId, stamp: Stamp, now: u64, expiry: Expiry, delta: &Delta) -> Self {
        let mut session = Self {
            created_by: op,
            moved_by: None,
            stamp,
            created_at: now,
            idle: None,
            absolute: None,
            entries: updated(BTreeMap::new(), delta),
            remembered: VecDeque::from([op]),
            lock: None,
            unconfirmed: None,
            refuses_until: 0,
        };
        session.set_deadlines(now, expiry);
        session
    }

    /// An expiry hides its parts, but its effect on a moment shows them.
    pub(crate) fn set_deadlines(&mut self, now: u64, expiry: Expiry) {
        let made = expiry.start(Timestamp::from_millis(now));
        let timeout = made.idle().map(|(timeout, _)| u64::try_from(timeout.as_millis()).unwrap());
        self.absolute = made.absolute().map(Timestamp::as_millis);
        let ends = |timeout| now.saturating_add(timeout).min(Timestamp::MAX.as_millis());
        self.idle = timeout.map(|timeout| (timeout, ends(timeout).min(self.absolute.unwrap_or(u64::MAX))));
    }

    pub(crate) fn expires_at(&self) -> u64 {
        let idle = self.idle.map_or(u64::MAX, |(_, idle)| idle);
        idle.min(self.absolute.unwrap_or(u64::MAX))
    }

    /// "idle deadline := min(absolute, max(current, now + idle))"
    pub(crate) fn touch(&mut self, now: u64, once: Option<Duration>) {
        if let Some((timeout, idle)) = &mut self.idle {
            let renewed = later(now, once.unwrap_or(Duration::from_millis(*timeout)));
            *idle = renewed.max(*idle).min(self.absolute.unwrap_or(u64::MAX));
        }
    }

    pub(crate) fn rotate(&mut self, now: u64, op: OpId, delta: &Delta, expiry: Option<Expiry>) {
        match expiry {
            Some(expiry) => self.set_deadlines(now, expiry),
            None => self.touch(now, None),
        }
        self.moved_by = Some(op);
        if !delta.is_empty() {
            self.update(op, delta);
        }
    }

    /// Updates entries, version and op ids.
    pub(crate) fn update(&mut self, op: OpId, delta: &Delta) {
        self.entries = updated(std::mem::take(&mut self.entries), delta);
        self.stamp = self.stamp.next(op);
        self.remembered.push_back(op);
        if self.remembered.len() > REMEMBERED {
            self.remembered.pop_front();
        }
    }

    pub(crate) fn remembers(&self, op: OpId) -> bool {
        self.remembered.contains(&op)
    }

    /// "A retry that is not remembered, and whose base version is 16 or more behind"
    pub(crate) fn cannot_know(&self, update: &Update) -> bool {
        update.retry_from.is_some_and(|base| base.version().saturating_add(REMEMBERED as u64) <= self.stamp.version())
    }

    pub(crate) fn conflict(&self, now: u64, preconditions: &[Precondition]) -> Option<ConflictCause> {
        for precondition in preconditions {
            let (holds, cause) = match precondition {
                Precondition::Stamp(stamp) => (self.stamp == *stamp, ConflictCause::Stamp),
                Precondition::Lock(token) => (self.holds(now, *token), ConflictCause::Lock),
                Precondition::Scalar(field, value) => (self.is(&(field.clone(), None), value), ConflictCause::Entry),
                Precondition::Keyed(field, key, value) => {
                    (self.is(&(field.clone(), Some(key.clone())), value), ConflictCause::Entry)
                }
                other => panic!("unknown precondition: {other:?}"),
            };
            if !holds {
                return Some(cause);
            }
        }
        None
    }

    fn is(&self, name: &Name, value: &Option<Value>) -> bool {
        self.entries.get(name) == value.as_ref()
    }

    /// The token of the owner that holds the lock, and the remaining time.
    pub(crate) fn holder(&self, now: u64) -> Option<(FencingToken, Duration)> {
        let tenure = self.lock.filter(|tenure| now < tenure.until)?;
        Some((tenure.token, Duration::from_millis(tenure.until - now)))
    }

    fn holds(&self, now: u64, token: FencingToken) -> bool {
        self.holder(now).is_some_and(|(holder, _)| holder == token)
    }

    /// A new tenure: its counter is greater than that of every earlier one.
    pub(crate) fn take_lock(&mut self, owner: OpId, until: u64) -> FencingToken {
        let counter = self.lock.map_or(1, |tenure| tenure.token.counter + 1);
        let token = FencingToken { owner, counter };
        self.lock = Some(Tenure { token, until });
        token
    }

    /// Ends a running tenure at another moment; false if it is not running.
    pub(crate) fn end_tenure_at(&mut self, now: u64, token: FencingToken, until: u64) -> bool {
        let holds = self.holds(now, token);
        if holds {
            self.lock = Some(Tenure { token, until });
        }
        holds
    }

    pub(crate) fn deadlines(&self) -> Deadlines {
        let moment = Timestamp::from_millis;
        let idle = self.idle.map(|(timeout, idle)| (Duration::from_millis(timeout), moment(idle)));
        Deadlines::from_parts(idle, self.absolute.map(moment)).unwrap()
    }

    pub(crate) fn applied(&self, now: u64) -> Applied {
        Applied::new(self.stamp, self.deadlines(), Timestamp::from_millis(now))
    }

    pub(crate) fn record(&self) -> Record {
        let mut entries = Delta::new();
        for ((field, key), value) in self.entries.clone() {
            match key {
                None => entries.set(field, value),
                Some(key) => entries.insert(field, key, value),
            }
        }
        let created_at = Timestamp::from_millis(self.created_at);
        Record::new(self.stamp, created_at, self.deadlines(), State::from(&entries))
            .with_unconfirmed(self.unconfirmed.is_some())
    }
}

/// Entries and bytes: "the sum over all entries of the lengths of field name, key and encoded value".
pub(crate) fn size(entries: &BTreeMap<Name, Value>) -> (usize, usize) {
    let bytes = entries
        .iter()
        .map(|((field, key), value)| {
            field.as_str().len() + key.as_ref().map_or(0, |key| key.as_str().len()) + value.as_bytes().len()
        })
        .sum();
    (entries.len(), bytes)
}
