use redis::Cmd;
use session_core::{
    Error, SignIn,
    model::{EndReason, Entry, IdDigest},
    store::{Applied, Destroy, RotateOutcome, Rotation},
};

use super::{
    applied,
    delta::{Counts, append, append_clears},
    rotate::{Listed, grace, in_use},
};
use crate::{
    index::Listing,
    layout::{field_of, prefix_of},
    lifetimes::Lifetimes,
    operation::{Operation, SendOptions},
    protocol::{SCRIPTS, SignInReply, hex, note_field, put, unexpected_reply},
};

/// The maximum number of moves of a session that are followed from the old id.
const MAX_MOVES: usize = 8;

/// How the old id of a sign-in leads to the session at the first key.
#[derive(Clone, Copy, PartialEq, Eq)]
enum OldId {
    /// It gives access to the session.
    GivesAccess = 0,
    /// It was superseded, and gives no access.
    Superseded = 1,
    /// It has led through more forwards than are followed.
    LeadsTooFar = 2,
}

impl Operation<'_> {
    /// Signs a principal in where there is no session that it may continue. Returns `None` if there is one after all.
    pub(super) async fn start_signed_in(
        &self,
        from: &IdDigest,
        rotation: &Rotation,
        (listing, full): Listed<'_>,
    ) -> Result<Option<RotateOutcome>, Error> {
        let Some(sign_in) = &rotation.sign_in else { return Err(unexpected_reply()) };
        let partition = self.store.layout.partition(from);
        let options = SendOptions::idempotent().with_replicas(rotation.write.replicas);
        let (mut at, mut old_id, mut moves) = (*from, OldId::GivesAccess, 0);
        loop {
            let old = (old_id == OldId::GivesAccess && at != *from).then_some(from);
            let cmd = self.sign_in_cmd((&at, old, old_id), rotation, sign_in, listing.as_ref());
            let answer = self.run_script(&SCRIPTS.sign_in, partition, &cmd, options).await?;
            return match SignInReply::parse(&answer.reply)? {
                SignInReply::Started(status) => {
                    if old_id == OldId::Superseded {
                        self.end_copied(sign_in, &at, (rotation.grace, status.now)).await;
                    }
                    Ok(Some(RotateOutcome::Rotated(applied(status, &answer))))
                }
                SignInReply::Replaced(status, left) => {
                    let destroy = Destroy::new(rotation.write.op, EndReason::Replaced);
                    self.store.recent_destroys.remember(*from, at, left, destroy);
                    Ok(Some(RotateOutcome::Rotated(applied(status, &answer))))
                }
                SignInReply::Repeated(status) => {
                    Ok(Some(RotateOutcome::Rotated(Applied { repeated: true, ..applied(status, &answer) })))
                }
                SignInReply::Continues => Ok(None),
                SignInReply::ForwardsTo(to) => {
                    at = to;
                    continue;
                }
                SignInReply::LeadsTo(to) => {
                    moves += 1;
                    (at, old_id) = (to, if moves > MAX_MOVES { OldId::LeadsTooFar } else { OldId::Superseded });
                    continue;
                }
                SignInReply::MustList(wanted) => {
                    self.extend_target_listing(rotation, &wanted, (&mut *listing, &mut *full), from).await?;
                    continue;
                }
                SignInReply::TargetEnded(ended) => Ok(Some(RotateOutcome::Ended(ended))),
                SignInReply::TargetInUse => Err(in_use()),
            };
        }
    }

    /// The arguments are those that `sign_in.lua` documents.
    fn sign_in_cmd(
        &self,
        (at, old, old_id): (&IdDigest, Option<&IdDigest>, OldId),
        rotation: &Rotation,
        sign_in: &SignIn,
        listing: Option<&Listing>,
    ) -> Cmd {
        let layout = &self.store.layout;
        let (partition, to) = (layout.partition(at), rotation.to.digest());
        let counts = Counts::of(&rotation.delta);
        let mut head = Vec::with_capacity(128);
        let op = u64::from(rotation.write.op);
        head.extend_from_slice(&op.to_be_bytes());
        head.extend_from_slice(&hex(op));
        put::<7>(&mut head, grace(rotation));
        Lifetimes::of(rotation.expiry.unwrap_or_default()).put(&mut head);
        self.put_limits(&mut head);
        put::<7>(&mut head, listing.map_or(0, |listing| listing.span));
        head.push(old_id as u8);
        head.extend_from_slice(&u64::from(rotation.bound_to.unwrap_or(rotation.incarnation())).to_be_bytes());
        head.extend_from_slice(&to.to_bytes());
        let kept = sign_in.kept_fields();
        for count in [kept.len() as u64, counts.clears, counts.removes, counts.puts] {
            put::<4>(&mut head, count);
        }
        let (session, target) = (layout.session(at), layout.session(to));
        let old = old.map(|old| layout.session(old));
        let keys = [&session[..], &target, &partition.sequence, old.as_deref().unwrap_or_default()];
        let keys = if old.is_some() { &keys[..] } else { &keys[..3] };
        let bytes = head.len() + counts.bytes + partition.channel.len() + 640;
        let mut cmd = SCRIPTS.sign_in.command(keys, (8 + 2 * kept.len() + counts.arguments(), bytes));
        cmd.arg(head).arg(&self.message_head(at)).arg(&self.message_head(to));
        cmd.arg(self.store.settings.publish).arg(&*partition.channel);
        cmd.arg(listing.map_or("", |listing| listing.principal.as_str())).arg(sign_in.principal().as_str());
        cmd.arg(note_field(sign_in.note()));
        for field in kept {
            cmd.arg(field_of(Entry::Scalar(field)));
        }
        for field in kept {
            cmd.arg(prefix_of(field));
        }
        append_clears(&mut cmd, &rotation.delta, &counts);
        append(&mut cmd, &rotation.delta, &counts);
        cmd
    }
}
