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
    meta::{self, BOUND_FIELD, CONSTANTS_FIELD, Constants, KeyState, PRINCIPAL_FIELD, STATE_FIELD, signed_in},
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

    /// The shorter time of two replies. A key that comes or goes between them is as it was at first.
    fn read_both(replies: [&Reply; 2]) -> Result<Self, Error> {
        let [first, second] = replies.map(Self::read);
        Ok(match (first?, second?) {
            (Self::Left(first), Self::Left(second)) => Self::Left(first.min(second)),
            (first, _) => first,
        })
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

/// Reads the replies to `PTTL`, `HGETALL` and `PTTL`. Other requests can come between them. Whether a deadline is renewed or
/// shortened there, it appears to have as much time left as it has, or less.
pub(crate) fn session([ttl, hash, later]: [Reply; 3]) -> Result<Lookup<Loaded>, Error> {
    let (ttl, mut parts) = (Ttl::read_both([&ttl, &later])?, Parts::default());
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
    let Some(now) = ttl.now(deadlines.expires_at())? else { return Ok(Lookup::Nothing) };
    let state = State::from_entries(parts.scalars, parts.keyed);
    let record = Record::new(stamp, constants.created, deadlines, state).with_unconfirmed(constants.unconfirmed);
    let record = record.with_bound_to(parts.bound_to.unwrap_or(stamp.incarnation()));
    let record = Arc::new(match parts.signed_in {
        Some((principal, at)) => record.with_sign_in(principal, at),
        None => record,
    });
    Ok(Lookup::Session(Loaded { found: Found { record, now, forwarded: None, staleness: None } }))
}

/// Reads the replies to `PTTL`, `HMGET key @ @c @p @n` and `PTTL`, as [`session`] does.
pub(crate) fn metadata([ttl, fields, later]: [Reply; 3]) -> Result<Lookup<Peeked>, Error> {
    let ttl = Ttl::read_both([&ttl, &later])?;
    let Reply::Array(fields) = fields else { return Err(unreadable(BAD_REPLY)) };
    let Ok([state, constants, principal, note]) = <[Reply; 4]>::try_from(fields) else {
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
    let Some(now) = ttl.now(deadlines.expires_at())? else { return Ok(Lookup::Nothing) };
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
