//! The sessions of each principal. The index changes only under the lock of the session's shard, so it always agrees
//! with it.

use std::{
    cmp::Reverse,
    collections::{HashMap, hash_map::RandomState},
    hash::BuildHasher,
};

use hashbrown::{HashTable, hash_table};
use parking_lot::{Mutex, MutexGuard};
use session_core::{
    Principal,
    model::{IdDigest, Timestamp},
    store::RevocationId,
};

/// Must be a power of two.
const SHARDS: usize = 256;
/// Tables with less capacity than this are not shrunk.
const MIN_SHRINK_CAPACITY: usize = 32;

/// The sessions of all principals, sharded by principal.
#[derive(Debug)]
pub(crate) struct Index {
    /// Principals come from outside, so they need a keyed hash.
    hasher: RandomState,
    shards: Box<[IndexShard]>,
}

#[derive(Debug)]
#[repr(align(128))]
struct IndexShard {
    /// Held by a sign-in under a cap from start to end. Taken before all other locks.
    sign_in_lock: Mutex<()>,
    /// Taken after all other locks: while a session shard is locked, or alone.
    table: Mutex<IndexTable>,
}

#[derive(Debug)]
struct IndexTable {
    principals: HashMap<Principal, Sessions, RandomState>,
    sign_ins: u64,
    /// The last revocation of each principal, and until when it is remembered.
    revocations: HashMap<Principal, (RevocationId, Timestamp), RandomState>,
}

/// Never empty.
#[derive(Debug)]
enum Sessions {
    One(IndexEntry),
    Many(Box<HashTable<IndexEntry>>),
}

/// The index entry of a session.
#[derive(Clone, Copy, Debug)]
pub(crate) struct IndexEntry {
    pub(crate) digest: IdDigest,
    pub(crate) signed_in_at: Timestamp,
    /// Grows with each sign-in, and stays with the session when it moves.
    pub(crate) sign_in: u64,
}

/// A principal and the digest of one of its sessions.
pub(crate) type At<'a> = (&'a Principal, &'a IdDigest);

impl Index {
    pub(crate) fn new() -> Self {
        let hasher = RandomState::new();
        let shard =
            |_| IndexShard { sign_in_lock: Mutex::default(), table: Mutex::new(IndexTable::new(hasher.clone())) };
        Self { shards: (0..SHARDS).map(shard).collect(), hasher }
    }

    fn shard(&self, principal: &Principal) -> &IndexShard {
        // These bits are used neither to choose a bucket within a shard nor as its tag.
        let bits = self.hasher.hash_one(principal) >> 40;
        &self.shards[bits as usize & (SHARDS - 1)]
    }

    /// While this guard is held, other sign-ins of this principal under a cap wait.
    pub(crate) fn sign_in_lock(&self, principal: &Principal) -> MutexGuard<'_, ()> {
        self.shard(principal).sign_in_lock.lock()
    }

    /// Records that a session arrived or moved and that others departed. A move within one principal is one step: no
    /// reader sees the session at both digests or at neither.
    pub(crate) fn update(&self, departed: &[(Principal, IdDigest)], arrived: Option<(At<'_>, Timestamp)>) {
        let is_same = |owner: &Principal| arrived.is_some_and(|((principal, _), _)| owner == principal);
        for (owner, from) in departed.iter().filter(|(owner, _)| !is_same(owner)) {
            self.remove(owner, from);
        }
        let Some(((principal, to), signed_in_at)) = arrived else { return };
        let mut table = self.shard(principal).table.lock();
        let mut sign_in = None;
        for (_, from) in departed.iter().filter(|(owner, _)| is_same(owner)) {
            let removed = table.remove(principal, from);
            // An entry at the digest where this session arrives belonged to another session, which had expired.
            if from != to {
                sign_in = removed.map(|entry| entry.sign_in);
            }
        }
        table.insert(principal, *to, signed_in_at, sign_in);
    }

    /// Records that a session has ended.
    pub(crate) fn remove(&self, principal: &Principal, from: &IdDigest) {
        self.shard(principal).table.lock().remove(principal, from);
    }

    /// The sessions of a principal, the latest sign-in first. Some may have expired.
    pub(crate) fn list(&self, principal: &Principal) -> Vec<IndexEntry> {
        let mut list = self.shard(principal).table.lock().list(principal);
        list.sort_unstable_by_key(|entry| Reverse((entry.signed_in_at, entry.sign_in)));
        list
    }

    /// The number of sessions of a principal.
    pub(crate) fn count(&self, principal: &Principal) -> usize {
        self.shard(principal).table.lock().count(principal)
    }

    /// The last revocation of a principal that is still remembered.
    pub(crate) fn last_revocation(&self, principal: &Principal, now: Timestamp) -> RevocationId {
        let table = self.shard(principal).table.lock();
        let remembered = table.revocations.get(principal).filter(|(_, until)| *until > now);
        remembered.map_or_else(RevocationId::default, |(id, _)| *id)
    }

    /// Remembers a revocation until a moment.
    pub(crate) fn record_revocation(
        &self,
        principal: &Principal,
        id: RevocationId,
        (now, until): (Timestamp, Timestamp),
    ) {
        let mut table = self.shard(principal).table.lock();
        if table.revocations.len() == table.revocations.capacity() {
            table.revocations.retain(|_, (_, until)| *until > now);
        }
        table.revocations.insert(principal.clone(), (id, until));
    }

    /// The number of principals that have sessions.
    pub(crate) fn principals(&self) -> usize {
        self.shards.iter().map(|shard| shard.table.lock().principals.len()).sum()
    }
}

impl IndexTable {
    fn new(hasher: RandomState) -> Self {
        let revocations = HashMap::with_hasher(hasher.clone());
        Self { principals: HashMap::with_hasher(hasher), sign_ins: 0, revocations }
    }

    fn list(&self, principal: &Principal) -> Vec<IndexEntry> {
        match self.principals.get(principal) {
            None => Vec::new(),
            Some(Sessions::One(entry)) => vec![*entry],
            Some(Sessions::Many(many)) => many.iter().copied().collect(),
        }
    }

    fn count(&self, principal: &Principal) -> usize {
        match self.principals.get(principal) {
            None => 0,
            Some(Sessions::One(_)) => 1,
            Some(Sessions::Many(many)) => many.len(),
        }
    }

    fn insert(&mut self, principal: &Principal, digest: IdDigest, signed_in_at: Timestamp, sign_in: Option<u64>) {
        let sign_in = sign_in.unwrap_or_else(|| {
            self.sign_ins += 1;
            self.sign_ins
        });
        let entry = IndexEntry { digest, signed_in_at, sign_in };
        match self.principals.get_mut(principal) {
            None => drop(self.principals.insert(principal.clone(), Sessions::One(entry))),
            Some(sessions) => sessions.insert(entry),
        }
    }

    fn remove(&mut self, principal: &Principal, from: &IdDigest) -> Option<IndexEntry> {
        let sessions = self.principals.get_mut(principal)?;
        let removed = sessions.remove(from)?;
        if sessions.is_empty() {
            self.principals.remove(principal);
            if self.principals.capacity() > MIN_SHRINK_CAPACITY.max(self.principals.len() * 4) {
                self.principals.shrink_to(self.principals.len() * 2);
            }
        }
        Some(removed)
    }
}

fn hash(entry: &IndexEntry) -> u64 {
    entry.digest.hash_bits()
}

impl Sessions {
    fn insert(&mut self, entry: IndexEntry) {
        match self {
            Self::One(one) => {
                let mut many = HashTable::with_capacity(2);
                for entry in [*one, entry] {
                    many.insert_unique(hash(&entry), entry, hash);
                }
                *self = Self::Many(Box::new(many));
            }
            Self::Many(many) => drop(many.insert_unique(hash(&entry), entry, hash)),
        }
    }

    fn remove(&mut self, from: &IdDigest) -> Option<IndexEntry> {
        match self {
            Self::One(one) if one.digest == *from => {
                let removed = *one;
                *self = Self::Many(Box::default());
                Some(removed)
            }
            Self::One(_) => None,
            Self::Many(many) => {
                let found = many.find_entry(from.hash_bits(), |entry| entry.digest == *from);
                let removed = found.ok().map(hash_table::OccupiedEntry::remove)?.0;
                if many.capacity() > MIN_SHRINK_CAPACITY.max(many.len() * 4) {
                    many.shrink_to(many.len() * 2, hash);
                }
                Some(removed)
            }
        }
    }

    fn is_empty(&self) -> bool {
        matches!(self, Self::Many(many) if many.is_empty())
    }
}
