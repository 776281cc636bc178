//! A shop's requests on a session store, the way this workspace intends: one atomic delta per request.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Debug,
    sync::Arc,
};

use async_trait::async_trait;
use session_core::{Error, ErrorKind, LoadOptions, ReadLevel, SessionId, Sessions, store::SessionStore};

/// What a request does to its session.
#[derive(Debug)]
pub(crate) enum Request<'a> {
    Look,
    AddLine { key: &'a str, quantity: i32 },
    RemoveLine { key: &'a str },
    View { article: &'a str },
    Checkout { order: &'a str },
    Logout,
}

/// How a request ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    Done,
    /// The session no longer existed.
    Gone,
    /// The session ended while the request was under way; its commit was refused.
    CommitRefused,
}

/// The final contents of a session.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Cart {
    pub(crate) lines: BTreeMap<String, i32>,
    pub(crate) orders: BTreeSet<String>,
}

/// One application node.
#[async_trait]
pub(crate) trait Shop: Debug + Send + Sync {
    /// Creates a session that holds this value.
    async fn create(&self, profile: String) -> Result<SessionId, Error>;

    /// Opens the session, changes it, and commits. Between opening and committing it yields to other requests, as a
    /// handler does that awaits something.
    async fn serve(&self, id: &SessionId, request: Request<'_>) -> Result<Answer, Error>;

    /// The session's contents in the store; `None` if there is no such session.
    async fn cart(&self, id: &SessionId) -> Result<Option<Cart>, Error>;
}

const PROFILE: &str = "profile";
const CART: &str = "cart";
const VIEWED: &str = "viewed";
const ORDERS: &str = "orders";

/// A node whose requests send only their own changes.
#[derive(Debug)]
pub(crate) struct DeltaShop {
    sessions: Sessions,
}

impl DeltaShop {
    pub(crate) fn new(store: Arc<dyn SessionStore>) -> Self {
        Self { sessions: Sessions::new(store) }
    }
}

#[async_trait]
impl Shop for DeltaShop {
    async fn create(&self, profile: String) -> Result<SessionId, Error> {
        let mut session = self.sessions.create()?;
        session.set(PROFILE, profile)?;
        session.commit().await?;
        Ok(*session.id())
    }

    async fn serve(&self, id: &SessionId, request: Request<'_>) -> Result<Answer, Error> {
        if let Request::Logout = request {
            self.sessions.destroy(id).await?;
            return Ok(Answer::Done);
        }
        let mut session = match self.sessions.open(id).await {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Answer::Gone),
            opened => opened?,
        };
        match request {
            Request::Look | Request::Logout => {}
            Request::AddLine { key, quantity } => session.map_mut(CART).insert(key, quantity)?,
            Request::RemoveLine { key } => session.map_mut(CART).remove(key)?,
            Request::View { article } => session.members_mut(VIEWED).insert(article)?,
            Request::Checkout { order } => session.members_mut(ORDERS).insert(order)?,
        }
        tokio::task::yield_now().await;
        match session.commit().await {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(Answer::CommitRefused),
            committed => committed.map(|()| Answer::Done),
        }
    }

    async fn cart(&self, id: &SessionId) -> Result<Option<Cart>, Error> {
        let latest = LoadOptions { level: ReadLevel::Store, ..LoadOptions::default() };
        let session = match self.sessions.open_with(id, latest).await {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            opened => opened?,
        };
        let lines = session.map(CART).iter().collect::<Result<_, Error>>()?;
        let orders = session.members(ORDERS).iter().collect::<Result<_, Error>>()?;
        Ok(Some(Cart { lines, orders }))
    }
}
