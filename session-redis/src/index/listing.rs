//! Adding sessions to a principal's list, and removing entries.

use std::time::Duration;

use session_core::{
    Error, ErrorKind, Principal, SessionCap, SignIn,
    model::{IdDigest, Timestamp},
    store::RevocationId,
};

use super::{live::Live, walk::Walk};
use crate::{
    lifetimes::Lifetimes,
    operation::{Operation, SendOptions},
    protocol::{IndexAddReply, ListEntry, ListFor, Lookup, SCRIPTS, millis, put, unexpected_reply},
};

/// For which principal an id is listed, for how many milliseconds from now on, and its place in the list.
#[derive(Clone, Debug)]
pub(crate) struct Listing {
    pub(crate) principal: Principal,
    pub(crate) span: u64,
    pub(crate) place: u64,
    /// How many entries the list had then, this one included.
    pub(crate) entries: u64,
}

/// Why a session is listed.
#[derive(Clone, Copy, Debug)]
enum Why<'a> {
    /// It signs in, and replaces no other one.
    SignsIn,
    /// It signs in, and may replace one at this digest.
    MayReplace(&'a IdDigest),
    /// It moves from this digest, where it was seen.
    Moves(&'a IdDigest),
    /// It is there already, and is listed for longer.
    Stays,
}

/// Why a session was not added to a list.
enum NotAdded {
    /// The principal has as many sessions as allowed, or its list has that many entries.
    Full,
    /// It does not sign in, and no entry has its place.
    Unplaced,
}

/// The most by which the clocks of the servers that hold the list and the session may differ: ten minutes, in
/// milliseconds.
const MAX_SKEW: u64 = 600_000;
/// The maximum number of moves of a session that are followed from the old id of a sign-in.
const MAX_MOVES: usize = 8;
/// A list of at least this many entries is pruned now and then.
const PRUNE_FROM: u64 = 32;
/// One in this many sessions that are added prunes the list.
const PRUNE_ONE_IN: u64 = 16;
/// How many entries it looks at. If it looks at four times as many as are added, about a quarter of them are of sessions
/// that are gone, when as many sessions are added as go.
const PRUNE_SAMPLE: usize = 64;

impl Operation<'_> {
    /// Adds a session that signs in to the list of its principal, within the cap. `old` is the id at which it signs in,
    /// and the grace of the rotation.
    pub(crate) async fn add_within_cap(
        &self,
        sign_in: &SignIn,
        digest: &IdDigest,
        old: Option<(&IdDigest, Duration)>,
        lifetimes: Lifetimes,
    ) -> Result<Listing, Error> {
        let mut replaces = old.map(|(old, _)| *old);
        let most = match sign_in.cap() {
            Some(SessionCap::Refuse(most)) => Some(most),
            _ => None,
        };
        let principal = sign_in.principal();
        let mut pruned = false;
        loop {
            let why = replaces.as_ref().map_or(Why::SignsIn, Why::MayReplace);
            let limits = (most, sign_in.last_revocation());
            match self.send_listing(principal, digest, (why, None, limits), lifetimes).await? {
                Ok(listing) => return Ok(listing),
                Err(NotAdded::Full) => {}
                Err(NotAdded::Unplaced) => return Err(unexpected_reply()),
            }
            // A cap of zero allows one.
            let most = most.unwrap_or_default().max(1);
            if pruned || self.has_more_than(principal, most).await? {
                let message = format!("the principal has at least {most} sessions already, and no more are allowed");
                return Err(Error::new(ErrorKind::LimitExceeded, message));
            }
            pruned = true;
            replaces = match old {
                Some((old, grace)) => self.replaced_by_sign_in(principal, old, grace).await?,
                None => None,
            };
        }
    }

    /// Whether a principal has more sessions than `most`, or may soon have. Looks at as few as are needed to tell, and
    /// removes the entries of those that are gone.
    async fn has_more_than(&self, principal: &Principal, most: usize) -> Result<bool, Error> {
        let (mut walk, mut live) = (Walk::newest_first(), Live::default());
        while !walk.is_over() && live.len_with_awaited() <= most {
            let wanted = most - live.len_with_awaited();
            self.next_live(principal, (&mut walk, wanted), &mut live).await?;
        }
        Ok(live.len_with_awaited() > most)
    }

    /// The session that does not count against the cap of a sign-in at `old`: the one that moves, or the one that is copied
    /// because it signed in within the grace. It is the same rule as in `sign_in.lua`.
    async fn replaced_by_sign_in(
        &self,
        principal: &Principal,
        old: &IdDigest,
        grace: Duration,
    ) -> Result<Option<IdDigest>, Error> {
        let (mut at, mut gives_access) = (*old, true);
        for moves in 0..=MAX_MOVES {
            match self.peek(&at).await? {
                Lookup::Session(found) => {
                    let is_recent = |signed_in_at: Timestamp| signed_in_at.after(grace) > found.touched.now;
                    let is_replaced = found.signed_in.as_ref().map_or(gives_access, |(of, signed_in_at)| {
                        of == principal && (gives_access || is_recent(*signed_in_at))
                    });
                    return Ok(is_replaced.then_some(at));
                }
                Lookup::Moved(to, is_open) => (at, gives_access) = (to, moves == 0 && is_open),
                Lookup::Nothing | Lookup::Ended(_) => break,
            }
        }
        Ok(None)
    }

    /// Lists the id to which a session moves from the digest `from`, in the place of its entry there. Returns `None` if there
    /// is no such entry: the session may have moved on, and has that place elsewhere.
    pub(crate) async fn add_moved(
        &self,
        principal: &Principal,
        to: &IdDigest,
        from: &IdDigest,
        lifetimes: Lifetimes,
    ) -> Result<Option<Listing>, Error> {
        self.add_to_list(principal, to, (Why::Moves(from), None), lifetimes).await
    }

    /// The same for a session that is at `from` now, and that may stay there. If its entry was lost, it is listed at the time
    /// of its sign-in.
    pub(crate) async fn add_present(
        &self,
        principal: &Principal,
        to: &IdDigest,
        from: &IdDigest,
        lifetimes: Lifetimes,
    ) -> Result<Listing, Error> {
        let why = if to == from { Why::Stays } else { Why::Moves(from) };
        if let Some(listing) = self.add_to_list(principal, to, (why, None), lifetimes).await? {
            return Ok(listing);
        }
        let place = match Box::pin(self.peek(from)).await? {
            Lookup::Session(found) => found.signed_in.filter(|(of, _)| of == principal).map(|(_, at)| at),
            _ => None,
        };
        // A session that is gone by now comes first, where every walk that may still meet it does.
        let place = place.map_or(1, |at| at.as_millis().saturating_mul(1_000)).clamp(1, Timestamp::MAX.as_millis());
        let listing = self.add_to_list(principal, to, (why, Some(place)), lifetimes).await?;
        listing.ok_or_else(unexpected_reply)
    }

    /// Adds a session to a list without a cap.
    async fn add_to_list(
        &self,
        principal: &Principal,
        digest: &IdDigest,
        (why, place): (Why<'_>, Option<u64>),
        lifetimes: Lifetimes,
    ) -> Result<Option<Listing>, Error> {
        match self.send_listing(principal, digest, (why, place, (None, None)), lifetimes).await? {
            Ok(listing) => Ok(Some(listing)),
            Err(NotAdded::Unplaced) => Ok(None),
            Err(NotAdded::Full) => Err(unexpected_reply()),
        }
    }

    /// Extends a listing as a script asks for, and returns its span, which is longer than `before`.
    pub(crate) async fn extend_listing(&self, digest: &IdDigest, wanted: &ListFor, before: u64) -> Result<u64, Error> {
        let lifetimes = Lifetimes::at_least(wanted.span);
        let listing = self.add_present(&wanted.principal, digest, digest, lifetimes).await?;
        if listing.span <= before { Err(unexpected_reply()) } else { Ok(listing.span) }
    }

    /// Removes an id at which there is no session of this principal. A session that was listed there before stays.
    pub(crate) async fn remove_if_unused(&self, principal: &Principal, digest: &IdDigest) {
        match self.peek(digest).await {
            Ok(Lookup::Session(found)) if found.signed_in.as_ref().is_some_and(|(of, _)| of == principal) => {}
            Err(_) => {}
            Ok(_) => self.remove_from_list(principal, &[*digest]).await,
        }
    }

    /// One round trip.
    async fn send_listing(
        &self,
        principal: &Principal,
        digest: &IdDigest,
        (why, place, (most, known)): (Why<'_>, Option<u64>, (Option<usize>, Option<RevocationId>)),
        lifetimes: Lifetimes,
    ) -> Result<Result<Listing, NotAdded>, Error> {
        let (partition, [list, order]) = self.store.layout.principal(principal);
        let (_, revocation) = self.store.layout.revocation(principal);
        let keys = [&list[..], &order, &revocation];
        let cmd = self.listing_cmd((&keys, known), digest, (why, place, most), lifetimes);
        let answer = self.run_script(&SCRIPTS.index_add, partition, &cmd, SendOptions::idempotent()).await?;
        match IndexAddReply::parse(&answer.reply)? {
            IndexAddReply::Added { entries, place } => {
                if entries >= PRUNE_FROM && digest.hash_bits().is_multiple_of(PRUNE_ONE_IN) {
                    self.prune(principal, digest).await;
                }
                Ok(Ok(Listing { principal: principal.clone(), span: lifetimes.listed(), place, entries }))
            }
            IndexAddReply::Full => Ok(Err(NotAdded::Full)),
            IndexAddReply::Unplaced => Ok(Err(NotAdded::Unplaced)),
            IndexAddReply::Revoked => Err(Error::new(
                ErrorKind::Conflict,
                "the sessions of the principal were revoked since its password was checked; check it again",
            )),
        }
    }

    /// The arguments are those that `index_add.lua` documents.
    fn listing_cmd(
        &self,
        (keys, known): (&[&[u8]; 3], Option<RevocationId>),
        digest: &IdDigest,
        (why, place, most): (Why<'_>, Option<u64>, Option<usize>),
        lifetimes: Lifetimes,
    ) -> redis::Cmd {
        let mut head = Vec::with_capacity(72);
        head.extend_from_slice(&digest.to_bytes());
        put::<7>(&mut head, lifetimes.listed().saturating_add(MAX_SKEW));
        // For as long as a tombstone would refuse a late create; after that the session is no longer awaited.
        put::<7>(&mut head, lifetimes.shortest().min(millis(self.store.settings.tombstone)));
        // A cap of zero allows one: the session that signs in.
        put::<4>(&mut head, most.map_or(0, |most| most.max(1) as u64));
        put::<7>(&mut head, place.unwrap_or_default());
        let (sort, old) = match why {
            Why::SignsIn => (0, digest),
            Why::MayReplace(old) => (1, old),
            Why::Moves(old) => (2, old),
            Why::Stays => (3, digest),
        };
        head.push(sort);
        head.extend_from_slice(&old.to_bytes());
        let keys = if known.is_some() { &keys[..] } else { &keys[..2] };
        let mut cmd = SCRIPTS.index_add.command(keys, (2, head.len() + 8));
        cmd.arg(head);
        match known {
            Some(known) => cmd.arg(&u64::from(known).to_be_bytes()),
            None => cmd.arg(""),
        };
        cmd
    }

    /// Looks at a sample of a list, and removes the entries of sessions that are gone. Pruning can wait for another time; its
    /// failure changes nothing.
    async fn prune(&self, principal: &Principal, digest: &IdDigest) {
        // The bits of an id are random. The low ones have decided that the list is pruned.
        let place = (digest.hash_bits() >> 16) as u32;
        if let Ok(page) = self.sample(principal, place, PRUNE_SAMPLE).await {
            self.look_up(principal, page, &mut Live::default()).await;
        }
    }

    /// Removes entries whose sessions were found gone, unless an entry has changed since. Returns false after a failure;
    /// then they are found gone again.
    pub(super) async fn remove_unchanged(&self, principal: &Principal, gone: &[ListEntry]) -> bool {
        self.remove(principal, gone.iter().map(|entry| entry.to_bytes())).await
    }

    /// Removes digests from a list. After a failure they are found gone when the list is read.
    pub(crate) async fn remove_from_list(&self, principal: &Principal, digests: &[IdDigest]) {
        self.remove(principal, digests.iter().map(|digest| digest.to_bytes().to_vec())).await;
    }

    async fn remove(&self, principal: &Principal, entries: impl ExactSizeIterator<Item = Vec<u8>>) -> bool {
        if entries.len() == 0 {
            return true;
        }
        let (partition, [list, order]) = self.store.layout.principal(principal);
        let mut cmd = SCRIPTS.index_remove.command(&[&list, &order], (entries.len(), entries.len() * 48));
        for entry in entries {
            cmd.arg(entry);
        }
        self.run_script(&SCRIPTS.index_remove, partition, &cmd, SendOptions::idempotent()).await.is_ok()
    }
}
