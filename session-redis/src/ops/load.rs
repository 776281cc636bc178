use redis::Pipeline;
use session_core::{
    Error, LoadOptions, SessionId,
    model::IdDigest,
    store::{Absent, Found, LoadOutcome, Touched},
};

use crate::{
    operation::{Operation, forwarded},
    protocol::{
        self, CONSTANTS_FIELD, Loaded, Lookup, NOTE_FIELD, PRINCIPAL_FIELD, Peeked, REPLACED_FIELD, STATE_FIELD,
    },
};

impl Operation<'_> {
    /// Floors need no check: only a primary that could still write answers, with the present state.
    pub(crate) async fn load(&self, id: &SessionId, options: LoadOptions) -> Result<LoadOutcome, Error> {
        let mut at = *id.digest();
        let mut known = None;
        if let Some(stamp) = options.known {
            match self.peek(&at).await? {
                Lookup::Session(peeked) if peeked.touched.stamp == stamp => {
                    return Ok(LoadOutcome::Unchanged(peeked.touched));
                }
                Lookup::Session(_) => {}
                Lookup::Nothing => known = Some(Lookup::Nothing),
                Lookup::Ended(ended) => known = Some(Lookup::Ended(ended)),
                Lookup::Moved(to, gives_access) => known = Some(Lookup::Moved(to, gives_access)),
            }
        }
        let mut found = match known {
            Some(lookup) => lookup,
            None => self.read_session(&at).await?,
        };
        // The session may have moved on since a forward was read; then it is looked up once more.
        for _ in 0..2 {
            let Lookup::Moved(to, true) = found else { break };
            at = to;
            found = self.read_session(&at).await?;
            if matches!(found, Lookup::Session(_)) {
                break;
            }
            let here = self.read_session(id.digest()).await?;
            if matches!(here, Lookup::Moved(next, true) if next == to) {
                break;
            }
            (at, found) = (*id.digest(), here);
        }
        if let Lookup::Moved(_, true) = found {
            // A forward that a forward has led to gives no access.
            found = Lookup::Nothing;
        }
        Ok(match found {
            Lookup::Session(Loaded { found }) => {
                self.store.principals.remember(&at, &found);
                match options.known {
                    Some(known) if known == found.record.stamp() => {
                        let (stamp, deadlines) = (found.record.stamp(), found.record.deadlines());
                        let (now, forwarded) = (found.now, forwarded(at, id));
                        LoadOutcome::Unchanged(Touched { stamp, deadlines, now, forwarded })
                    }
                    _ => LoadOutcome::Found(Found { forwarded: forwarded(at, id), ..found }),
                }
            }
            Lookup::Nothing => Absent::NotFound(None).into(),
            Lookup::Ended(ended) => Absent::NotFound(Some(ended)).into(),
            Lookup::Moved(..) => Absent::Superseded.into(),
        })
    }

    /// Reads the whole hash at one digest.
    async fn read_session(&self, digest: &IdDigest) -> Result<Lookup<Loaded>, Error> {
        let key = self.store.layout.session(digest);
        let mut reads = Pipeline::with_capacity(3);
        reads.cmd("PTTL").arg(&key).cmd("HGETALL").arg(&key);
        protocol::session(self.read(self.store.layout.partition(digest), &key, reads).await?)
    }

    /// Reads the metadata at one digest.
    pub(crate) async fn peek(&self, digest: &IdDigest) -> Result<Lookup<Peeked>, Error> {
        let key = self.store.layout.session(digest);
        let mut reads = Pipeline::with_capacity(3);
        reads.cmd("PTTL").arg(&key);
        reads.cmd("HMGET").arg(&key).arg(STATE_FIELD).arg(CONSTANTS_FIELD).arg(PRINCIPAL_FIELD).arg(NOTE_FIELD);
        reads.arg(REPLACED_FIELD);
        protocol::metadata(self.read(self.store.layout.partition(digest), &key, reads).await?)
    }
}
