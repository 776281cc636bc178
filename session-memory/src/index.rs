//! Which sessions a principal has. Changed only under the lock of the session's shard, so it never disagrees with it.

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
};

/// A power of two.
const SHARDS: usize = 256;
/// Tables smaller than this are not shrunk.
const LEAST_CAPACITY: usize = 32;

/// The sessions of all principals, sharded by principal.
#[derive(Debug)]
pub(crate) struct Index {
    /// Principals come from outside, so they need a keyed hash.
    hasher: RandomState,
    shards: Box<[Shard]>,
}

#[derive(Debug)]
#[repr(align(128))]
struct Shard {
    /// Held by a capped sign-in from its first look to its end. Taken before all other locks.
    gate: Mutex<()>,
    /// Taken after all other locks: inside that of a session shard, or alone.
    listings: Mutex<Listings>,
}

#[derive(Debug)]
struct Listings {
    principals: HashMap<Principal, Sessions, RandomState>,
    sign_ins: u64,
}

/// Never empty.
#[derive(Debug)]
enum Sessions {
    One(Listed),
    Many(Box<HashTable<Listed>>),
}

/// What the index knows of a session.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Listed {
    pub(crate) digest: IdDigest,
    pub(crate) signed_in_at: Timestamp,
    /// Grows with each sign-in, and stays with the session when it moves.
    pub(crate) sign_in: u64,
}

/// A principal's session.
pub(crate) type At<'a> = (&'a Principal, &'a IdDigest);

impl Index {
    pub(crate) fn new() -> Self {
        let hasher = RandomState::new();
        let shard = |_| Shard { gate: Mutex::default(), listings: Mutex::new(Listings::new(hasher.clone())) };
        Self { shards: (0..SHARDS).map(shard).collect(), hasher }
    }

    fn shard(&self, principal: &Principal) -> &Shard {
        // Neither the bits that choose a bucket within a shard nor those that tag it.
        let bits = self.hasher.hash_one(principal) >> 40;
        &self.shards[bits as usize & (SHARDS - 1)]
    }

    /// Keeps other capped sign-ins of this principal waiting while it is held.
    pub(crate) fn gate(&self, principal: &Principal) -> MutexGuard<'_, ()> {
        self.shard(principal).gate.lock()
    }

    /// A session has arrived or moved, and others may have departed. A move within one principal is one step: nobody
    /// sees the session at both digests or at neither.
    pub(crate) fn moved(&self, departed: &[(Principal, IdDigest)], arrived: Option<(At<'_>, Timestamp)>) {
        let is_same = |who: &Principal| arrived.is_some_and(|((principal, _), _)| who == principal);
        for (who, from) in departed.iter().filter(|(who, _)| !is_same(who)) {
            self.depart(who, from);
        }
        let Some(((principal, to), signed_in_at)) = arrived else { return };
        let mut listings = self.shard(principal).listings.lock();
        let mut sign_in = None;
        for (_, from) in departed.iter().filter(|(who, _)| is_same(who)) {
            let removed = listings.remove(principal, from);
            // What departs from the digest at which this one arrives was another session, which had expired.
            if from != to {
                sign_in = removed.map(|listed| listed.sign_in);
            }
        }
        listings.insert(principal, *to, signed_in_at, sign_in);
    }

    /// A session has ended.
    pub(crate) fn depart(&self, principal: &Principal, from: &IdDigest) {
        self.shard(principal).listings.lock().remove(principal, from);
    }

    /// The sessions of a principal, the latest sign-in first; some may have expired.
    pub(crate) fn list(&self, principal: &Principal) -> Vec<Listed> {
        let mut list = self.shard(principal).listings.lock().list(principal);
        list.sort_unstable_by_key(|listed| Reverse((listed.signed_in_at, listed.sign_in)));
        list
    }

    /// How many principals have sessions.
    pub(crate) fn principals(&self) -> usize {
        self.shards.iter().map(|shard| shard.listings.lock().principals.len()).sum()
    }
}

impl Listings {
    fn new(hasher: RandomState) -> Self {
        Self { principals: HashMap::with_hasher(hasher), sign_ins: 0 }
    }

    fn list(&self, principal: &Principal) -> Vec<Listed> {
        match self.principals.get(principal) {
            None => Vec::new(),
            Some(Sessions::One(listed)) => vec![*listed],
            Some(Sessions::Many(many)) => many.iter().copied().collect(),
        }
    }

    fn insert(&mut self, principal: &Principal, digest: IdDigest, signed_in_at: Timestamp, sign_in: Option<u64>) {
        let sign_in = sign_in.unwrap_or_else(|| {
            self.sign_ins += 1;
            self.sign_ins
        });
        let listed = Listed { digest, signed_in_at, sign_in };
        match self.principals.get_mut(principal) {
            None => drop(self.principals.insert(principal.clone(), Sessions::One(listed))),
            Some(sessions) => sessions.insert(listed),
        }
    }

    fn remove(&mut self, principal: &Principal, from: &IdDigest) -> Option<Listed> {
        let sessions = self.principals.get_mut(principal)?;
        let removed = sessions.remove(from)?;
        if sessions.is_empty() {
            self.principals.remove(principal);
            if self.principals.capacity() > LEAST_CAPACITY.max(self.principals.len() * 4) {
                self.principals.shrink_to(self.principals.len() * 2);
            }
        }
        Some(removed)
    }
}

fn hash(listed: &Listed) -> u64 {
    listed.digest.hash_bits()
}

impl Sessions {
    fn insert(&mut self, listed: Listed) {
        match self {
            Self::One(one) => {
                let mut many = HashTable::with_capacity(2);
                for listed in [*one, listed] {
                    many.insert_unique(hash(&listed), listed, hash);
                }
                *self = Self::Many(Box::new(many));
            }
            Self::Many(many) => drop(many.insert_unique(hash(&listed), listed, hash)),
        }
    }

    fn remove(&mut self, from: &IdDigest) -> Option<Listed> {
        match self {
            Self::One(one) if one.digest == *from => {
                let removed = *one;
                *self = Self::Many(Box::default());
                Some(removed)
            }
            Self::One(_) => None,
            Self::Many(many) => {
                let found = many.find_entry(from.hash_bits(), |listed| listed.digest == *from);
                let removed = found.ok().map(hash_table::OccupiedEntry::remove)?.0;
                if many.capacity() > LEAST_CAPACITY.max(many.len() * 4) {
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
