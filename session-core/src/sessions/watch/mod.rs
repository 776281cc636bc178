//! Watching a session until it ends on any node.

mod attempt;
mod hub;
mod listener;
mod table;
#[cfg(test)]
mod tests;

use std::{
    fmt,
    future::Future,
    pin::Pin,
    sync::{Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, ready},
    time::Duration,
};

use super::Sessions;
use crate::{
    Error, ErrorKind, LoadOptions, ReadLevel, SessionId,
    model::{EndReason, Ended, IdDigest, Timestamp},
    store::{Absent, Found, GapCause, LoadOutcome},
};
use table::{Polled, WatcherId};

pub(super) use hub::Hub;

/// The maximum number of loads that follow a session which moves again and again while a watch begins.
const MAX_LOADS: u32 = 16;

/// The longest sleep until a deadline. Some timers do not take the longest lifetime of a session.
const LONGEST_SLEEP: Duration = Duration::from_secs(24 * 60 * 60);

/// Why a [watch](Sessions::watch) ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum WatchEnd {
    /// The session was ended, on any node. The age is zero if the end was announced during the watch. A sign-in of
    /// another principal ends the session with [`EndReason::Replaced`].
    Ended(Ended),
    /// The session has expired.
    Expired,
    /// There was no session at the id when the watch began: it never existed, has expired, or its tombstone is gone.
    NotFound,
    /// The id gave no access any more when the watch began, because a sign-in or a step-up had replaced it.
    Superseded,
    /// Changes may have been missed, so the session may or may not have ended. Open the session again to learn that, and
    /// watch it again. The cause is that of the [gap](crate::store::FeedItem::Gap) in the store's feed; it is `None` if
    /// the feed has ended, or if the session's deadline has passed and the store could not say whether it was renewed.
    Interrupted(Option<GapCause>),
}

impl WatchEnd {
    /// The end of a watch whose id leads to no session.
    fn of(absent: Absent) -> Self {
        match absent {
            // The id is the old one of a renewal, and gives no access any more. The session itself continues.
            Absent::NotFound(Some(Ended { reason: EndReason::Renewed, .. })) => Self::Interrupted(None),
            Absent::NotFound(Some(ended)) => Self::Ended(ended),
            Absent::NotFound(None) => Self::NotFound,
            Absent::Superseded => Self::Superseded,
        }
    }
}

/// A future that completes when a session ends. [`Sessions::watch`] makes one.
///
/// It can be polled again after it has completed, and then completes with the same end.
#[must_use = "a watch does nothing unless it is awaited"]
pub struct Watch {
    sessions: Sessions,
    id: SessionId,
    stage: Stage,
    deadline: Deadline,
}

#[derive(Clone, Copy)]
enum Stage {
    Watching(WatcherId),
    Over(WatchEnd),
}

/// The wait for the session's deadline. Renewals are not announced, so the store is asked when the deadline has passed, and
/// when it may have been replaced.
enum Deadline {
    /// On this node's clock.
    At(Timestamp),
    Sleeping(Timestamp, Pin<Box<dyn Future<Output = ()> + Send>>),
    /// A load was sent at this moment. The last is the deadline that was known before.
    Asking(Timestamp, Loading, Timestamp),
}

impl Deadline {
    /// Asks the store for the deadline of a session.
    fn ask(sessions: &Sessions, id: SessionId, known: Timestamp) -> Self {
        let (store, sent_at) = (sessions.shared.store.clone(), sessions.shared.clock.now());
        Self::Asking(sent_at, Box::pin(async move { store.load(&id, at_store()).await }), known)
    }
}

type Loading = Pin<Box<dyn Future<Output = Result<LoadOutcome, Error>> + Send>>;

impl Sessions {
    /// Watches a session: the returned future completes when the session ends on any node, and says why. Use it to close
    /// a WebSocket, or to tell a page that its user has been signed out.
    ///
    /// The watch follows the session through renewals, sign-ins and step-ups. It does not use the session: the idle
    /// deadline is not renewed, and the watch ends when the session expires.
    ///
    /// A watch can also end with [`WatchEnd::Interrupted`]: changes may have been missed, for example because the
    /// connection to the store was lost. Then open the session again; if it is still there, watch it again:
    ///
    /// ```
    /// # use session_core::{Error, ErrorKind, SessionId, Sessions, WatchEnd};
    /// # use session_memory::MemoryStore;
    /// /// Completes when the session has ended.
    /// async fn ended(sessions: &Sessions, id: &SessionId) -> Result<WatchEnd, Error> {
    ///     loop {
    ///         match sessions.watch(id).await?.await {
    ///             WatchEnd::Interrupted(_) => {} // `watch` loads the session again
    ///             end => return Ok(end),
    ///         }
    ///     }
    /// }
    /// # async fn run() -> Result<(), Error> {
    /// let sessions = Sessions::new(MemoryStore::new());
    /// let mut session = sessions.create()?;
    /// session.persist().await?;
    ///
    /// let watch = sessions.watch(session.id()).await?;
    /// session.destroy().await?; // here, or on another node
    /// assert!(matches!(watch.await, WatchEnd::Ended(_)));
    /// assert!(matches!(ended(&sessions, session.id()).await?, WatchEnd::Ended(_)));
    /// # Ok(())
    /// # }
    /// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(run()).unwrap();
    /// ```
    ///
    /// A stream of server-sent events sends a last event. It needs no loop: a page whose stream ends connects again, and
    /// is authenticated again.
    ///
    /// ```
    /// # use session_core::{Error, SessionId, Sessions, WatchEnd};
    /// # trait Events { async fn next(&mut self) -> String; }
    /// # trait Client { async fn send(&mut self, event: &str); }
    /// async fn stream(
    ///     sessions: &Sessions,
    ///     id: &SessionId,
    ///     mut events: impl Events,
    ///     mut client: impl Client,
    /// ) -> Result<(), Error> {
    ///     let mut watch = sessions.watch(id).await?;
    ///     loop {
    ///         tokio::select! {
    ///             event = events.next() => client.send(&event).await,
    ///             end = &mut watch => {
    ///                 if !matches!(end, WatchEnd::Interrupted(_)) {
    ///                     client.send("signed-out").await;
    ///                 }
    ///                 return Ok(()); // closes the stream
    ///             }
    ///         }
    ///     }
    /// }
    /// ```
    ///
    /// # Consistency
    /// No end is missed between an open and the watch: the session is loaded at
    /// [`ReadLevel::Store`](crate::ReadLevel::Store) when changes are already being received. If it is gone by then, the
    /// future completes at once. An end arrives as soon as the store announces it. If the connection to the store is lost,
    /// the watch ends once the store's [feed](crate::store::ChangeFeed) has noticed that; each backend documents how long
    /// that takes. Expiry is detected by a load at the session's deadline, which is read again when the session gets
    /// [new deadlines](crate::Session::set_expiry). After the session has moved to another
    /// id, its deadline cannot be read through the old id, and the watch ends as interrupted at the last known deadline.
    ///
    /// On a store with a local cache, [`open`](Self::open) may still find a session after its watch has ended, for at most
    /// the staleness bound.
    ///
    /// # Cost
    /// All watches of one `Sessions` share one subscription to the feed, which begins with the first watch and ends with
    /// the last; on Redis it has a connection of its own to each primary. A thread reads it, so that no end waits for a
    /// busy task. An update of a session costs no lookup, and an end costs one lookup, however many watches there are. An
    /// update that sets new deadlines, or is too large for a message, costs each watch of that session a load. A watch takes
    /// less than 1 KiB.
    ///
    /// # Errors
    /// [`Configuration`](ErrorKind::Configuration) for a store without a change feed and after [`close`](Self::close),
    /// and the failures of the store. A session that is gone is not an error.
    ///
    /// # Cancel safety
    /// Changes nothing. Dropping this future or the returned one ends the watch.
    pub async fn watch(&self, id: &SessionId) -> Result<Watch, Error> {
        self.refuse_if_closed("watch")?;
        let watcher = self.join_feed(*id.digest()).await.map_err(|error| self.with_context(error, "watch"))?;
        let deadline = Deadline::At(Timestamp::MAX);
        let mut watch = Watch { sessions: self.clone(), id: *id, stage: Stage::Watching(watcher), deadline };
        for _ in 0..MAX_LOADS {
            let sent_at = self.clock().now();
            match self.store().load(id, at_store()).await? {
                LoadOutcome::Found(found) => {
                    if watch.record_load(&found, sent_at) {
                        return Ok(watch);
                    }
                }
                LoadOutcome::Absent(absent) => {
                    watch.finish(WatchEnd::of(absent));
                    return Ok(watch);
                }
                LoadOutcome::Unchanged(_) => break,
            }
        }
        let error = Error::new(ErrorKind::Unavailable, "the session moves faster than the watch can follow it");
        Err(self.with_context(error, "watch"))
    }

    /// Adds a watcher to the shared subscription.
    async fn join_feed(&self, digest: IdDigest) -> Result<WatcherId, Error> {
        let missing = || Error::new(ErrorKind::Configuration, "this store has no change feed, which watching needs");
        let partitions = self.store().feed().ok_or_else(missing)?.partitions();
        // At most 2^12 partitions, a power of two.
        let mask = u16::try_from(partitions.saturating_sub(1)).unwrap_or(u16::MAX);
        let store = &self.shared.store;
        let subscribe = || {
            let store = store.clone();
            Box::pin(async move { store.feed().ok_or_else(missing)?.subscribe().await }) as _
        };
        self.shared.hub.join(digest, mask, subscribe).await
    }
}

/// Loads for watches never use a session.
fn at_store() -> LoadOptions {
    LoadOptions { level: ReadLevel::Store, passive: true, ..LoadOptions::default() }
}

impl Watch {
    /// The session's present digest if it has moved to another id since the watch began, by a renewal, a sign-in or a
    /// step-up, and the watch has not ended. The session continues, but the id that is watched will give no access any more,
    /// if it still does: handles on it fail with [`Superseded`](ErrorKind::Superseded) or [`NotFound`](ErrorKind::NotFound).
    /// A digest gives no access either. Ask the client of a WebSocket to connect again, with its new cookie.
    pub fn moved_to(&self) -> Option<IdDigest> {
        let Stage::Watching(watcher) = self.stage else { return None };
        let (place, _) = self.sessions.shared.hub.place(watcher)?;
        (place != *self.id.digest()).then_some(place)
    }

    /// Records the answer to a load that was sent while changes were being received. Returns false if the session is at
    /// another digest. The watch is now at that digest, and the session must be loaded again, since it may have ended there
    /// before.
    fn record_load(&mut self, found: &Found, sent_at: Timestamp) -> bool {
        let Stage::Watching(watcher) = self.stage else { return true };
        self.deadline = Deadline::At(sent_at.after(found.record.deadlines().remaining(found.now)));
        let at = found.forwarded.unwrap_or(*self.id.digest());
        match self.sessions.shared.hub.place(watcher) {
            Some((place, _)) if place != at => {
                self.sessions.shared.hub.relocate(watcher, at);
                false
            }
            _ => true,
        }
    }

    fn finish(&mut self, end: WatchEnd) {
        if let Stage::Watching(watcher) = std::mem::replace(&mut self.stage, Stage::Over(end)) {
            self.sessions.shared.hub.remove(watcher);
        }
        self.deadline = Deadline::At(Timestamp::MAX);
    }

    /// Completes when the deadline has passed and the store no longer has the session.
    fn poll_deadline(&mut self, watcher: WatcherId, cx: &mut Context<'_>) -> Poll<WatchEnd> {
        let clock = &self.sessions.shared.clock;
        loop {
            self.deadline = match &mut self.deadline {
                Deadline::At(Timestamp::MAX) => return Poll::Pending,
                Deadline::At(at) => match at.since(clock.now()) {
                    Duration::ZERO => Deadline::ask(&self.sessions, self.id, *at),
                    left => Deadline::Sleeping(*at, clock.sleep(left.min(LONGEST_SLEEP))),
                },
                Deadline::Sleeping(at, sleep) => {
                    ready!(sleep.as_mut().poll(cx));
                    Deadline::At(*at)
                }
                Deadline::Asking(sent_at, load, known) => match ready!(load.as_mut().poll(cx)) {
                    Ok(LoadOutcome::Found(found)) => {
                        Deadline::At(sent_at.after(found.record.deadlines().remaining(found.now)))
                    }
                    Ok(LoadOutcome::Absent(absent)) => {
                        let known = *known;
                        match self.end_at_deadline(watcher, absent) {
                            // The session has moved, and was to be asked before its known deadline.
                            WatchEnd::Interrupted(None) if known > clock.now() => Deadline::At(known),
                            end => return Poll::Ready(end),
                        }
                    }
                    Ok(LoadOutcome::Unchanged(_)) | Err(_) => return Poll::Ready(WatchEnd::Interrupted(None)),
                },
            };
        }
    }

    /// The id leads to no session any more, and no end was announced. That means expiry unless the session has moved.
    fn end_at_deadline(&self, watcher: WatcherId, absent: Absent) -> WatchEnd {
        let moved = self.sessions.shared.hub.place(watcher).is_none_or(|(_, moved)| moved);
        match WatchEnd::of(absent) {
            WatchEnd::NotFound if !moved => WatchEnd::Expired,
            WatchEnd::NotFound | WatchEnd::Superseded => WatchEnd::Interrupted(None),
            end => end,
        }
    }
}

impl Future for Watch {
    type Output = WatchEnd;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<WatchEnd> {
        let watch = self.get_mut();
        let watcher = match watch.stage {
            Stage::Over(end) => return Poll::Ready(end),
            Stage::Watching(watcher) => watcher,
        };
        let end = match watch.sessions.shared.hub.poll(watcher, cx) {
            Polled::Ended(end) => end,
            Polled::Waiting { rescheduled, replaced } => {
                drop(replaced);
                if rescheduled {
                    // A load that is under way may be from before the change.
                    let (Deadline::At(known) | Deadline::Sleeping(known, _) | Deadline::Asking(_, _, known)) =
                        watch.deadline;
                    watch.deadline = Deadline::ask(&watch.sessions, watch.id, known);
                }
                ready!(watch.poll_deadline(watcher, cx))
            }
        };
        watch.finish(end);
        Poll::Ready(end)
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        if let Stage::Watching(watcher) = self.stage {
            self.sessions.shared.hub.remove(watcher);
        }
    }
}

impl fmt::Debug for Watch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let end = match self.stage {
            Stage::Watching(_) => None,
            Stage::Over(end) => Some(end),
        };
        f.debug_struct("Watch").field("end", &end).finish_non_exhaustive()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
