//! The replies of scripts: a letter, and what it announces.
//!
//! The header of each script documents its replies. One letter may mean different things in different scripts, so each
//! script has an enum of its own. These letters mean the same everywhere:
//!
//! | reply | what |
//! |---|---|
//! | `N` | there is no session |
//! | `T<reason:1><since:6><now:6>` | the session has ended |
//! | `S` | the id was superseded |
//! | `F<digest:18>` | the id forwards to another one |
//! | `K<digest:18>` | the script needs the key of this old id |
//! | `G` | the key cannot be read |
//! | `L<v\|e\|b><number:8>` | a limit refuses the change; after `v` the hash field of the value follows |
//!
//! A first letter in lower case means the same, and that the change could not be published; see `unpublished.rs`.

use std::time::Duration;

use session_core::{
    Error, ErrorKind, Principal,
    model::{Ended, Field, IdDigest, Timestamp},
    store::{Absent, Conflict, ConflictCause},
};

use super::{
    bytes::Cursor,
    error::{unexpected_reply, unreadable},
    lookup::BAD_METADATA,
    meta::{DIGEST_LEN, KeyState, STATE, STATUS, SessionStatus, ended},
};
use crate::layout::{KEYED, SCALAR};

/// A script asks that the index list a session for longer before it changes the session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ListFor {
    pub(crate) principal: Principal,
    /// The least time from now on, in milliseconds.
    pub(crate) span: u64,
}

/// The reply of `create.lua`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum CreateReply {
    Created(SessionStatus),
    /// An earlier attempt created the session.
    Repeated(SessionStatus),
    InUse,
    /// The index must list the session for longer first.
    MustList,
    /// The id forwards to another one.
    Forwarded(IdDigest),
    Ended(Ended),
}

/// The reply of `apply.lua`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ApplyReply {
    Applied(SessionStatus),
    /// An earlier attempt applied the delta.
    Repeated(SessionStatus),
    Conflict(Conflict),
    /// The retry is too late to tell whether an earlier attempt applied the delta.
    RetryTooLate,
    /// The update arrived after its last moment. With the time on the server.
    Late(Timestamp),
    MustList(ListFor),
    Absent(Absent),
}

/// The reply of `touch.lua`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum TouchReply {
    Touched(SessionStatus),
    MustList(ListFor),
    Absent(Absent),
}

/// The reply of `rotate.lua`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum RotateReply {
    Rotated(SessionStatus),
    /// An earlier attempt moved the session, and it is still at the new id.
    Repeated(SessionStatus),
    /// An earlier attempt moved the session, and it has left the new id since.
    MovedOn,
    /// Another rotation was first.
    AlreadyRotated,
    /// The new id has been ended.
    TargetEnded(Ended),
    /// The new id is in use.
    TargetInUse,
    /// There is no session that the principal may continue.
    MustStart,
    MustList(ListFor),
    Absent(Absent),
}

/// The reply of `sign_in.lua`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum SignInReply {
    Started(SessionStatus),
    /// Started over the session of another principal, which has ended. With the ids that it had left recently.
    Replaced(SessionStatus, Vec<IdDigest>),
    /// An earlier attempt started the session.
    Repeated(SessionStatus),
    /// The principal may continue the session.
    Continues,
    /// The old id forwards to this one.
    ForwardsTo(IdDigest),
    /// The id has led to this one, and gives no access.
    LeadsTo(IdDigest),
    TargetEnded(Ended),
    TargetInUse,
    MustList(ListFor),
}

/// The reply of `destroy.lua`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum DestroyReply {
    /// With the ids that the session had left recently.
    Destroyed(Vec<IdDigest>),
    /// An earlier attempt destroyed the session.
    Repeated(Vec<IdDigest>),
    Absent(Absent),
}

/// The reply of `revoke.lua`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum RevokeReply {
    /// With the ids that the session had left recently.
    Revoked(Vec<IdDigest>),
    /// There was no session, or it had ended before.
    Nothing,
    /// There was nothing, and there is a tombstone now.
    Vacant,
    /// The session is another principal's, or excepted.
    Kept,
    Moved(IdDigest),
}

/// The reply of `acquire.lua`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum AcquireReply {
    /// With the counter of the token.
    Acquired(u64),
    /// Another owner holds the lock for this long.
    Held(Duration),
    Absent(Absent),
}

/// The reply of `tenure.lua`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum TenureReply {
    Done,
    /// The tenure had ended before.
    Lost,
    Absent(Absent),
}

/// The reply of `index_add.lua`.
#[derive(Clone, Debug)]
pub(crate) enum IndexAddReply {
    /// With the number of entries that the list has now, and the place of the session in its order.
    Added { entries: u64, place: u64 },
    /// All sessions of the principal were revoked since the revocation that the sign-in knows.
    Revoked,
    /// The list has as many entries as allowed. Some of them may be of sessions that are gone.
    Full,
    /// It is no sign-in, and the list has no entry with its place.
    Unplaced,
}

impl CreateReply {
    pub(crate) fn parse(reply: &[u8]) -> Result<Self, Error> {
        match reply {
            [b'A', rest @ ..] => status(rest).map(Self::Created),
            [b'R', rest @ ..] => status(rest).map(Self::Repeated),
            [b'X', ..] => Ok(Self::InUse),
            [b'I', ..] => Ok(Self::MustList),
            [b'F', ..] => forward(reply).map(Self::Forwarded).ok_or_else(unexpected_reply),
            _ => match absent(reply)? {
                Absent::NotFound(Some(ended)) => Ok(Self::Ended(ended)),
                Absent::NotFound(None) | Absent::Superseded => Err(unexpected_reply()),
            },
        }
    }
}

impl ApplyReply {
    pub(crate) fn parse(reply: &[u8]) -> Result<Self, Error> {
        match reply {
            [b'A', rest @ ..] => status(rest).map(Self::Applied),
            [b'R', rest @ ..] => status(rest).map(Self::Repeated),
            [b'C', rest @ ..] => conflict(rest).map(Self::Conflict).ok_or_else(unexpected_reply),
            [b'U', ..] => Ok(Self::RetryTooLate),
            [b'D', rest @ ..] => Cursor(rest).time::<6>().map(Self::Late).ok_or_else(unexpected_reply),
            [b'I', rest @ ..] => list_for(rest).map(Self::MustList),
            _ => absent(reply).map(Self::Absent),
        }
    }
}

impl TouchReply {
    pub(crate) fn parse(reply: &[u8]) -> Result<Self, Error> {
        match reply {
            [b'A', rest @ ..] => status(rest).map(Self::Touched),
            [b'I', rest @ ..] => list_for(rest).map(Self::MustList),
            _ => absent(reply).map(Self::Absent),
        }
    }
}

impl RotateReply {
    pub(crate) fn parse(reply: &[u8]) -> Result<Self, Error> {
        match reply {
            [b'A', rest @ ..] => status(rest).map(Self::Rotated),
            [b'R', rest @ ..] => status(rest).map(Self::Repeated),
            [b'M', ..] => Ok(Self::MovedOn),
            [b'X', ..] => Ok(Self::AlreadyRotated),
            [b'E', rest @ ..] => ended(rest).map(Self::TargetEnded).ok_or_else(unexpected_reply),
            [b'W', ..] => Ok(Self::TargetInUse),
            [b'Z', ..] => Ok(Self::MustStart),
            [b'I', rest @ ..] => list_for(rest).map(Self::MustList),
            _ => absent(reply).map(Self::Absent),
        }
    }
}

impl SignInReply {
    pub(crate) fn parse(reply: &[u8]) -> Result<Self, Error> {
        match reply {
            [b'A', rest @ ..] => status(rest).map(Self::Started),
            [b'D', rest @ ..] => {
                let (rest, left) = rest.split_at_checked(STATUS).ok_or_else(unexpected_reply)?;
                Ok(Self::Replaced(status(rest)?, digests(left)?))
            }
            [b'R', rest @ ..] => status(rest).map(Self::Repeated),
            [b'V', ..] => Ok(Self::Continues),
            [b'F', ..] => forward(reply).map(Self::ForwardsTo).ok_or_else(unexpected_reply),
            [b'S', to @ ..] if to.len() == DIGEST_LEN => {
                let to = <&[u8; DIGEST_LEN]>::try_from(to).map_err(|_| unexpected_reply())?;
                Ok(Self::LeadsTo(IdDigest::from(to)))
            }
            [b'E', rest @ ..] => ended(rest).map(Self::TargetEnded).ok_or_else(unexpected_reply),
            [b'W', ..] => Ok(Self::TargetInUse),
            [b'I', rest @ ..] => list_for(rest).map(Self::MustList),
            _ => absent(reply).and(Err(unexpected_reply())),
        }
    }
}

impl DestroyReply {
    pub(crate) fn parse(reply: &[u8]) -> Result<Self, Error> {
        match reply {
            [b'A', left @ ..] => digests(left).map(Self::Destroyed),
            [b'R', left @ ..] => digests(left).map(Self::Repeated),
            _ => absent(reply).map(Self::Absent),
        }
    }
}

impl RevokeReply {
    pub(crate) fn parse(reply: &[u8]) -> Result<Self, Error> {
        match reply {
            [b'A', left @ ..] => digests(left).map(Self::Revoked),
            [b'B', ..] => Ok(Self::Nothing),
            [b'O', ..] => Ok(Self::Vacant),
            [b'N', ..] => Ok(Self::Kept),
            [b'F', ..] => forward(reply).map(Self::Moved).ok_or_else(unexpected_reply),
            _ => absent(reply).and(Err(unexpected_reply())),
        }
    }
}

impl AcquireReply {
    pub(crate) fn parse(reply: &[u8]) -> Result<Self, Error> {
        match (reply, reply.len()) {
            ([b'A', rest @ ..], 7) => number::<6>(rest).map(Self::Acquired),
            ([b'H', rest @ ..], 8) => number::<7>(rest).map(Duration::from_millis).map(Self::Held),
            _ => absent(reply).map(Self::Absent),
        }
    }
}

impl TenureReply {
    pub(crate) fn parse(reply: &[u8]) -> Result<Self, Error> {
        match reply {
            [b'A', ..] => Ok(Self::Done),
            [b'X', ..] => Ok(Self::Lost),
            _ => absent(reply).map(Self::Absent),
        }
    }
}

impl IndexAddReply {
    pub(crate) fn parse(reply: &[u8]) -> Result<Self, Error> {
        match reply {
            [b'A', rest @ ..] => {
                let mut cursor = Cursor(rest);
                let (entries, place) = (cursor.number::<4>(), cursor.number::<7>());
                let (Some(entries), Some(place)) = (entries, place) else { return Err(unexpected_reply()) };
                Ok(Self::Added { entries, place })
            }
            [b'X'] => Ok(Self::Revoked),
            [b'F'] => Ok(Self::Full),
            [b'U'] => Ok(Self::Unplaced),
            _ => Err(unexpected_reply()),
        }
    }
}

/// The digest that a reply forwards to.
pub(crate) fn forward(reply: &[u8]) -> Option<IdDigest> {
    let [b'F', to @ ..] = reply else { return None };
    <&[u8; DIGEST_LEN]>::try_from(to).ok().map(IdDigest::from)
}

/// The digest of the old id whose key a script needs.
pub(crate) fn wanted_key(reply: &[u8]) -> Option<IdDigest> {
    let [b'K', old @ ..] = reply else { return None };
    <&[u8; DIGEST_LEN]>::try_from(old).ok().map(IdDigest::from)
}

/// Why there is no session, or an error if the reply does not say so.
fn absent(reply: &[u8]) -> Result<Absent, Error> {
    match reply {
        // A forward that a forward has led to leads nowhere.
        [b'N' | b'F', ..] => Ok(Absent::NotFound(None)),
        [b'S', ..] => Ok(Absent::Superseded),
        [b'T', rest @ ..] => ended(rest).map(|ended| Absent::NotFound(Some(ended))).ok_or_else(unexpected_reply),
        [b'G', ..] => Err(unreadable(BAD_METADATA)),
        [b'L', rest @ ..] => Err(limit_exceeded(rest)),
        _ => Err(unexpected_reply()),
    }
}

fn status(rest: &[u8]) -> Result<SessionStatus, Error> {
    SessionStatus::read(rest).ok_or_else(unexpected_reply)
}

fn digests(rest: &[u8]) -> Result<Vec<IdDigest>, Error> {
    let (digests, []) = rest.as_chunks::<DIGEST_LEN>() else { return Err(unexpected_reply()) };
    Ok(digests.iter().map(IdDigest::from).collect())
}

fn number<const N: usize>(rest: &[u8]) -> Result<u64, Error> {
    Cursor(rest).number::<N>().ok_or_else(unexpected_reply)
}

fn list_for(rest: &[u8]) -> Result<ListFor, Error> {
    let mut cursor = Cursor(rest);
    let span = cursor.number::<7>().ok_or_else(unexpected_reply)?;
    let principal = std::str::from_utf8(cursor.0).ok().and_then(|name| Principal::new(name).ok());
    Ok(ListFor { principal: principal.ok_or_else(unexpected_reply)?, span })
}

fn conflict(rest: &[u8]) -> Option<Conflict> {
    let (sort, state) = rest.split_first()?;
    let cause = match sort {
        b's' => ConflictCause::Stamp,
        b'l' => ConflictCause::Lock,
        b'e' => ConflictCause::Entry,
        _ => return None,
    };
    match KeyState::read(state.get(..STATE)?)? {
        KeyState::Session(current, _) => Some(Conflict { current, cause }),
        _ => None,
    }
}

fn limit_exceeded(rest: &[u8]) -> Error {
    let mut cursor = Cursor(rest);
    let (sort, number) = (cursor.number::<1>().unwrap_or(0) as u8, cursor.number::<8>().unwrap_or(0));
    let message = match sort {
        b'v' => format!("a value of {number} bytes is too large for this store"),
        b'e' => format!("the session would have {number} entries, more than this store allows"),
        _ => format!("the session would have {number} bytes, more than this store allows"),
    };
    let error = Error::new(ErrorKind::LimitExceeded, message);
    match field_named(cursor.0) {
        Some(field) if sort == b'v' => error.with_field(field),
        _ => error,
    }
}

/// The field of an entry, by the name of its hash field.
fn field_named(name: &[u8]) -> Option<Field> {
    let field = match name.split_first()? {
        (&SCALAR, field) => field,
        (&KEYED, rest) => rest.get(1..1 + usize::from(*rest.first()?))?,
        _ => return None,
    };
    Field::new(std::str::from_utf8(field).ok()?).ok()
}

#[cfg(test)]
mod tests;
