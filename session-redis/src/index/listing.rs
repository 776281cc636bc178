//! Adding sessions to a principal's list, reading it, and removing entries.

use std::time::Duration;

use redis::{Pipeline, Value as Reply};
use session_core::{
    Error, ErrorKind, Principal, SessionCap, SignIn,
    model::{IdDigest, Timestamp},
    store::RevocationId,
};

use crate::{
    lifetimes::Lifetimes,
    net::{HashSlot, Resend},
    operation::{Operation, SendOptions},
    protocol::{Cursor, IndexAddReply, ListEntry, ListFor, Lookup, SCRIPTS, millis, put, unexpected_reply, unreadable},
};

/// For which principal an id is listed, and for how many milliseconds from now on.
#[derive(Clone, Debug)]
pub(crate) struct Listing {
    pub(crate) principal: Principal,
    pub(crate) span: u64,
}

/// The session that a listed one replaces.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Replaced<'a> {
    None,
    /// There may be one.
    Maybe(&'a IdDigest),
    /// It was seen there.
    Seen(&'a IdDigest),
}

/// The entries of a list, and the time on the server that holds it.
pub(super) type List = (Timestamp, Vec<ListEntry>);

/// The most by which the clocks of the servers that hold the list and the session may differ: ten minutes, in
/// milliseconds.
const MAX_SKEW: u64 = 600_000;
/// The maximum number of moves of a session that are followed from the old id of a sign-in.
const MAX_MOVES: usize = 8;
/// A list of at least this many entries is pruned each time it has doubled.
const PRUNE_FROM: u64 = 32;

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
            let replaced = replaces.as_ref().map_or(Replaced::None, Replaced::Maybe);
            let limits = (most, sign_in.last_revocation());
            match self.send_listing(principal, digest, (replaced, limits), lifetimes).await? {
                Ok(listing) => return Ok(listing),
                Err(full) if !pruned => {
                    pruned = true;
                    self.live_of(principal, full).await?;
                    replaces = match old {
                        Some((old, grace)) => self.replaced_by_sign_in(principal, old, grace).await?,
                        None => None,
                    };
                }
                Err((_, entries)) => {
                    let message = format!(
                        "the principal has {} sessions already; at most {} are allowed",
                        entries.len(),
                        most.unwrap_or_default()
                    );
                    return Err(Error::new(ErrorKind::LimitExceeded, message));
                }
            }
        }
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

    /// Adds a session to a list without a cap.
    pub(crate) async fn add_to_list(
        &self,
        principal: &Principal,
        digest: &IdDigest,
        replaced: Replaced<'_>,
        lifetimes: Lifetimes,
    ) -> Result<Listing, Error> {
        let listing = self.send_listing(principal, digest, (replaced, (None, None)), lifetimes).await?;
        listing.map_err(|_| unexpected_reply())
    }

    /// Extends a listing as a script asks for, and returns its span, which is longer than `before`.
    pub(crate) async fn extend_listing(&self, digest: &IdDigest, wanted: &ListFor, before: u64) -> Result<u64, Error> {
        let lifetimes = Lifetimes::at_least(wanted.span);
        let listing = self.add_to_list(&wanted.principal, digest, Replaced::None, lifetimes).await?;
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

    /// One round trip. The inner error is the list of a principal that has as many sessions as allowed.
    async fn send_listing(
        &self,
        principal: &Principal,
        digest: &IdDigest,
        (replaced, (most, known)): (Replaced<'_>, (Option<usize>, Option<RevocationId>)),
        lifetimes: Lifetimes,
    ) -> Result<Result<Listing, List>, Error> {
        let (partition, key) = self.store.layout.principal(principal);
        let (_, revocation) = self.store.layout.revocation(principal);
        let known = known.map(|known| (&revocation[..], known));
        let cmd = self.listing_cmd((&key, known), digest, (replaced, most), lifetimes);
        let answer = self.run_script(&SCRIPTS.index_add, partition, &cmd, SendOptions::idempotent()).await?;
        match IndexAddReply::parse(&answer.reply)? {
            IndexAddReply::Added(entries) => {
                if entries >= PRUNE_FROM && entries.is_power_of_two() {
                    // Pruning can wait for another time; its failure changes nothing.
                    self.live(principal).await.ok();
                }
                Ok(Ok(Listing { principal: principal.clone(), span: lifetimes.listed() }))
            }
            IndexAddReply::Full(now, entries) => Ok(Err((now, entries))),
            IndexAddReply::Revoked => Err(Error::new(
                ErrorKind::Conflict,
                "the sessions of the principal were revoked since its password was checked; check it again",
            )),
        }
    }

    /// The arguments are those that `index_add.lua` documents.
    fn listing_cmd(
        &self,
        (key, known): (&[u8], Option<(&[u8], RevocationId)>),
        digest: &IdDigest,
        (replaced, most): (Replaced<'_>, Option<usize>),
        lifetimes: Lifetimes,
    ) -> redis::Cmd {
        let mut head = Vec::with_capacity(64);
        head.extend_from_slice(&digest.to_bytes());
        put::<7>(&mut head, lifetimes.listed().saturating_add(MAX_SKEW));
        // For as long as a tombstone would refuse a late create; after that the session is no longer awaited.
        put::<7>(&mut head, lifetimes.shortest().min(millis(self.store.settings.tombstone)));
        // A cap of zero allows one: the session that signs in.
        put::<4>(&mut head, most.map_or(0, |most| most.max(1) as u64));
        let (sort, old) = match replaced {
            Replaced::None => (0, digest),
            Replaced::Maybe(old) => (1, old),
            Replaced::Seen(old) => (2, old),
        };
        head.push(sort);
        head.extend_from_slice(&old.to_bytes());
        let keys = [key, known.map_or(&[], |(revocation, _)| revocation)];
        let keys = if known.is_some() { &keys[..] } else { &keys[..1] };
        let mut cmd = SCRIPTS.index_add.command(keys, (2, head.len() + 8));
        cmd.arg(head);
        match known {
            Some((_, known)) => cmd.arg(&u64::from(known).to_be_bytes()),
            None => cmd.arg(""),
        };
        cmd
    }

    /// Reads a list. One round trip.
    pub(super) async fn read_list(&self, principal: &Principal) -> Result<List, Error> {
        let (partition, key) = self.store.layout.principal(principal);
        let mut reads = Pipeline::with_capacity(3);
        reads.cmd("TIME").cmd("HGETALL").arg(&key);
        let [time, list] = self.read(partition, &key, reads).await?;
        let bad_list = || unreadable("a principal's list cannot be read");
        let now = timestamp(&time).ok_or_else(bad_list)?;
        let Reply::Map(pairs) = list else { return Err(bad_list()) };
        let read = |(digest, entry): (Reply, Reply)| match (digest, entry) {
            (Reply::BulkString(digest), Reply::BulkString(entry)) => {
                let whole = [digest, entry].concat();
                let mut cursor = Cursor(&whole);
                ListEntry::read(&mut cursor).filter(|_| cursor.0.is_empty())
            }
            _ => None,
        };
        let entries = pairs.into_iter().map(read).collect::<Option<Vec<_>>>().ok_or_else(bad_list)?;
        Ok((now, entries))
    }

    /// Removes entries whose sessions were found gone, unless an entry has changed since. After a failure they are found
    /// gone again.
    pub(super) async fn remove_unchanged(&self, principal: &Principal, gone: &[ListEntry]) {
        if gone.is_empty() {
            return;
        }
        let (partition, key) = self.store.layout.principal(principal);
        let mut cmd = SCRIPTS.index_remove.command(&[&key], (gone.len(), gone.len() * 40));
        for entry in gone {
            cmd.arg(entry.to_bytes());
        }
        self.run_script(&SCRIPTS.index_remove, partition, &cmd, SendOptions::idempotent()).await.ok();
    }

    /// Removes digests from a list. After a failure they are found gone when the list is read.
    pub(crate) async fn remove_from_list(&self, principal: &Principal, digests: &[IdDigest]) {
        if digests.is_empty() {
            return;
        }
        let (partition, key) = self.store.layout.principal(principal);
        let mut cmd = redis::cmd("HDEL");
        cmd.arg(&key);
        for digest in digests {
            cmd.arg(&digest.to_bytes());
        }
        self.command(HashSlot::new(partition.slot), &cmd, Resend::Harmless).await.ok();
    }
}

/// The reply of `TIME`.
fn timestamp(reply: &Reply) -> Option<Timestamp> {
    let Reply::Array(parts) = reply else { return None };
    let number = |part: &Reply| match part {
        Reply::BulkString(text) => std::str::from_utf8(text).ok()?.parse::<u64>().ok(),
        Reply::Int(number) => u64::try_from(*number).ok(),
        _ => None,
    };
    let (seconds, micros) = (number(parts.first()?)?, number(parts.get(1)?)?);
    Some(Timestamp::from_millis(seconds.saturating_mul(1_000).saturating_add(micros / 1_000)))
}
