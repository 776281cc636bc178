//! The sessions of a run, as the harness knows them.

use session_core::{Error, SessionId};

use crate::history::{Invocation, Op, Outcome, SeenStamp};

/// A session retires after this many elements, so that reads stay short.
const MOST_ELEMENTS: usize = 100;
/// A session retires after this many requests.
const MOST_REQUESTS: u32 = 900;

/// One session.
#[derive(Clone, Debug)]
pub(super) struct Known {
    pub(super) number: u32,
    /// All ids that were drawn for it, also for rotations that did not succeed.
    ids: Vec<SessionId>,
    /// The id at which the session is.
    pub(super) current: u32,
    /// A rotation is on its way.
    is_moving: bool,
    /// Requests that change it may be sent.
    pub(super) is_live: bool,
    requests: u32,
    /// The elements that were acknowledged, and not asked to be removed.
    pub(super) added: Vec<u64>,
    /// The newest stamp that any client has seen.
    pub(super) newest: Option<SeenStamp>,
}

/// All sessions of a run.
#[derive(Debug, Default)]
pub(super) struct Pool {
    sessions: Vec<Known>,
    /// The numbers of elements and values given out.
    values: u64,
}

impl Pool {
    /// A new session, which is live once its create was acknowledged.
    pub(super) fn open(&mut self) -> Result<u32, Error> {
        let number = u32::try_from(self.sessions.len()).unwrap_or(u32::MAX);
        let ids = vec![SessionId::generate()?];
        self.sessions.push(Known {
            number,
            ids,
            current: 0,
            is_moving: false,
            is_live: false,
            requests: 0,
            added: Vec::new(),
            newest: None,
        });
        Ok(number)
    }

    /// An element or a value that was never given out.
    pub(super) fn value(&mut self) -> u64 {
        self.values += 1;
        self.values
    }

    pub(super) fn live(&self) -> Vec<u32> {
        self.sessions.iter().filter(|known| known.is_live).map(|known| known.number).collect()
    }

    /// Sessions that have lived, the latest last.
    pub(super) fn retired(&self) -> Vec<u32> {
        self.sessions.iter().filter(|known| !known.is_live && known.newest.is_some()).map(|it| it.number).collect()
    }

    pub(super) fn get(&mut self, session: u32) -> Option<&mut Known> {
        self.sessions.get_mut(session as usize)
    }

    /// Every session with every one of its ids.
    pub(super) fn all(&self) -> Vec<(u32, u32)> {
        let ids = |known: &Known| (0..known.ids.len() as u32).map(|id| (known.number, id)).collect::<Vec<_>>();
        self.sessions.iter().flat_map(ids).collect()
    }

    /// Takes note of a request that is about to be sent.
    pub(super) fn sending(&mut self, request: &Invocation) {
        let Some(known) = self.get(request.session) else { return };
        known.requests += 1;
        match request.op {
            Op::Remove { element } => known.added.retain(|added| *added != element),
            Op::Rotate { .. } => known.is_moving = true,
            Op::Destroy => known.is_live = false,
            _ => {}
        }
        if known.requests > MOST_REQUESTS || known.added.len() >= MOST_ELEMENTS {
            known.is_live = false;
        }
    }

    /// Takes note of an answer; none if the process ended.
    pub(super) fn answered(&mut self, request: &Invocation, outcome: Option<&Outcome>) {
        let Some(known) = self.get(request.session) else { return };
        match outcome {
            Some(Outcome::Done { stamp, .. }) => known.done(request.op, *stamp),
            Some(Outcome::Found { state }) => known.saw(state.stamp),
            Some(outcome) if outcome.is_without_effect() => known.is_moving = false,
            // If it is not known where the session is, no more requests are sent.
            _ if matches!(request.op, Op::Rotate { .. }) => known.is_live = false,
            _ => {}
        }
    }
}

impl Known {
    fn done(&mut self, op: Op, stamp: Option<SeenStamp>) {
        match op {
            Op::Create => self.is_live = true,
            Op::Add { element } => self.added.push(element),
            Op::Rotate { to, .. } => (self.current, self.is_moving) = (to, false),
            _ => {}
        }
        if let Some(stamp) = stamp {
            self.saw(stamp);
        }
    }

    fn saw(&mut self, stamp: SeenStamp) {
        if self.newest.is_none_or(|newest| newest.version < stamp.version) {
            self.newest = Some(stamp);
        }
    }

    /// The text of one of its ids.
    pub(super) fn id(&self, id: u32) -> Option<String> {
        self.ids.get(id as usize).map(SessionId::expose)
    }

    /// Draws an id for a rotation; none while another one is on its way.
    pub(super) fn draw(&mut self) -> Option<u32> {
        let sibling = self.ids.first().filter(|_| !self.is_moving)?.generate_sibling().ok()?;
        self.ids.push(sibling);
        u32::try_from(self.ids.len() - 1).ok()
    }
}
