//! The baseline: the same requests in the way of most session libraries. The session is one value; a request loads
//! all of it, changes what it has to, and saves all of it, whether or not anything came in between.
//!
//! It runs on the same store. There the record is but the cell in which such a library keeps its value, since the store
//! itself would refuse to bring a destroyed session back: signing out deletes the value, as `DEL` would, and saving
//! puts it there, as `SET` would.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use async_trait::async_trait;
use bincode::{config, serde as codec};
use serde::{Deserialize, Serialize};
use session_core::{
    ApplyOutcome, CreateOutcome, Delta, Error, ErrorKind, Expiry, Field, Format, LoadOptions, LoadOutcome, NewSession,
    ReadLevel, SessionId, SessionStore, SessionStoreExt, Value,
};

use crate::shop::{Answer, Cart, Request, Shop};

/// The one scalar.
const BLOB: &str = "blob";

/// A node that saves whole sessions.
#[derive(Debug)]
pub(crate) struct BlobShop {
    store: Arc<dyn SessionStore>,
}

#[derive(Default, Serialize, Deserialize)]
struct Blob {
    profile: String,
    cart: BTreeMap<String, i32>,
    viewed: BTreeSet<String>,
    orders: BTreeSet<String>,
}

impl BlobShop {
    pub(crate) fn new(store: Arc<dyn SessionStore>) -> Self {
        Self { store }
    }

    async fn load(&self, id: &SessionId) -> Result<Option<Blob>, Error> {
        // Always from the store: what is measured is the way of saving, not what a local copy does to it.
        match self.store.load(id, LoadOptions::default().level(ReadLevel::Store)).await? {
            LoadOutcome::Found(found) => found.record.state().get(BLOB).map(decode).transpose(),
            _ => Ok(None),
        }
    }

    async fn save(&self, id: &SessionId, delta: Delta) -> Result<(), Error> {
        match self.store.update(id, delta).await? {
            ApplyOutcome::Applied(_) => Ok(()),
            _ => Err(Error::new(ErrorKind::NotFound, "the cell of a baseline session is missing")),
        }
    }
}

#[async_trait]
impl Shop for BlobShop {
    async fn create(&self, profile: String) -> Result<SessionId, Error> {
        let id = SessionId::generate()?;
        let new = NewSession::draw(Expiry::default())?.with_entries(put(&Blob { profile, ..Blob::default() })?);
        match self.store.create(&id, &new).await? {
            CreateOutcome::Created(_) => Ok(id),
            _ => Err(Error::new(ErrorKind::Conflict, "a session id that was just drawn is taken")),
        }
    }

    async fn serve(&self, id: &SessionId, request: Request<'_>) -> Result<Answer, Error> {
        if let Request::Logout = request {
            let mut delete = Delta::new();
            delete.remove(Field::new(BLOB)?);
            self.save(id, delete).await?;
            return Ok(Answer::Done);
        }
        let Some(mut blob) = self.load(id).await? else { return Ok(Answer::Gone) };
        tokio::task::yield_now().await;
        if blob.change(&request) {
            self.save(id, put(&blob)?).await?;
        }
        Ok(Answer::Done)
    }

    async fn cart(&self, id: &SessionId) -> Result<Option<Cart>, Error> {
        Ok(self.load(id).await?.map(|blob| Cart { lines: blob.cart, orders: blob.orders }))
    }
}

impl Blob {
    /// Whether there is something to save.
    fn change(&mut self, request: &Request<'_>) -> bool {
        match *request {
            Request::AddLine { key, quantity } => self.cart.insert(key.to_owned(), quantity) != Some(quantity),
            Request::RemoveLine { key } => self.cart.remove(key).is_some(),
            Request::View { article } => self.viewed.insert(article.to_owned()),
            Request::Checkout { order } => self.orders.insert(order.to_owned()),
            Request::Look | Request::Logout => false,
        }
    }
}

fn put(blob: &Blob) -> Result<Delta, Error> {
    let bytes = codec::encode_to_vec(blob, config::standard())
        .map_err(|source| Error::new(ErrorKind::InvalidInput, "the session cannot be encoded").with_source(source))?;
    let mut delta = Delta::new();
    delta.set(Field::new(BLOB)?, Value::new(Format::BINCODE, &bytes));
    Ok(delta)
}

fn decode(value: &Value) -> Result<Blob, Error> {
    codec::decode_from_slice(value.payload(), config::standard())
        .map(|(blob, _)| blob)
        .map_err(|source| Error::new(ErrorKind::UnreadableField, "the session cannot be decoded").with_source(source))
}
