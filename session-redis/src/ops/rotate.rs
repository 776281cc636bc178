use redis::Cmd;
use session_core::{
    Error, ErrorKind, SessionCap, SessionId, SignIn,
    model::{IdDigest, Timestamp},
    store::{Absent, Applied, RotateOutcome, Rotation, RotationKind},
};

use super::{
    applied,
    delta::{Counts, append, append_clears, carried},
};
use crate::{
    index::Listing,
    lifetimes::Lifetimes,
    operation::{Answer, Operation, Route, SendOptions},
    protocol::{ListFor, Lookup, RotateReply, SCRIPTS, hex, millis, note_field, put, unexpected_reply},
};

/// The listing of the new id, and the refusal of the cap.
pub(super) type Listed<'a> = (&'a mut Option<Listing>, &'a mut Option<Error>);

impl Operation<'_> {
    pub(crate) async fn rotate(&self, id: &SessionId, rotation: &Rotation) -> Result<RotateOutcome, Error> {
        let (from, to) = (id.digest(), rotation.to.digest());
        if to.partition() != from.partition() || to == from {
            return Err(unusable("the new id is not a sibling of the old one"));
        }
        let (mut listing, mut full) = (None, None);
        match self.list_ahead(from, rotation).await {
            Ok(ahead) => listing = ahead,
            // A session that has moved already, or that cannot move, does not exceed the cap.
            Err(error) if error.kind() == ErrorKind::LimitExceeded => full = Some(error),
            Err(error) => return Err(error),
        }
        let mut left = Vec::new();
        let outcome = loop {
            let (at, answer) = self.send_rotation(from, rotation, listing.as_ref()).await?;
            match RotateReply::parse(&answer.reply) {
                Ok(RotateReply::MustList(wanted)) => {
                    self.extend_target_listing(rotation, &wanted, (&mut listing, &mut full), &at).await?;
                }
                Ok(RotateReply::MustStart) => {
                    match self.start_signed_in(from, rotation, (&mut listing, &mut full)).await {
                        // The principal signed in there meanwhile.
                        Ok(None) => {}
                        Ok(Some(outcome)) => break Ok(outcome),
                        Err(error) => break Err(error),
                    }
                }
                Ok(reply) => {
                    if matches!(reply, RotateReply::Rotated(_)) {
                        left.push(at);
                    }
                    break self.rotate_outcome(reply, &answer, rotation).await;
                }
                Err(error) => break Err(error),
            }
        };
        let Some(listing) = listing else { return outcome };
        match &outcome {
            // Also if an earlier attempt moved it, whose answer was lost.
            Ok(RotateOutcome::Rotated(applied)) => {
                if let Some(sign_in) = &rotation.sign_in {
                    // The place that the session has left must not count under the cap while it could still be awaited.
                    if matches!(sign_in.cap(), Some(SessionCap::Refuse(_))) {
                        self.remove_from_list(sign_in.principal(), &left).await;
                    }
                    self.end_excess(sign_in, (to, &listing), applied).await;
                }
            }
            // No session has moved to the new id, so it must not stay listed.
            Ok(_) => self.remove_if_unused(&listing.principal, to).await,
            Err(error) if error.kind() == ErrorKind::LimitExceeded => {
                self.remove_if_unused(&listing.principal, to).await;
            }
            Err(_) => {}
        }
        outcome
    }

    /// Lists the new id before the first attempt, if its principal is known.
    async fn list_ahead(&self, from: &IdDigest, rotation: &Rotation) -> Result<Option<Listing>, Error> {
        let to = rotation.to.digest();
        if let Some(sign_in) = &rotation.sign_in {
            // Without deadlines of its own the rotation keeps those of the session, which are not known here.
            let lifetimes = Lifetimes::of(rotation.expiry.unwrap_or_default());
            return self.add_within_cap(sign_in, to, Some((from, rotation.grace)), lifetimes).await.map(Some);
        }
        match self.store.principals.recall(from) {
            Some((principal, left)) => {
                let lifetimes = rotation.expiry.map_or(left, Lifetimes::of);
                self.add_moved(&principal, to, from, lifetimes).await
            }
            None => Ok(None),
        }
    }

    /// Lists the new id as the script asks for, unless the cap refuses it.
    pub(super) async fn extend_target_listing(
        &self,
        rotation: &Rotation,
        wanted: &ListFor,
        (listing, full): Listed<'_>,
        from: &IdDigest,
    ) -> Result<(), Error> {
        if let Some(full) = full.take() {
            return Err(full);
        }
        *listing = Some(self.list_target(rotation, wanted, listing.as_ref(), from).await?);
        Ok(())
    }

    async fn list_target(
        &self,
        rotation: &Rotation,
        wanted: &ListFor,
        listing: Option<&Listing>,
        from: &IdDigest,
    ) -> Result<Listing, Error> {
        let to = rotation.to.digest();
        let ListFor { principal, span } = wanted;
        // A listing for another principal is removed once the session there is found to be this one's.
        let lifetimes = Lifetimes::at_least(*span);
        let next = match &rotation.sign_in {
            Some(sign_in) if sign_in.principal() == principal => {
                self.add_within_cap(sign_in, to, Some((from, rotation.grace)), lifetimes).await?
            }
            _ => self.add_present(principal, to, from, lifetimes).await?,
        };
        if listing.is_some_and(|listing| listing.principal == *principal && listing.span >= next.span) {
            return Err(unexpected_reply());
        }
        Ok(next)
    }

    async fn send_rotation(
        &self,
        from: &IdDigest,
        rotation: &Rotation,
        listing: Option<&Listing>,
    ) -> Result<(IdDigest, Answer), Error> {
        let options = SendOptions::idempotent().with_replicas(rotation.write.replicas);
        let carried = carried(&rotation.delta, self.store.settings.message_delta_bytes);
        let cmd = |route: &Route| self.rotate_cmd(route, rotation, listing, &carried);
        self.run_script_forwarded(from, (&SCRIPTS.rotate, options), cmd).await.map(|(route, answer)| (route.at, answer))
    }

    /// The arguments are those that `rotate.lua` documents.
    fn rotate_cmd(
        &self,
        Route { at, through, old }: &Route,
        rotation: &Rotation,
        listing: Option<&Listing>,
        carried: &[u8],
    ) -> Cmd {
        let layout = &self.store.layout;
        let (partition, to) = (layout.partition(at), rotation.to.digest());
        let counts = Counts::of(&rotation.delta);
        let mut head = Vec::with_capacity(144);
        let op = u64::from(rotation.write.op);
        head.extend_from_slice(&op.to_be_bytes());
        head.extend_from_slice(&hex(op));
        head.push(match rotation.kind {
            RotationKind::Renew if rotation.sign_in.is_none() => b'R',
            _ => b'P',
        });
        put::<7>(&mut head, grace(rotation));
        put::<7>(&mut head, rotation.confirm_within.map_or(Timestamp::MAX.as_millis(), millis));
        put::<7>(&mut head, millis(self.store.settings.tombstone));
        head.push(u8::from(rotation.expiry.is_some()));
        rotation.expiry.map(Lifetimes::of).unwrap_or_default().put(&mut head);
        self.put_limits(&mut head);
        put::<7>(&mut head, listing.map_or(0, |listing| listing.span));
        head.push(u8::from(*through));
        head.extend_from_slice(&old.as_ref().unwrap_or(at).to_bytes());
        head.extend_from_slice(&to.to_bytes());
        for count in [counts.clears, counts.removes, counts.puts] {
            put::<4>(&mut head, count);
        }
        let (from, target) = (layout.session(at), layout.session(to));
        let old = old.as_ref().map(|old| layout.session(old));
        let keys = [&from[..], &target, &partition.sequence, old.as_deref().unwrap_or_default()];
        let bytes = head.len() + carried.len() + counts.bytes + partition.channel.len() + 384;
        let keys = if old.is_some() { &keys[..] } else { &keys[..3] };
        let mut cmd = SCRIPTS.rotate.command(keys, (8 + counts.arguments(), bytes));
        let body = [&to.to_bytes(), carried].concat();
        cmd.arg(head).arg(&self.message_head(at)).arg(body);
        cmd.arg(self.store.settings.publish).arg(&*partition.channel);
        let signs_in = rotation.sign_in.as_ref().map_or("", |sign_in| sign_in.principal().as_str());
        cmd.arg(listing.map_or("", |listing| listing.principal.as_str())).arg(signs_in);
        cmd.arg(note_field(rotation.sign_in.as_ref().and_then(SignIn::note)));
        append_clears(&mut cmd, &rotation.delta, &counts);
        append(&mut cmd, &rotation.delta, &counts);
        cmd
    }

    async fn rotate_outcome(
        &self,
        reply: RotateReply,
        answer: &Answer,
        rotation: &Rotation,
    ) -> Result<RotateOutcome, Error> {
        match reply {
            RotateReply::Rotated(status) => Ok(RotateOutcome::Rotated(applied(status, answer))),
            RotateReply::Repeated(status) => {
                Ok(RotateOutcome::Rotated(Applied { repeated: true, ..applied(status, answer) }))
            }
            RotateReply::MovedOn => self.moved_on(rotation.to.digest()).await,
            RotateReply::AlreadyRotated => Ok(RotateOutcome::AlreadyRotated),
            RotateReply::TargetEnded(ended) => Ok(RotateOutcome::Ended(ended)),
            RotateReply::TargetInUse => Err(in_use()),
            RotateReply::MustList(_) | RotateReply::MustStart => Err(unexpected_reply()),
            RotateReply::Absent(absent) => Ok(absent.into()),
        }
    }

    /// The session of a repeated rotation has left the id that it moved to.
    async fn moved_on(&self, to: &IdDigest) -> Result<RotateOutcome, Error> {
        let mut found = self.peek(to).await?;
        if let Lookup::Moved(next, true) = found {
            found = self.peek(&next).await?;
        }
        Ok(match found {
            Lookup::Session(peeked) => RotateOutcome::Rotated(peeked.repeated()),
            Lookup::Ended(ended) => Absent::NotFound(Some(ended)).into(),
            Lookup::Moved(_, false) => Absent::Superseded.into(),
            Lookup::Nothing | Lookup::Moved(_, true) => Absent::NotFound(None).into(),
        })
    }
}

/// The grace in milliseconds.
pub(super) fn grace(rotation: &Rotation) -> u64 {
    if rotation.grace.is_zero() { 0 } else { millis(rotation.grace) }
}

pub(super) fn in_use() -> Error {
    unusable("the new id is in use")
}

fn unusable(message: &'static str) -> Error {
    Error::new(ErrorKind::InvalidInput, message)
}
