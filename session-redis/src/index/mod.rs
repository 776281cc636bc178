//! The sessions of a principal.
//!
//! The list stands in the principal's own partition, so a sign-in touches two. It is written first: a session that can
//! be used is listed, and revoking, which leaves a tombstone at every listed id, misses none. What is listed and not
//! there is on its way or gone; reading tells which, and removes what is gone, so no sweeper is needed.

mod cap;
mod capability;
mod list;
mod revoke;

use redis::{Pipeline, Value as Reply};
use session_core::{
    Error, ErrorKind, Principal, SessionCap, SignIn,
    model::{IdDigest, Timestamp},
};

use crate::{
    inner::Inner,
    lifetimes::Lifetimes,
    meta::{Cursor, millis, put},
    net::{Resend, Slot},
    ops::{Sending, odd_reply},
    record::{Sight, unreadable},
    script::SCRIPTS,
};

/// For whom an id is listed, and for how long from then on.
#[derive(Clone, Debug)]
pub(crate) struct Listed {
    pub(crate) principal: Principal,
    pub(crate) span: u64,
}

/// The session that a listed one replaces.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Replaced<'a> {
    None,
    /// Perhaps there is one.
    Maybe(&'a IdDigest),
    /// It was seen there.
    Seen(&'a IdDigest),
}

/// An entry of a list.
#[derive(Clone, Copy, Debug)]
struct Entry {
    digest: IdDigest,
    /// Until when it is listed at all.
    until: Timestamp,
    /// Before this, a session that is not there may still be on its way.
    awaited_until: Timestamp,
    /// Grows from one listing to the next.
    place: u64,
}

/// The clocks of the servers that hold the list and the session may differ by so much: ten minutes, in milliseconds.
const SKEW: u64 = 600_000;
/// From so many entries on, a list that has doubled is looked through for what is gone.
const LOOK_THROUGH: u32 = 32;

impl Inner {
    /// Lists a session that signs in, within the cap of its principal.
    pub(crate) async fn enlist(
        &self,
        operation: &'static str,
        sign_in: &SignIn,
        digest: &IdDigest,
        replaces: Option<&IdDigest>,
        lifetimes: Lifetimes,
    ) -> Result<Listed, Error> {
        let mut replaces = replaces.copied();
        let most = match sign_in.cap() {
            Some(SessionCap::Refuse(most)) => Some(most),
            _ => None,
        };
        let principal = sign_in.principal();
        let mut healed = false;
        loop {
            let replaced = replaces.as_ref().map_or(Replaced::None, Replaced::Maybe);
            match self.send_listing(operation, principal, digest, (replaced, most), lifetimes).await? {
                Ok(listed) => return Ok(listed),
                Err(full) if !healed => {
                    healed = true;
                    self.look_through(operation, principal, full).await?;
                    // Asked through a forward, it replaces the session behind it.
                    if let Some(from) = replaces
                        && let Sight::Moved(to, _) = self.glance(operation, &from).await?
                    {
                        replaces = Some(to);
                    }
                }
                Err((_, entries)) => {
                    let message = format!(
                        "the principal has {} sessions already; at most {} are allowed",
                        entries.len(),
                        most.unwrap_or_default()
                    );
                    return Err(Error::new(ErrorKind::LimitExceeded, message)
                        .with_backend("redis")
                        .with_operation(operation));
                }
            }
        }
    }

    /// Lists a session without a cap.
    pub(crate) async fn list(
        &self,
        operation: &'static str,
        principal: &Principal,
        digest: &IdDigest,
        replaced: Replaced<'_>,
        lifetimes: Lifetimes,
    ) -> Result<Listed, Error> {
        let listed = self.send_listing(operation, principal, digest, (replaced, None), lifetimes).await?;
        listed.map_err(|_| odd_reply(operation))
    }

    /// Lists a session for longer, as a script asks for, and tells for how long; more than `before`.
    pub(crate) async fn relist(
        &self,
        operation: &'static str,
        digest: &IdDigest,
        wanted: &[u8],
        before: u64,
    ) -> Result<u64, Error> {
        let (left, principal) = self.wanted(operation, wanted)?;
        let listed = self.list(operation, &principal, digest, Replaced::None, Lifetimes::at_least(left)).await?;
        if listed.span <= before { Err(odd_reply(operation)) } else { Ok(listed.span) }
    }

    /// For whom, and for how long at least, a script asks that a session be listed.
    pub(crate) fn wanted(&self, operation: &'static str, wanted: &[u8]) -> Result<(u64, Principal), Error> {
        let mut cursor = Cursor(wanted);
        let left = cursor.number::<7>().ok_or_else(|| odd_reply(operation))?;
        let principal = std::str::from_utf8(cursor.0).ok().and_then(|name| Principal::new(name).ok());
        Ok((left, principal.ok_or_else(|| odd_reply(operation))?))
    }

    /// One round trip. The inner error is the full list of a principal that has as many as allowed.
    async fn send_listing(
        &self,
        operation: &'static str,
        principal: &Principal,
        digest: &IdDigest,
        (replaced, most): (Replaced<'_>, Option<usize>),
        lifetimes: Lifetimes,
    ) -> Result<Result<Listed, (Timestamp, Vec<Entry>)>, Error> {
        let (partition, key) = self.layout.principal(principal);
        let cmd = self.listing(&key, digest, (replaced, most), lifetimes);
        let sending = Sending { operation, resend: Resend::Harmless, replicas: 0 };
        let answer = self.call(&SCRIPTS.enlist, partition, &cmd, sending).await?;
        let mut cursor = Cursor(&answer.reply);
        match cursor.number::<1>().map(|sort| sort as u8) {
            Some(b'A') => {
                let number = cursor.number::<4>().ok_or_else(|| odd_reply(operation))? as u32;
                if number >= LOOK_THROUGH && number.is_power_of_two() {
                    // Removing what is gone can wait for another time; a failure changes nothing.
                    self.tidy(operation, principal).await.ok();
                }
                Ok(Ok(Listed { principal: principal.clone(), span: lifetimes.listed() }))
            }
            Some(b'F') => {
                let now = cursor.moment::<7>().ok_or_else(|| odd_reply(operation))?;
                let mut entries = Vec::new();
                while !cursor.0.is_empty() {
                    entries.push(entry(&mut cursor).ok_or_else(|| odd_reply(operation))?);
                }
                Ok(Err((now, entries)))
            }
            _ => Err(odd_reply(operation)),
        }
    }

    /// The script that lists a session.
    fn listing(
        &self,
        key: &[u8],
        digest: &IdDigest,
        (replaced, most): (Replaced<'_>, Option<usize>),
        lifetimes: Lifetimes,
    ) -> redis::Cmd {
        let mut head = Vec::with_capacity(64);
        head.extend_from_slice(&digest.to_bytes());
        put::<7>(&mut head, lifetimes.listed().saturating_add(SKEW));
        // As long as a tombstone keeps what is late from being stored; then it is not on its way any more.
        put::<7>(&mut head, lifetimes.shortest().min(millis(self.settings.tombstone)));
        // A cap of none allows one: the session that signs in.
        put::<4>(&mut head, most.map_or(0, |most| most.max(1) as u64));
        let (sort, old) = match replaced {
            Replaced::None => (0, digest),
            Replaced::Maybe(old) => (1, old),
            Replaced::Seen(old) => (2, old),
        };
        head.push(sort);
        head.extend_from_slice(&old.to_bytes());
        let mut cmd = SCRIPTS.enlist.call(&[key], (1, head.len()));
        cmd.arg(head);
        cmd
    }

    /// Reads a list, and the time on the server that holds it. One round trip.
    async fn read_list(
        &self,
        operation: &'static str,
        principal: &Principal,
    ) -> Result<(Timestamp, Vec<Entry>), Error> {
        let (partition, key) = self.layout.principal(principal);
        let mut pipeline = Pipeline::with_capacity(2);
        pipeline.cmd("TIME").cmd("HGETALL").arg(&key);
        let replies = self.net.pipeline(Slot::new(partition.slot), &pipeline, Resend::Harmless).await;
        let replies = replies.map_err(|failure| failure.into_error(operation, false))?;
        let odd = || unreadable("a principal's list cannot be read").with_backend("redis").with_operation(operation);
        let [time, list]: [Reply; 2] = replies.try_into().map_err(|_| odd())?;
        let now = moment(&time).ok_or_else(odd)?;
        let pairs = match list {
            Reply::Map(pairs) => pairs,
            Reply::ServerError(error) => {
                return Err(crate::net::Failure::Refused(error).into_error(operation, false));
            }
            _ => return Err(odd()),
        };
        let read = |(digest, times): (Reply, Reply)| match (digest, times) {
            (Reply::BulkString(digest), Reply::BulkString(times)) => {
                let whole = [digest, times].concat();
                let mut cursor = Cursor(&whole);
                entry(&mut cursor).filter(|_| cursor.0.is_empty())
            }
            _ => None,
        };
        let entries = pairs.into_iter().map(read).collect::<Option<Vec<_>>>().ok_or_else(odd)?;
        Ok((now, entries))
    }

    /// Takes what was found gone off a list, unless it has been listed anew since. What fails is found gone again.
    async fn unlist(&self, operation: &'static str, principal: &Principal, gone: &[Entry]) {
        if gone.is_empty() {
            return;
        }
        let (partition, key) = self.layout.principal(principal);
        let mut cmd = SCRIPTS.unlist.call(&[&key], (gone.len(), gone.len() * 40));
        for entry in gone {
            cmd.arg(entry.to_bytes());
        }
        let sending = Sending { operation, resend: Resend::Harmless, replicas: 0 };
        self.call(&SCRIPTS.unlist, partition, &cmd, sending).await.ok();
    }

    /// Takes digests off a list. What fails is found gone when the list is read.
    pub(crate) async fn delist(&self, principal: &Principal, digests: &[IdDigest]) {
        if digests.is_empty() {
            return;
        }
        let (partition, key) = self.layout.principal(principal);
        let mut cmd = redis::cmd("HDEL");
        cmd.arg(&key);
        for digest in digests {
            cmd.arg(&digest.to_bytes());
        }
        self.net.command(Slot::new(partition.slot), &cmd, Resend::Harmless).await.ok();
    }
}

impl Entry {
    /// As the list has it, behind the digest.
    fn to_bytes(self) -> Vec<u8> {
        let mut bytes = self.digest.to_bytes().to_vec();
        put::<7>(&mut bytes, self.until.as_millis());
        put::<7>(&mut bytes, self.awaited_until.as_millis());
        put::<7>(&mut bytes, self.place);
        bytes
    }
}

fn entry(cursor: &mut Cursor<'_>) -> Option<Entry> {
    let digest = IdDigest::from_bytes(cursor.take()?);
    let (until, awaited_until) = (cursor.moment::<7>()?, cursor.moment::<7>()?);
    Some(Entry { digest, until, awaited_until, place: cursor.number::<7>()? })
}

/// The reply of `TIME`.
fn moment(reply: &Reply) -> Option<Timestamp> {
    let Reply::Array(parts) = reply else { return None };
    let number = |part: &Reply| match part {
        Reply::BulkString(text) => std::str::from_utf8(text).ok()?.parse::<u64>().ok(),
        Reply::Int(number) => u64::try_from(*number).ok(),
        _ => None,
    };
    let (seconds, micros) = (number(parts.first()?)?, number(parts.get(1)?)?);
    Some(Timestamp::from_millis(seconds.saturating_mul(1_000).saturating_add(micros / 1_000)))
}
