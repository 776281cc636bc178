//! From the reply of a read to a session.

use std::sync::Arc;

use redis::Value as Reply;
use session_core::{
    Error, Note, Principal,
    model::{EndReason, Ended, Field, IdDigest, Incarnation, Key, Record, State, Timestamp, Value},
    store::{Applied, Found, Touched},
};

use super::{
    error::unreadable,
    meta::{
        self, BOUND_FIELD, CONSTANTS_FIELD, Constants, KeyState, PRINCIPAL_FIELD, REPLACED_FIELD, STATE_FIELD,
        signed_in,
    },
};
use crate::layout::{KEYED, SCALAR, stored};

/// What a read found at one key.
#[derive(Debug)]
pub(crate) enum Lookup<T> {
    Session(T),
    /// Nothing, or a session that has expired.
    Nothing,
    Ended(Ended),
    /// The session has moved; whether the old id still gives access.
    Moved(IdDigest, bool),
}

/// A whole session.
#[derive(Debug)]
pub(crate) struct Loaded {
    pub(crate) found: Found,
}

/// The metadata of a session.
#[derive(Debug)]
pub(crate) struct Peeked {
    pub(crate) touched: Touched,
    /// The principal, and since when it has been signed in.
    pub(crate) signed_in: Option<(Principal, Timestamp)>,
    pub(crate) note: Option<Note>,
}

impl Peeked {
    /// The answer to a repeated request that was executed before.
    pub(crate) fn repeated(&self) -> Applied {
        let Touched { stamp, deadlines, now, .. } = self.touched;
        Applied { repeated: true, ..Applied::new(stamp, deadlines, now) }
    }
}

pub(super) const BAD_METADATA: &str =
    "a key of the store does not hold a session, or one of a newer version: its metadata cannot be read";
const NO_DEADLINE: &str = "a session has no deadline: another program has removed the expiry of its key";
const BAD_REPLY: &str = "the server's answer to a read is not of the expected form";

/// The reply to `PTTL`: the time that is left.
enum Ttl {
    NoKey,
    Never,
    Left(u64),
}

impl Ttl {
    fn read(reply: &Reply) -> Result<Self, Error> {
        match reply {
            Reply::Int(-2) => Ok(Self::NoKey),
            Reply::Int(-1) => Ok(Self::Never),
            Reply::Int(left) => u64::try_from(*left).map(Self::Left).map_err(|_| unreadable(BAD_REPLY)),
            _ => Err(unreadable(BAD_REPLY)),
        }
    }

    /// The store's time when it read a session, from its deadline and the time left until it. If that is before the deadlines
    /// were replaced, an update has shortened them between the two commands, and it was later than the first.
    fn now_of_session(&self, deadline: Timestamp, replaced_at: Option<Timestamp>) -> Result<Option<Timestamp>, Error> {
        let now = self.now(deadline)?.map(|now| now.max(replaced_at.unwrap_or_default()));
        Ok(now.filter(|now| *now < deadline))
    }

    /// The store's time, from a deadline and the time left until it. Returns `None` if no time is left: at its deadline
    /// a session has ended.
    fn now(&self, deadline: Timestamp) -> Result<Option<Timestamp>, Error> {
        match self {
            Self::NoKey | Self::Left(0) => Ok(None),
            Self::Never => Err(unreadable(NO_DEADLINE)),
            Self::Left(left) => Ok(Some(Timestamp::from_millis(deadline.as_millis().saturating_sub(*left)))),
        }
    }
}

/// The lookup of a key that holds no live session.
fn without_session<T>(state: KeyState, ttl: &Ttl) -> Result<Lookup<T>, Error> {
    match state {
        // A forward that never ends would give access for ever.
        KeyState::Forward { .. } if matches!(ttl, Ttl::Never) => Err(unreadable(NO_DEADLINE)),
        KeyState::Forward { to, gives_access, until, kept_until } => {
            if gives_access && until < Timestamp::MAX {
                let Some(now) = ttl.now(kept_until)? else { return Ok(Lookup::Nothing) };
                if until <= now {
                    return Ok(Lookup::Ended(Ended { reason: EndReason::Renewed, age: now.since(until) }));
                }
            }
            Ok(Lookup::Moved(to, gives_access))
        }
        KeyState::Tombstone { reason, since, until } => Ok(match ttl.now(until)? {
            Some(now) => Lookup::Ended(Ended { reason, age: now.since(since) }),
            None => Lookup::Nothing,
        }),
        KeyState::Session(..) => Err(unreadable(BAD_METADATA)),
    }
}

/// Reads the replies to `PTTL` and `HGETALL`, in this order: a deadline that is renewed between the two then appears to
/// have less time left than it has, never more. One that is shortened there shows by the time of its replacement.
pub(crate) fn session([ttl, hash]: [Reply; 2]) -> Result<Lookup<Loaded>, Error> {
    let (ttl, mut parts) = (Ttl::read(&ttl)?, Parts::default());
    match hash {
        Reply::Map(pairs) => pairs.into_iter().try_for_each(|(name, value)| parts.add(name, value))?,
        Reply::Array(list) => {
            let mut list = list.into_iter();
            while let (Some(name), Some(value)) = (list.next(), list.next()) {
                parts.add(name, value)?;
            }
        }
        _ => return Err(unreadable(BAD_REPLY)),
    }
    if !parts.any {
        return Ok(Lookup::Nothing);
    }
    let state = parts.state.as_deref().and_then(KeyState::read).ok_or_else(|| unreadable(BAD_METADATA))?;
    let KeyState::Session(stamp, idle) = state else { return without_session(state, &ttl) };
    let constants = parts.constants.as_deref().and_then(Constants::read).ok_or_else(|| unreadable(BAD_METADATA))?;
    let deadlines = constants.deadlines(idle).ok_or_else(|| unreadable(BAD_METADATA))?;
    let Some(now) = ttl.now_of_session(deadlines.expires_at(), parts.replaced_at)? else { return Ok(Lookup::Nothing) };
    let state = State::from_entries(parts.scalars, parts.keyed);
    let record = Record::new(stamp, constants.created, deadlines, state).with_unconfirmed(constants.unconfirmed);
    let record = record.with_bound_to(parts.bound_to.unwrap_or(stamp.incarnation()));
    let record = Arc::new(match parts.signed_in {
        Some((principal, at)) => record.with_sign_in(principal, at),
        None => record,
    });
    Ok(Lookup::Session(Loaded { found: Found { record, now, forwarded: None, staleness: None } }))
}

/// Reads the replies to `PTTL` and `HMGET key @ @c @p @n @d`.
pub(crate) fn metadata([ttl, fields]: [Reply; 2]) -> Result<Lookup<Peeked>, Error> {
    let ttl = Ttl::read(&ttl)?;
    let Reply::Array(fields) = fields else { return Err(unreadable(BAD_REPLY)) };
    let Ok([state, constants, principal, note, replaced]) = <[Reply; 5]>::try_from(fields) else {
        return Err(unreadable(BAD_REPLY));
    };
    let state = match (&state, &ttl) {
        (Reply::BulkString(state), _) => state,
        (Reply::Nil, Ttl::NoKey) => return Ok(Lookup::Nothing),
        _ => return Err(unreadable(BAD_METADATA)),
    };
    let state = KeyState::read(state).ok_or_else(|| unreadable(BAD_METADATA))?;
    let KeyState::Session(stamp, idle) = state else { return without_session(state, &ttl) };
    let constants = match &constants {
        Reply::BulkString(constants) => Constants::read(constants),
        _ => None,
    };
    let deadlines = constants.and_then(|constants| constants.deadlines(idle));
    let deadlines = deadlines.ok_or_else(|| unreadable(BAD_METADATA))?;
    let replaced_at = match &replaced {
        Reply::BulkString(field) => Some(meta::replaced_at(field).ok_or_else(|| unreadable(BAD_METADATA))?),
        _ => None,
    };
    let Some(now) = ttl.now_of_session(deadlines.expires_at(), replaced_at)? else { return Ok(Lookup::Nothing) };
    let signed_in = match &principal {
        Reply::BulkString(field) => Some(signed_in(field).ok_or_else(|| unreadable(BAD_METADATA))?),
        _ => None,
    };
    // A note that cannot be read is no reason not to list the session.
    let note = match &note {
        Reply::BulkString(field) => meta::note(field),
        _ => None,
    };
    Ok(Lookup::Session(Peeked { touched: Touched { stamp, deadlines, now, forwarded: None }, signed_in, note }))
}

/// The fields of a session's hash.
#[derive(Default)]
struct Parts {
    state: Option<Vec<u8>>,
    constants: Option<Vec<u8>>,
    signed_in: Option<(Principal, Timestamp)>,
    bound_to: Option<Incarnation>,
    replaced_at: Option<Timestamp>,
    scalars: Vec<(Field, Value)>,
    keyed: Vec<(Field, Key, Value)>,
    any: bool,
}

impl Parts {
    fn add(&mut self, name: Reply, value: Reply) -> Result<(), Error> {
        let (Reply::BulkString(name), Reply::BulkString(value)) = (name, value) else {
            return Err(unreadable(BAD_REPLY));
        };
        self.any = true;
        match name.split_first() {
            Some((&SCALAR, field)) => {
                if let Some(field) = text(field).and_then(|field| Field::new(field).ok()) {
                    self.scalars.push((field, stored(value)));
                }
            }
            Some((&KEYED, rest)) => {
                if let Some((field, key)) = keyed(rest) {
                    self.keyed.push((field, key, stored(value)));
                }
            }
            _ => match name.as_slice() {
                STATE_FIELD => self.state = Some(value),
                CONSTANTS_FIELD => self.constants = Some(value),
                PRINCIPAL_FIELD => {
                    self.signed_in = Some(signed_in(&value).ok_or_else(|| unreadable(BAD_METADATA))?);
                }
                BOUND_FIELD => {
                    self.bound_to = Some(meta::bound_to(&value).ok_or_else(|| unreadable(BAD_METADATA))?);
                }
                REPLACED_FIELD => {
                    self.replaced_at = Some(meta::replaced_at(&value).ok_or_else(|| unreadable(BAD_METADATA))?);
                }
                // Metadata that clients do not need, or fields of a later version.
                _ => {}
            },
        }
        Ok(())
    }
}

fn text(bytes: &[u8]) -> Option<&str> {
    std::str::from_utf8(bytes).ok()
}

fn keyed(rest: &[u8]) -> Option<(Field, Key)> {
    let (length, rest) = rest.split_first()?;
    let (field, key) = rest.split_at_checked(usize::from(*length))?;
    Some((Field::new(text(field)?).ok()?, Key::new(text(key)?).ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::put;

    /// A session that ends at this moment, and whose deadlines were replaced at that one.
    fn hash(ends: u64, replaced_at: Option<u64>) -> Vec<(&'static [u8], Vec<u8>)> {
        let mut state = b"\x01S\0\0\0\0\0\0\0\x01\0\0\0\0\0\0\0\x020123456789abcdef".to_vec();
        put::<7>(&mut state, Timestamp::MAX.as_millis());
        state.extend([0; 9]);
        let mut constants = vec![1];
        put::<6>(&mut constants, 500);
        put::<7>(&mut constants, 0);
        put::<7>(&mut constants, ends);
        put::<7>(&mut constants, Timestamp::MAX.as_millis());
        constants.extend([0; 15]);
        let replaced = replaced_at.map(|at| {
            let mut field = vec![1];
            put::<6>(&mut field, at);
            (REPLACED_FIELD, field)
        });
        [(STATE_FIELD, state), (CONSTANTS_FIELD, constants)].into_iter().chain(replaced).collect()
    }

    fn bulk(bytes: &[u8]) -> Reply {
        Reply::BulkString(bytes.to_vec())
    }

    /// The store's time by a whole read and by one of the metadata.
    fn now(left: i64, hash: &[(&'static [u8], Vec<u8>)]) -> Option<u64> {
        let all = hash.iter().flat_map(|(name, value)| [bulk(name), bulk(value)]).collect();
        let whole = match session([Reply::Int(left), Reply::Array(all)]).unwrap() {
            Lookup::Session(loaded) => Some(loaded.found.now),
            _ => None,
        };
        let fields = [STATE_FIELD, CONSTANTS_FIELD, PRINCIPAL_FIELD, b"@n", REPLACED_FIELD]
            .map(|name| hash.iter().find(|(other, _)| *other == name).map_or(Reply::Nil, |(_, value)| bulk(value)));
        let peeked = match metadata([Reply::Int(left), Reply::Array(fields.into())]).unwrap() {
            Lookup::Session(peeked) => Some(peeked.touched.now),
            _ => None,
        };
        assert_eq!(whole, peeked);
        whole.map(Timestamp::as_millis)
    }

    /// The time left was read before another request replaced the deadlines.
    #[test]
    fn deadlines_that_are_replaced_between_two_commands() {
        assert_eq!(now(2_000, &hash(10_000, None)), Some(8_000));
        assert_eq!(now(2_000, &hash(10_000, Some(7_000))), Some(8_000), "replaced long ago");
        assert_eq!(now(9_000, &hash(10_000, Some(8_000))), Some(8_000), "shortened in between");
        assert_eq!(now(1_000, &hash(10_000, Some(8_000))), Some(9_000), "extended in between");
        assert_eq!(now(9_000, &hash(10_000, Some(10_000))), None, "at its deadline a session has ended");
    }

    #[test]
    fn a_time_of_replacement_that_cannot_be_read() {
        let mut hash = hash(10_000, Some(8_000));
        hash[2].1.push(0);
        let all = hash.iter().flat_map(|(name, value)| [bulk(name), bulk(value)]).collect();
        assert!(session([Reply::Int(2_000), Reply::Array(all)]).is_err());
    }
}
