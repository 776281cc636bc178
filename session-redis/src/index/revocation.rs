//! Ending one session of a principal, and remembering that all of them are ended.

use std::collections::HashSet;

use redis::{Cmd, Pipeline, Value as Reply};
use session_core::{
    Error, Principal,
    model::{IdDigest, Incarnation},
    store::{Destroy, RevocationId},
};

use crate::{
    operation::{Operation, SendOptions},
    protocol::{
        Cursor, Lookup, REVOCATION_FIELD, RevokeReply, SCRIPTS, millis, put, reason_byte, unexpected_reply, unreadable,
    },
};

/// How many moves of a session are followed from the id where it was listed.
const MAX_MOVES: usize = 8;

/// The result of a revocation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Revoked {
    /// It has ended a session, which was here.
    Ended(IdDigest),
    /// There was no session, or it had ended before.
    Nothing,
    /// There was nothing. If a session was here a moment ago, it has moved and left no forward.
    Vacant,
    /// The session has moved to an id with an entry of its own, which the revocation meets, or is later than.
    Moved,
    /// The session is another principal's, or kept.
    Kept,
}

/// The sessions of a page of the list. Each gets a tombstone, even if there is no session yet.
#[derive(Clone, Copy)]
pub(super) struct Listed<'a> {
    pub(super) page: &'a HashSet<IdDigest>,
    /// The greatest place in the list when the revocation began. A session at a greater one has signed in since.
    pub(super) last_place: u64,
}

/// Whose sessions are ended, how, and which are kept.
#[derive(Clone, Copy)]
pub(super) struct Revocation<'a> {
    pub(super) principal: &'a Principal,
    pub(super) destroy: &'a Destroy,
    pub(super) listed: Option<Listed<'a>>,
    pub(super) kept: Option<Incarnation>,
}

impl Operation<'_> {
    /// Ends the session that is listed at a digest, or has moved on from there.
    pub(super) async fn revoke_at(&self, digest: &IdDigest, revocation: Revocation<'_>) -> Result<Revoked, Error> {
        let options = SendOptions::idempotent().with_replicas(revocation.destroy.write.replicas);
        let mut at = *digest;
        for _ in 0..=MAX_MOVES {
            let partition = self.store.layout.partition(&at);
            let cmd = self.revoke_cmd(&at, revocation);
            let answer = self.run_script(&SCRIPTS.revoke, partition, &cmd, options).await?;
            match RevokeReply::parse(&answer.reply)? {
                RevokeReply::Revoked(left) => {
                    self.store.recent_destroys.remember(*digest, at, left, *revocation.destroy);
                    return Ok(Revoked::Ended(at));
                }
                RevokeReply::Nothing => return Ok(Revoked::Nothing),
                RevokeReply::Vacant => return Ok(Revoked::Vacant),
                RevokeReply::Kept => return Ok(Revoked::Kept),
                RevokeReply::Moved(to) => match revocation.listed {
                    Some(listed) if self.is_met_or_later(revocation.principal, &to, listed).await? => {
                        return Ok(Revoked::Moved);
                    }
                    _ => at = to,
                },
            }
        }
        // Longer than any chain of forwards that is still stored.
        Ok(Revoked::Vacant)
    }

    /// Whether an id to which a session has moved has an entry on the same page, or one of a later sign-in.
    async fn is_met_or_later(&self, principal: &Principal, to: &IdDigest, listed: Listed<'_>) -> Result<bool, Error> {
        if listed.page.contains(to) {
            return Ok(true);
        }
        // Boxed like everything rare.
        let place = Box::pin(self.place_in_list(principal, to)).await?;
        Ok(place.is_some_and(|place| place > listed.last_place))
    }

    /// The arguments are those that `revoke.lua` documents.
    fn revoke_cmd(&self, at: &IdDigest, revocation: Revocation<'_>) -> Cmd {
        let Revocation { principal, destroy, listed, kept } = revocation;
        let (layout, settings) = (&self.store.layout, &self.store.settings);
        let partition = layout.partition(at);
        let mut head = Vec::with_capacity(32);
        head.extend_from_slice(&u64::from(destroy.write.op).to_be_bytes());
        head.push(reason_byte(destroy.reason));
        put::<7>(&mut head, millis(settings.tombstone));
        head.push(u8::from(listed.is_some()));
        head.push(u8::from(kept.is_some()));
        head.extend_from_slice(&kept.map_or(0, u64::from).to_be_bytes());
        let keys = [&layout.session(at)[..], &partition.sequence];
        let mut cmd = SCRIPTS.revoke.command(&keys, (5, head.len() + partition.channel.len() + 320));
        cmd.arg(head).arg(&self.message_head(at)).arg(settings.publish).arg(&*partition.channel);
        cmd.arg(principal.as_str());
        cmd
    }

    pub(super) async fn record_revocation(&self, principal: &Principal, destroy: &Destroy) -> Result<(), Error> {
        let (partition, key) = self.store.layout.revocation(principal);
        let mut head = u64::from(destroy.write.op).max(1).to_be_bytes().to_vec();
        put::<7>(&mut head, millis(self.store.settings.tombstone));
        let mut cmd = SCRIPTS.record_revocation.command(&[&key], (1, head.len()));
        cmd.arg(head);
        self.run_script(&SCRIPTS.record_revocation, partition, &cmd, SendOptions::idempotent()).await.map(drop)
    }

    /// The last revocation of a principal that is still remembered. One round trip.
    pub(super) async fn last_revocation(&self, principal: &Principal) -> Result<RevocationId, Error> {
        let (partition, key) = self.store.layout.revocation(principal);
        let mut reads = Pipeline::with_capacity(3);
        reads.cmd("PTTL").arg(&key).cmd("HGET").arg(&key).arg(REVOCATION_FIELD);
        match self.read(partition, &key, reads).await? {
            [_, Reply::Nil] => Ok(RevocationId::default()),
            [_, Reply::BulkString(number)] => {
                let id = Cursor(&number).number::<8>().filter(|_| number.len() == 8);
                id.map(RevocationId::from).ok_or_else(|| unreadable("a principal's revocation cannot be read"))
            }
            _ => Err(unexpected_reply()),
        }
    }

    /// The incarnation of the session that an id gives access to.
    pub(super) async fn incarnation(&self, digest: &IdDigest) -> Result<Option<Incarnation>, Error> {
        // The session may move on after a forward was read; then it is looked up once more.
        for _ in 0..2 {
            let mut found = self.peek(digest).await?;
            let is_forward = matches!(found, Lookup::Moved(_, true));
            if let Lookup::Moved(to, true) = found {
                found = self.peek(&to).await?;
            }
            match found {
                Lookup::Session(peeked) => return Ok(Some(peeked.touched.stamp.incarnation())),
                _ if is_forward => {}
                _ => break,
            }
        }
        Ok(None)
    }
}
