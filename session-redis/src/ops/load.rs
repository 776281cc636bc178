use redis::{Pipeline, Value as Reply};
use session_core::{
    Error, LoadOptions, SessionId,
    model::IdDigest,
    store::{Absent, Applied, LoadOutcome},
};

use super::{elsewhere, odd_reply};
use crate::{
    inner::Inner,
    net::{Resend, Slot},
    record::{self, Glance, Seen, Sight},
};

const OPERATION: &str = "load";

impl Inner {
    /// Floors need no look: what a primary answers is the present state.
    pub(crate) async fn load(&self, id: &SessionId, options: LoadOptions) -> Result<LoadOutcome, Error> {
        let mut at = *id.digest();
        let mut sight = None;
        if let Some(known) = options.known {
            match self.glance(OPERATION, &at).await? {
                Sight::Session(glance) if glance.stamp == known => return Ok(LoadOutcome::Unchanged(glance.touched)),
                Sight::Session(_) => {}
                Sight::Nothing => sight = Some(Sight::Nothing),
                Sight::Ended(ended) => sight = Some(Sight::Ended(ended)),
                Sight::Moved(to, gives_access) => sight = Some(Sight::Moved(to, gives_access)),
            }
        }
        let mut seen = match sight {
            Some(sight) => sight,
            None => self.look(&at).await?,
        };
        if let Sight::Moved(to, true) = seen {
            at = to;
            seen = match self.look(&at).await? {
                // A forward behind a renewal gives access only if it is newer than this read; then it is gone here.
                Sight::Moved(_, true) => Sight::Nothing,
                seen => seen,
            };
        }
        Ok(match seen {
            Sight::Session(Seen { found, principal }) => {
                self.hints.note(&at, principal, &found);
                match options.known {
                    Some(known) if known == found.record.stamp() => {
                        let touched = session_core::store::Touched::new(found.record.deadlines(), found.now);
                        LoadOutcome::Unchanged(touched.with_forwarded(elsewhere(at, id)))
                    }
                    _ => LoadOutcome::Found(found.with_forwarded(elsewhere(at, id))),
                }
            }
            Sight::Nothing => Absent::NotFound(None).into(),
            Sight::Ended(ended) => Absent::NotFound(Some(ended)).into(),
            Sight::Moved(..) => Absent::Superseded.into(),
        })
    }

    /// The whole hash at one digest.
    async fn look(&self, digest: &IdDigest) -> Result<Sight<Seen>, Error> {
        let key = self.layout.session(digest);
        let mut pipeline = Pipeline::with_capacity(2);
        pipeline.cmd("PTTL").arg(&key).cmd("HGETALL").arg(&key);
        let replies = self.read(OPERATION, digest, &pipeline).await?;
        record::session(replies).map_err(|error| error.with_backend("redis").with_operation(OPERATION))
    }

    /// The metadata at one digest.
    pub(crate) async fn glance(&self, operation: &'static str, digest: &IdDigest) -> Result<Sight<Glance>, Error> {
        let key = self.layout.session(digest);
        let mut pipeline = Pipeline::with_capacity(2);
        pipeline.cmd("PTTL").arg(&key).cmd("HMGET").arg(&key).arg("@").arg("@c").arg("@p");
        let replies = self.read(operation, digest, &pipeline).await?;
        record::glance(replies).map_err(|error| error.with_backend("redis").with_operation(operation))
    }

    async fn read(&self, operation: &'static str, digest: &IdDigest, pipeline: &Pipeline) -> Result<[Reply; 2], Error> {
        let slot = Slot::new(self.layout.partition(digest).slot);
        let replies = self.net.pipeline(slot, pipeline, Resend::Harmless).await;
        let replies = replies.map_err(|failure| failure.into_error(operation, false))?;
        for reply in &replies {
            if let Reply::ServerError(error) = reply {
                return Err(crate::net::Failure::Refused(error.clone()).into_error(operation, false));
            }
        }
        replies.try_into().map_err(|_| odd_reply(operation))
    }
}

impl Glance {
    /// As the answer to a request that was carried out before.
    pub(crate) fn applied(&self) -> Applied {
        Applied::new(self.stamp, self.touched.deadlines, self.touched.now)
    }
}
