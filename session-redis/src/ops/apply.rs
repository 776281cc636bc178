use redis::Cmd;
use session_core::{
    Error, ErrorKind, SessionId,
    model::{Entry, Timestamp},
    store::{Applied, ApplyOutcome, Precondition, Update},
};

use super::{
    applied,
    delta::{Counts, append, append_clears, carried},
};
use crate::{
    layout::field_of,
    lifetimes::Lifetimes,
    net::Resend,
    operation::{Operation, Route, SendOptions, forwarded},
    protocol::{ApplyReply, LOCK_FIELD, SCRIPTS, STATE_FIELD, hex, put, put_stamp},
};

impl Operation<'_> {
    pub(crate) async fn apply(&self, id: &SessionId, update: &Update) -> Result<ApplyOutcome, Error> {
        let preconditions = update.preconditions.iter().map(precondition).collect::<Result<Vec<_>, Error>>()?;
        // A repeat that the session remembers changes nothing. A repeat that it may have forgotten must name the stamp on
        // which the update is based.
        let resend =
            if update.retry_from.is_some() || !update.changes_session() { Resend::Harmless } else { Resend::Never };
        let options = SendOptions { resend, replicas: update.write.replicas };
        let limit = self.store.settings.message_delta_bytes;
        let carried = update.announced_delta().map(|delta| carried(delta, limit)).unwrap_or_default();
        let body = [&u64::from(update.write.op).to_be_bytes(), &carried[..]].concat();
        let clock = &self.store.layout.partition(id.digest()).clock;
        let seen = clock.at_the_end_of(self.deadline).or_else(|| self.store.layout.clock.at_the_end_of(self.deadline));
        let (mut span, mut call_ends, mut was_late) = (0, seen, false);
        loop {
            let not_after = [update.not_after, call_ends].into_iter().flatten().min();
            let cmd = |route: &Route| self.apply_cmd(route, update, &preconditions, &body, (span, not_after));
            let (Route { at, .. }, answer) =
                self.run_script_forwarded(id.digest(), (&SCRIPTS.apply, options), cmd).await?;
            return match ApplyReply::parse(&answer.reply)? {
                ApplyReply::Applied(status) => {
                    clock.observe(self.deadline, status.now);
                    Ok(ApplyOutcome::Applied(Applied { forwarded: forwarded(at, id), ..applied(status, &answer) }))
                }
                ApplyReply::Repeated(status) => {
                    clock.observe(self.deadline, status.now);
                    let forwarded = forwarded(at, id);
                    Ok(ApplyOutcome::Applied(Applied { repeated: true, forwarded, ..applied(status, &answer) }))
                }
                ApplyReply::Conflict(conflict) => Ok(ApplyOutcome::Conflict(conflict)),
                ApplyReply::RetryTooLate => Err(retry_too_late()),
                ApplyReply::Late(now) => {
                    clock.observe(self.deadline, now);
                    if was_late || update.not_after.is_some_and(|last| now > last) {
                        return Err(late());
                    }
                    // The server's clock has jumped. Nothing was applied, and its time is known now.
                    (call_ends, was_late) = (Some(now.after(self.deadline.remaining())), true);
                    continue;
                }
                ApplyReply::MustList(wanted) => {
                    span = Box::pin(self.extend_listing(&at, &wanted, span)).await?;
                    continue;
                }
                ApplyReply::Absent(absent) => Ok(absent.into()),
            };
        }
    }

    /// The arguments are those that `apply.lua` documents.
    fn apply_cmd(
        &self,
        route: &Route,
        update: &Update,
        preconditions: &[(Vec<u8>, Vec<u8>)],
        body: &[u8],
        (span, not_after): (u64, Option<Timestamp>),
    ) -> Cmd {
        let Route { at, through, .. } = route;
        let partition = self.store.layout.partition(at);
        let counts = Counts::of(&update.delta);
        let mut head = Vec::with_capacity(96);
        let op = u64::from(update.write.op);
        head.extend_from_slice(&op.to_be_bytes());
        head.extend_from_slice(&hex(op));
        put::<7>(&mut head, not_after.unwrap_or(Timestamp::MAX).as_millis());
        self.put_limits(&mut head);
        let rare = [counts.clears, preconditions.len() as u64, counts.removes];
        if update.retry_from.is_some() || update.expiry.is_some() || span > 0 || *through || rare != [0; 3] {
            let (known, version) =
                update.retry_from.map_or((0, 0), |base| (u64::from(base.incarnation()), base.version()));
            head.extend_from_slice(&known.to_be_bytes());
            put::<6>(&mut head, version);
            put::<7>(&mut head, span);
            head.push(u8::from(*through));
            rare.iter().for_each(|count| put::<4>(&mut head, *count));
            head.push(u8::from(update.expiry.is_some()));
            update.expiry.map(Lifetimes::of).unwrap_or_default().put(&mut head);
        }
        let arguments = 5 + 2 * preconditions.len() + counts.arguments();
        let bytes = head.len() + body.len() + counts.bytes + partition.channel.len() + 64;
        let mut cmd = self.command_at(&SCRIPTS.apply, (route, Some(&partition.sequence)), (arguments, bytes));
        cmd.arg(head).arg(&self.message_head(at)).arg(body);
        cmd.arg(self.store.settings.publish).arg(&*partition.channel);
        append_clears(&mut cmd, &update.delta, &counts);
        for (_, expected) in preconditions {
            cmd.arg(&expected[..]);
        }
        for (field, _) in preconditions {
            cmd.arg(&field[..]);
        }
        append(&mut cmd, &update.delta, &counts);
        cmd
    }
}

/// A hash field and its expected value. An unknown precondition is an error: it must not be taken for one that holds.
fn precondition(precondition: &Precondition) -> Result<(Vec<u8>, Vec<u8>), Error> {
    let entry = |entry: Entry<'_>, value: &Option<session_core::model::Value>| {
        let expected = value.as_ref().map_or_else(|| b"0".to_vec(), |value| [b"1", value.as_bytes()].concat());
        (field_of(entry), expected)
    };
    Ok(match precondition {
        Precondition::Stamp(stamp) => {
            let mut expected = Vec::with_capacity(32);
            put_stamp(&mut expected, *stamp);
            (STATE_FIELD.to_vec(), expected)
        }
        Precondition::Scalar(field, value) => entry(Entry::Scalar(field), value),
        Precondition::Keyed(field, key, value) => entry(Entry::Keyed(field, key), value),
        Precondition::Lock(token) => {
            let mut expected = u64::from(token.owner).to_be_bytes().to_vec();
            put::<6>(&mut expected, token.counter);
            (LOCK_FIELD.to_vec(), expected)
        }
        _ => {
            let message = "this store does not know a precondition of the update; use versions that belong together";
            return Err(Error::new(ErrorKind::Configuration, message));
        }
    })
}

fn late() -> Error {
    Error::new(ErrorKind::Unavailable, "the update reached the server after its time and was not applied").with_answer()
}

fn retry_too_late() -> Error {
    let message =
        "too many updates came since the first attempt to tell whether it happened; load the session and decide";
    Error::new(ErrorKind::OutcomeUnknown, message).with_answer()
}
