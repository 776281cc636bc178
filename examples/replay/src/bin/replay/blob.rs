//! The baseline: the same requests, the way most session libraries handle them. A session is one value. A request loads
//! all of it, modifies it, and saves all of it, even if another request saved in between.
//!
//! On the memory store the value is a field of a record. On Redis the baseline sends `GET`, `SET` and `DEL`, as such a
//! library does.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use async_trait::async_trait;
use bincode::{config, serde as codec};
use serde::{Deserialize, Serialize};
use session_core::{Error, ErrorKind, SessionId};

use crate::{
    cells::Cells,
    shop::{Answer, Cart, Request, Shop},
};

/// A node that saves whole sessions.
#[derive(Debug)]
pub(crate) struct BlobShop {
    cells: Arc<dyn Cells>,
}

#[derive(Default, Serialize, Deserialize)]
struct Blob {
    profile: String,
    cart: BTreeMap<String, i32>,
    viewed: BTreeSet<String>,
    orders: BTreeSet<String>,
}

impl BlobShop {
    pub(crate) fn new(cells: Arc<dyn Cells>) -> Self {
        Self { cells }
    }

    async fn load(&self, id: &SessionId) -> Result<Option<Blob>, Error> {
        self.cells.get(id).await?.map(|bytes| decode(&bytes)).transpose()
    }
}

#[async_trait]
impl Shop for BlobShop {
    async fn create(&self, profile: String) -> Result<SessionId, Error> {
        let id = SessionId::generate()?;
        self.cells.create(&id, encode(&Blob { profile, ..Blob::default() })?).await?;
        Ok(id)
    }

    async fn serve(&self, id: &SessionId, request: Request<'_>) -> Result<Answer, Error> {
        if let Request::Logout = request {
            self.cells.delete(id).await?;
            return Ok(Answer::Done);
        }
        let Some(mut blob) = self.load(id).await? else { return Ok(Answer::Gone) };
        tokio::task::yield_now().await;
        if blob.change(&request) {
            self.cells.set(id, encode(&blob)?).await?;
        }
        Ok(Answer::Done)
    }

    async fn cart(&self, id: &SessionId) -> Result<Option<Cart>, Error> {
        Ok(self.load(id).await?.map(|blob| Cart { lines: blob.cart, orders: blob.orders }))
    }
}

impl Blob {
    /// Modifies the session; returns whether it must be saved.
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

fn encode(blob: &Blob) -> Result<Vec<u8>, Error> {
    codec::encode_to_vec(blob, config::standard())
        .map_err(|source| Error::new(ErrorKind::InvalidInput, "the session cannot be encoded").with_source(source))
}

fn decode(bytes: &[u8]) -> Result<Blob, Error> {
    codec::decode_from_slice(bytes, config::standard())
        .map(|(blob, _)| blob)
        .map_err(|source| Error::new(ErrorKind::UnreadableField, "the session cannot be decoded").with_source(source))
}
