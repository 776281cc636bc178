//! From the reply of a read to a record.

use std::sync::Arc;

use redis::Value as Reply;
use session_core::{
    Error, ErrorKind, Principal,
    model::{Ended, Field, IdDigest, Key, Record, State, Timestamp, Value},
    store::{Found, Touched},
};

use crate::{
    layout::{KEYED, SCALAR, stored},
    meta::{Constants, Held},
};

/// What a read found at one key.
#[derive(Debug)]
pub(crate) enum Sight<T> {
    Session(T),
    /// Nothing, or a session that has expired.
    Nothing,
    Ended(Ended),
    /// The session has moved; whether the old id still gives access.
    Moved(IdDigest, bool),
}

/// A session as a read found it.
#[derive(Debug)]
pub(crate) struct Seen {
    pub(crate) found: Found,
    pub(crate) principal: Option<Principal>,
}

/// What cannot be read is an error, never an absent session.
pub(crate) fn unreadable(what: &'static str) -> Error {
    Error::new(ErrorKind::UnreadableField, what)
}

const BAD_META: &str =
    "a key of the store does not hold a session, or one of a newer version: its metadata cannot be read";
const NO_DEADLINE: &str = "a session without a deadline: somebody has removed the expiry of its key";
const BAD_REPLY: &str = "the server's answer to a read is not of the expected form";

/// A `PTTL`: the time that is left.
enum Ttl {
    None,
    Never,
    Left(u64),
}

fn ttl(reply: &Reply) -> Result<Ttl, Error> {
    match reply {
        Reply::Int(-2) => Ok(Ttl::None),
        Reply::Int(-1) => Ok(Ttl::Never),
        Reply::Int(left) => u64::try_from(*left).map(Ttl::Left).map_err(|_| unreadable(BAD_REPLY)),
        _ => Err(unreadable(BAD_REPLY)),
    }
}

impl Ttl {
    /// The store's time, from a deadline and what is left until it. `None` when nothing is left: at its deadline a
    /// session has ended.
    fn now(&self, deadline: Timestamp) -> Result<Option<Timestamp>, Error> {
        match self {
            Self::None | Self::Left(0) => Ok(None),
            Self::Never => Err(unreadable(NO_DEADLINE)),
            Self::Left(left) => Ok(Some(Timestamp::from_millis(deadline.as_millis().saturating_sub(*left)))),
        }
    }
}

/// What stands at a key that holds no live session.
fn elsewhere<T>(held: Held, ttl: &Ttl, tombstone: u64) -> Result<Sight<T>, Error> {
    match held {
        // One that never ends would give access for ever.
        Held::Forward { .. } if matches!(ttl, Ttl::Never) => Err(unreadable(NO_DEADLINE)),
        Held::Forward { to, gives_access } => Ok(Sight::Moved(to, gives_access)),
        Held::Tombstone { reason, since } => {
            let until = Timestamp::from_millis(since.as_millis().saturating_add(tombstone));
            Ok(match ttl.now(until)? {
                Some(now) => Sight::Ended(Ended::new(reason, now.since(since))),
                None => Sight::Nothing,
            })
        }
        Held::Session(..) => Err(unreadable(BAD_META)),
    }
}

/// Reads `PTTL` and `HGETALL`, in this order: a deadline that is renewed between the two is then seen with less time
/// left than it has, never with more.
pub(crate) fn session([pttl, hash]: [Reply; 2]) -> Result<Sight<Seen>, Error> {
    let (pttl, mut parts) = (ttl(&pttl)?, Parts::default());
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
        return Ok(Sight::Nothing);
    }
    let held = parts.state.as_deref().and_then(Held::read).ok_or_else(|| unreadable(BAD_META))?;
    let Held::Session(stamp, idle) = held else { return elsewhere(held, &pttl, parts.tombstone()) };
    let constants = parts.constants.as_deref().and_then(Constants::read).ok_or_else(|| unreadable(BAD_META))?;
    let deadlines = constants.deadlines(idle).ok_or_else(|| unreadable(BAD_META))?;
    let Some(now) = pttl.now(deadlines.expires_at())? else { return Ok(Sight::Nothing) };
    let state = State::from_entries(parts.scalars, parts.keyed);
    let record = Arc::new(Record::new(stamp, constants.created, deadlines, state));
    Ok(Sight::Session(Seen { found: Found::new(record, now), principal: parts.principal }))
}

/// Metadata alone.
#[derive(Debug)]
pub(crate) struct Glance {
    pub(crate) stamp: session_core::model::Stamp,
    pub(crate) touched: Touched,
    /// Who is signed in, and since when.
    pub(crate) signed_in: Option<(Principal, Timestamp)>,
}

/// Reads `PTTL` and `HMGET key @ @c @p`.
pub(crate) fn glance([pttl, fields]: [Reply; 2]) -> Result<Sight<Glance>, Error> {
    let pttl = ttl(&pttl)?;
    let Reply::Array(fields) = fields else { return Err(unreadable(BAD_REPLY)) };
    let Ok([state, constants, principal]) = <[Reply; 3]>::try_from(fields) else { return Err(unreadable(BAD_REPLY)) };
    let state = match (&state, &pttl) {
        (Reply::BulkString(state), _) => state,
        (Reply::Nil, Ttl::None) => return Ok(Sight::Nothing),
        _ => return Err(unreadable(BAD_META)),
    };
    let held = Held::read(state).ok_or_else(|| unreadable(BAD_META))?;
    let Held::Session(stamp, idle) = held else { return elsewhere(held, &pttl, tombstone_of(state)) };
    let constants = match &constants {
        Reply::BulkString(constants) => Constants::read(constants),
        _ => None,
    };
    let deadlines = constants.and_then(|constants| constants.deadlines(idle)).ok_or_else(|| unreadable(BAD_META))?;
    let Some(now) = pttl.now(deadlines.expires_at())? else { return Ok(Sight::Nothing) };
    let signed_in = match &principal {
        Reply::BulkString(field) => Some(signed_in(field).ok_or_else(|| unreadable(BAD_META))?),
        _ => None,
    };
    Ok(Sight::Session(Glance { stamp, touched: Touched::new(deadlines, now), signed_in }))
}

/// Reads `@p`.
fn signed_in(field: &[u8]) -> Option<(Principal, Timestamp)> {
    let mut cursor = crate::meta::Cursor(field);
    let (format, since) = (cursor.number::<1>()?, cursor.moment::<6>()?);
    cursor.take::<7>()?;
    let principal = Principal::new(std::str::from_utf8(cursor.0).ok()?).ok()?;
    (format == 1).then_some((principal, since))
}

/// How long a tombstone stands in all, from its `@`.
fn tombstone_of(state: &[u8]) -> u64 {
    let mut cursor = crate::meta::Cursor(state.get(11..).unwrap_or_default());
    let (since, until) = (cursor.number::<6>().unwrap_or(0), cursor.number::<7>().unwrap_or(0));
    until.saturating_sub(since)
}

#[derive(Default)]
struct Parts {
    state: Option<Vec<u8>>,
    constants: Option<Vec<u8>>,
    principal: Option<Principal>,
    scalars: Vec<(Field, Value)>,
    keyed: Vec<(Field, Key, Value)>,
    any: bool,
}

impl Parts {
    fn tombstone(&self) -> u64 {
        self.state.as_deref().map_or(0, tombstone_of)
    }

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
            Some((b'@', b"")) => self.state = Some(value),
            Some((b'@', b"c")) => self.constants = Some(value),
            Some((b'@', b"p")) => self.principal = signed_in(&value).map(|(principal, _)| principal),
            // What a later version may have put there.
            _ => {}
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
