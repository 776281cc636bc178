use redis::Cmd;
use session_core::{
    Error, ErrorKind, SessionId, SignIn,
    model::IdDigest,
    store::{Applied, CreateOutcome, NewSession},
};

use super::{
    applied,
    delta::{Counts, append_entries, carried},
};
use crate::{
    lifetimes::Lifetimes,
    operation::{Operation, SendOptions},
    protocol::{CreateReply, Lookup, SCRIPTS, hex, note_field, put, unexpected_reply},
};

impl Operation<'_> {
    pub(crate) async fn create(&self, id: &SessionId, new: &NewSession) -> Result<CreateOutcome, Error> {
        let listing = match &new.sign_in {
            None => None,
            Some(sign_in) => {
                match self.add_within_cap(sign_in, id.digest(), None, Lifetimes::of(new.expiry)).await {
                    Ok(listing) => Some(listing),
                    // A session that exists already, or that cannot be created, does not exceed the cap.
                    Err(full) if full.kind() == ErrorKind::LimitExceeded => {
                        return self.create_listed(id, new, 0).await?.ok_or(full);
                    }
                    Err(error) => return Err(error),
                }
            }
        };
        let span = listing.as_ref().map_or(0, |listing| listing.span);
        let outcome = self.create_listed(id, new, span).await;
        let outcome = outcome.and_then(|outcome| outcome.ok_or_else(unexpected_reply));
        let (Some(listing), Some(sign_in)) = (&listing, &new.sign_in) else { return outcome };
        match &outcome {
            // Also if an earlier attempt created it, whose answer was lost.
            Ok(CreateOutcome::Created(applied)) => self.end_excess(sign_in, (id.digest(), listing), applied).await,
            // The id holds no new session, so it must not stay listed. A session that is there may be of the same
            // principal.
            Ok(_) => self.remove_if_unused(sign_in.principal(), id.digest()).await,
            Err(error) if error.kind() == ErrorKind::LimitExceeded => {
                self.remove_if_unused(sign_in.principal(), id.digest()).await;
            }
            Err(_) => {}
        }
        outcome
    }

    /// Returns `None` if the index must list the session for longer first.
    async fn create_listed(&self, id: &SessionId, new: &NewSession, span: u64) -> Result<Option<CreateOutcome>, Error> {
        let partition = self.store.layout.partition(id.digest());
        let cmd = self.create_cmd(id, new, span);
        let options = SendOptions::idempotent().with_replicas(new.write.replicas);
        let answer = self.run_script(&SCRIPTS.create, partition, &cmd, options).await?;
        Ok(Some(match CreateReply::parse(&answer.reply)? {
            CreateReply::Created(status) => CreateOutcome::Created(applied(status, &answer)),
            CreateReply::Repeated(status) => {
                CreateOutcome::Created(Applied { repeated: true, ..applied(status, &answer) })
            }
            CreateReply::InUse => CreateOutcome::AlreadyExists,
            CreateReply::Ended(ended) => CreateOutcome::Ended(ended),
            CreateReply::Forwarded(to) => self.created_and_moved(&to, new).await?,
            CreateReply::MustList => return Ok(None),
        }))
    }

    /// The id forwards. A repeated create finds its session at the id that it has moved to.
    async fn created_and_moved(&self, to: &IdDigest, new: &NewSession) -> Result<CreateOutcome, Error> {
        Ok(match self.peek(to).await? {
            Lookup::Session(found) if found.touched.stamp.incarnation() == new.incarnation => {
                CreateOutcome::Created(found.repeated())
            }
            Lookup::Ended(ended) => CreateOutcome::Ended(ended),
            Lookup::Session(_) | Lookup::Nothing | Lookup::Moved(..) => CreateOutcome::AlreadyExists,
        })
    }

    /// The arguments are those that `create.lua` documents.
    fn create_cmd(&self, id: &SessionId, new: &NewSession, span: u64) -> Cmd {
        let (digest, layout, settings) = (id.digest(), &self.store.layout, &self.store.settings);
        let partition = layout.partition(digest);
        let counts = Counts::of(&new.entries);
        let mut head = Vec::with_capacity(80);
        let op = u64::from(new.write.op);
        head.extend_from_slice(&op.to_be_bytes());
        head.extend_from_slice(&hex(op));
        head.extend_from_slice(&u64::from(new.incarnation).to_be_bytes());
        Lifetimes::of(new.expiry).put(&mut head);
        put::<7>(&mut head, span);
        self.put_limits(&mut head);
        put::<4>(&mut head, counts.puts);
        let carried = carried(&new.entries, settings.message_delta_bytes);
        let principal = new.sign_in.as_ref().map_or("", |sign_in| sign_in.principal().as_str());
        let bytes = head.len() + carried.len() + counts.bytes + partition.channel.len() + principal.len() + 64;
        let keys = [&layout.session(digest)[..], &partition.sequence];
        let mut cmd = SCRIPTS.create.command(&keys, (7 + counts.arguments(), bytes));
        cmd.arg(head).arg(&self.message_head(digest)).arg(&carried[..]).arg(settings.publish);
        cmd.arg(&*partition.channel).arg(principal);
        cmd.arg(note_field(new.sign_in.as_ref().and_then(SignIn::note)));
        append_entries(&mut cmd, &new.entries);
        cmd
    }
}
