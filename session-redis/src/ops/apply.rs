use redis::Cmd;
use session_core::{
    Error, ErrorKind, SessionId,
    model::{Entry, IdDigest},
    store::{ApplyOutcome, Conflict, ConflictCause, Precondition, Update},
};

use super::{
    Answer, Sending, absent, applied,
    delta::{Counts, append, append_clears, carried},
    elsewhere, odd_reply,
};
use crate::{
    inner::Inner,
    layout::field_of,
    meta::{Held, STATE, hex, put, put_stamp},
    net::Resend,
    script::SCRIPTS,
};

const OPERATION: &str = "apply";

impl Inner {
    pub(crate) async fn apply(&self, id: &SessionId, update: &Update) -> Result<ApplyOutcome, Error> {
        let preconditions = update.preconditions.iter().map(precondition).collect::<Result<Vec<_>, Error>>()?;
        // A repeat of what the store remembers changes nothing; one that it may have forgotten needs a base to know.
        let resend =
            if update.retry_from.is_some() || update.delta.is_empty() { Resend::Harmless } else { Resend::Never };
        let sending = Sending { operation: OPERATION, resend, replicas: update.write.replicas };
        let carried = carried(&update.delta, self.settings.message_delta_bytes);
        let mut span = 0;
        loop {
            let cmd = |at: &IdDigest, through| self.apply_cmd(at, update, &preconditions, &carried, (span, through));
            let (at, answer) = self.call_through(id.digest(), (&SCRIPTS.apply, sending), cmd).await?;
            match answer.reply.split_first() {
                Some((b'I', rest)) => span = Box::pin(self.relist(OPERATION, &at, rest, span)).await?,
                _ => return apply_outcome(&answer, elsewhere(at, id)),
            }
        }
    }

    fn apply_cmd(
        &self,
        at: &IdDigest,
        update: &Update,
        preconditions: &[(Vec<u8>, Vec<u8>)],
        carried: &[u8],
        (span, through): (u64, bool),
    ) -> Cmd {
        let partition = self.layout.partition(at);
        let counts = Counts::of(&update.delta);
        let mut head = Vec::with_capacity(80);
        let op = update.write.op.bits();
        head.extend_from_slice(&op.to_be_bytes());
        head.extend_from_slice(&hex(op));
        self.put_limits(&mut head);
        let rare = [counts.clears, preconditions.len() as u64, counts.removes];
        if update.retry_from.is_some() || span > 0 || through || rare != [0; 3] {
            let (known, version) = update.retry_from.map_or((0, 0), |base| (base.incarnation().bits(), base.version()));
            head.extend_from_slice(&known.to_be_bytes());
            put::<6>(&mut head, version);
            put::<7>(&mut head, span);
            head.push(u8::from(through));
            rare.iter().for_each(|count| put::<4>(&mut head, *count));
        }
        let arguments = 5 + 2 * preconditions.len() + counts.arguments();
        let bytes = head.len() + carried.len() + counts.bytes + partition.channel.len() + 64;
        let keys = [&self.layout.session(at)[..], &partition.sequence];
        let mut cmd = SCRIPTS.apply.call(&keys, (arguments, bytes));
        cmd.arg(head).arg(&self.message_head(at)).arg(carried).arg(self.settings.publish).arg(&*partition.channel);
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

    /// The limits, as scripts read them.
    pub(super) fn put_limits(&self, head: &mut Vec<u8>) {
        let limits = self.settings.limits;
        put::<4>(head, limits.max_value_bytes as u64);
        put::<4>(head, limits.max_entries as u64);
        put::<5>(head, limits.max_session_bytes as u64);
    }
}

/// A hash field and what it must hold. One sort more is not to be taken for one that holds.
fn precondition(precondition: &Precondition) -> Result<(Vec<u8>, Vec<u8>), Error> {
    let entry = |entry: Entry<'_>, value: &Option<session_core::model::Value>| {
        let expected = value.as_ref().map_or_else(|| b"0".to_vec(), |value| [b"1", value.as_bytes()].concat());
        (field_of(entry), expected)
    };
    Ok(match precondition {
        Precondition::Stamp(stamp) => {
            let mut expected = Vec::with_capacity(32);
            put_stamp(&mut expected, *stamp);
            (b"@".to_vec(), expected)
        }
        Precondition::Scalar(field, value) => entry(Entry::Scalar(field), value),
        Precondition::Keyed(field, key, value) => entry(Entry::Keyed(field, key), value),
        Precondition::Lock(token) => {
            let mut expected = token.owner().bits().to_be_bytes().to_vec();
            put::<6>(&mut expected, token.counter());
            (b"@l".to_vec(), expected)
        }
        _ => {
            let message = "this store does not know a precondition of the update; use versions that belong together";
            return Err(Error::new(ErrorKind::Configuration, message).with_backend("redis").with_operation(OPERATION));
        }
    })
}

fn apply_outcome(answer: &Answer, forwarded: Option<IdDigest>) -> Result<ApplyOutcome, Error> {
    match answer.reply.split_first() {
        Some((sort @ (b'A' | b'R'), rest)) => {
            let applied = applied(OPERATION, rest, answer, *sort == b'R')?;
            Ok(ApplyOutcome::Applied(applied.with_forwarded(forwarded)))
        }
        Some((b'C', rest)) => conflict(rest).map(ApplyOutcome::Conflict).ok_or_else(|| odd_reply(OPERATION)),
        Some((b'U', _)) => {
            let message = "too many updates came since the first attempt to tell whether it happened; load the session and decide";
            Err(Error::new(ErrorKind::OutcomeUnknown, message).with_backend("redis").with_operation(OPERATION))
        }
        _ => absent(OPERATION, &answer.reply).map(Into::into),
    }
}

fn conflict(rest: &[u8]) -> Option<Conflict> {
    let (sort, state) = rest.split_first()?;
    let cause = match sort {
        b's' => ConflictCause::Stamp,
        b'l' => ConflictCause::Lock,
        b'e' => ConflictCause::Entry,
        _ => return None,
    };
    match Held::read(state.get(..STATE)?)? {
        Held::Session(current, _) => Some(Conflict::new(current, cause)),
        _ => None,
    }
}
