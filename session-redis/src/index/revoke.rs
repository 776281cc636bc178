//! Ending the sessions of a principal.

use std::collections::HashSet;

use futures_util::{StreamExt as _, stream};
use session_core::{
    Error, Principal, SessionId,
    model::{IdDigest, Incarnation},
    store::Destroy,
};

use crate::{
    inner::Inner,
    meta::{millis, put, reason_byte},
    net::Resend,
    ops::{Sending, absent, forwarded, odd_reply},
    record::Sight,
    script::SCRIPTS,
};

/// How many moves of a session are followed from where it was listed.
const MOVES: usize = 8;
/// How many sessions are ended at the same time.
const AT_ONCE: usize = 64;

/// What a revocation found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Revoked {
    /// It has ended a session.
    Ended,
    /// There was none, or it had ended before.
    Nothing,
    /// It is another's, or spared.
    Spared,
}

/// Whose sessions are ended, how, and which are not.
#[derive(Clone, Copy)]
pub(super) struct Revocation<'a> {
    pub(super) operation: &'static str,
    pub(super) principal: &'a Principal,
    pub(super) destroy: &'a Destroy,
    /// The sessions of a list: each gets a tombstone, also where there is none yet, and none is looked for twice.
    pub(super) listed: Option<&'a HashSet<IdDigest>>,
    pub(super) spared: Option<Incarnation>,
}

impl Inner {
    /// Ends the session that is listed at a digest, or has moved on from there.
    pub(super) async fn revoke_at(&self, digest: &IdDigest, revocation: Revocation<'_>) -> Result<Revoked, Error> {
        let Revocation { operation, principal, destroy, listed, spared } = revocation;
        let mut at = *digest;
        for _ in 0..=MOVES {
            let partition = self.layout.partition(&at);
            let mut head = Vec::with_capacity(32);
            head.extend_from_slice(&destroy.write.op.bits().to_be_bytes());
            head.push(reason_byte(destroy.reason));
            put::<7>(&mut head, millis(self.settings.tombstone));
            head.push(u8::from(listed.is_some()));
            head.push(u8::from(spared.is_some()));
            head.extend_from_slice(&spared.map_or(0, Incarnation::bits).to_be_bytes());
            let keys = [&self.layout.session(&at)[..], &partition.sequence];
            let mut cmd = SCRIPTS.revoke.call(&keys, (5, head.len() + partition.channel.len() + 320));
            cmd.arg(head).arg(&self.message_head(&at)).arg(self.settings.publish).arg(&*partition.channel);
            cmd.arg(principal.as_str());
            let sending = Sending { operation, resend: Resend::Harmless, replicas: destroy.write.replicas };
            let answer = self.call(&SCRIPTS.revoke, partition, &cmd, sending).await?;
            match (answer.reply.first(), forwarded(&answer.reply)) {
                (Some(b'A'), _) => {
                    self.recent.note(at, *destroy);
                    return Ok(Revoked::Ended);
                }
                (Some(b'B'), _) => return Ok(Revoked::Nothing),
                (Some(b'N'), _) => return Ok(Revoked::Spared),
                // It has its own place in the list.
                (_, Some(to)) if listed.is_some_and(|listed| listed.contains(&to)) => return Ok(Revoked::Nothing),
                (_, Some(to)) => at = to,
                _ => return absent(operation, &answer.reply).and(Err(odd_reply(operation))),
            }
        }
        // Further than any chain of forwards that is still remembered.
        Ok(Revoked::Nothing)
    }

    /// Ends all sessions of a principal but one, and tells how many there were.
    pub(super) async fn revoke_list(
        &self,
        operation: &'static str,
        principal: &Principal,
        except: Option<&SessionId>,
        destroy: &Destroy,
    ) -> Result<usize, Error> {
        let spared = match except {
            Some(id) => self.incarnation(operation, id.digest()).await?,
            None => None,
        };
        let (_, entries) = self.read_list(operation, principal).await?;
        let listed: HashSet<IdDigest> = entries.iter().map(|entry| entry.digest).collect();
        let revocation = Revocation { operation, principal, destroy, listed: Some(&listed), spared };
        let ends =
            entries.into_iter().map(|entry| async move { (entry, self.revoke_at(&entry.digest, revocation).await) });
        let ends: Vec<_> = stream::iter(ends).buffer_unordered(AT_ONCE).collect().await;
        let gone: Vec<_> = ends
            .iter()
            .filter(|(_, end)| matches!(end, Ok(end) if *end != Revoked::Spared))
            .map(|(entry, _)| *entry)
            .collect();
        self.unlist(operation, principal, &gone).await;
        ends.into_iter().try_fold(0, |count, (_, end)| Ok(count + usize::from(end? == Revoked::Ended)))
    }

    /// Which session an id gives access to.
    async fn incarnation(&self, operation: &'static str, digest: &IdDigest) -> Result<Option<Incarnation>, Error> {
        let mut sight = self.glance(operation, digest).await?;
        if let Sight::Moved(to, true) = sight {
            sight = self.glance(operation, &to).await?;
        }
        Ok(match sight {
            Sight::Session(glance) => Some(glance.stamp.incarnation()),
            _ => None,
        })
    }
}
