//! A shop's requests on a session store, the way this workspace means it: one atomic delta a request.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Debug,
    sync::Arc,
};

use async_trait::async_trait;
use session_core::{Error, SessionId, SessionStore};

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
    /// There was no such session any more.
    Gone,
    /// The session ended while the request was under way; its commit was refused.
    CommitRefused,
}

/// What a session holds in the end.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Cart {
    pub(crate) lines: BTreeMap<String, i32>,
    pub(crate) orders: BTreeSet<String>,
}

/// One application node.
#[async_trait]
pub(crate) trait Shop: Debug + Send + Sync {
    /// Begins a session that holds this value.
    async fn create(&self, profile: Vec<u8>) -> Result<SessionId, Error>;

    /// Opens the session, changes it, and commits. Between opening and committing other requests have their turn, as
    /// they have wherever a handler waits for something.
    async fn serve(&self, id: &SessionId, request: Request<'_>) -> Result<Answer, Error>;

    /// What the store holds of this session; `None` if there is no such session.
    async fn cart(&self, id: &SessionId) -> Result<Option<Cart>, Error>;
}

const CART: &str = "cart";
const VIEWED: &str = "viewed";
const ORDERS: &str = "orders";

/// A node that sends each request's delta, and nothing but it.
#[derive(Debug)]
pub(crate) struct DeltaShop {
    store: Arc<dyn SessionStore>,
}

impl DeltaShop {
    pub(crate) fn new(store: Arc<dyn SessionStore>) -> Self {
        Self { store }
    }
}

use session_core::*;
#[async_trait]
impl Shop for DeltaShop {
    async fn create(&self, profile: Vec<u8>) -> Result<SessionId, Error> {
        let id = SessionId::generate()?;
        let mut entries = Delta::new();
        entries.set(Field::new("profile")?, Value::new(Format::JSON, &profile));
        self.store.create(&id, &NewSession::draw(Expiry::default())?.with_entries(entries)).await?;
        Ok(id)
    }

    async fn serve(&self, id: &SessionId, request: Request<'_>) -> Result<Answer, Error> {
        let mut delta = Delta::new();
        if let Request::Logout = request {
            self.store.end(id, EndReason::Logout).await?;
            return Ok(Answer::Done);
        }
        let LoadOutcome::Found(_found) = self.store.get(id).await? else { return Ok(Answer::Gone) };
        match request {
            Request::AddLine { key, quantity } => delta.insert(
                Field::new(CART)?,
                Key::new(key)?,
                Value::new(Format::JSON, quantity.to_string().as_bytes()),
            ),
            Request::RemoveLine { key } => delta.remove_key(Field::new(CART)?, Key::new(key)?),
            Request::View { article } => delta.insert(Field::new(VIEWED)?, Key::new(article)?, Value::MEMBER),
            Request::Checkout { order } => delta.insert(Field::new(ORDERS)?, Key::new(order)?, Value::MEMBER),
            Request::Look | Request::Logout => {}
        }
        tokio::task::yield_now().await;
        if delta.is_empty() {
            return Ok(Answer::Done);
        }
        match self.store.update(id, delta).await? {
            ApplyOutcome::Applied(_) => Ok(Answer::Done),
            _ => Ok(Answer::CommitRefused),
        }
    }

    async fn cart(&self, id: &SessionId) -> Result<Option<Cart>, Error> {
        let LoadOutcome::Found(found) = self.store.get(id).await? else { return Ok(None) };
        let state = found.record.state();
        let mut cart = Cart::default();
        for (key, value) in state.keyed(CART) {
            cart.lines.insert(key.as_str().to_owned(), std::str::from_utf8(value.payload()).unwrap().parse().unwrap());
        }
        cart.orders = state.keyed(ORDERS).map(|(key, _)| key.as_str().to_owned()).collect();
        Ok(Some(cart))
    }
}
