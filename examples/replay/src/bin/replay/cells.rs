//! The storage of a library that saves whole sessions: one value per session, always read and written whole.

use std::{fmt::Debug, sync::Arc};

use async_trait::async_trait;
use session_core::{
    Error, ErrorKind, Expiry, LoadOptions, ReadLevel, SessionId,
    model::{Delta, Field, Format, OpId, Value},
    store::{ApplyOutcome, CreateOutcome, LoadOutcome, NewSession, SessionStore, Update},
};

/// Storage with one value per session.
#[async_trait]
pub(crate) trait Cells: Debug + Send + Sync {
    /// Stores the first value of a new session.
    async fn create(&self, id: &SessionId, blob: Vec<u8>) -> Result<(), Error>;

    async fn get(&self, id: &SessionId) -> Result<Option<Vec<u8>>, Error>;

    /// Stores a value unconditionally, even if the session was deleted.
    async fn set(&self, id: &SessionId, blob: Vec<u8>) -> Result<(), Error>;

    async fn delete(&self, id: &SessionId) -> Result<(), Error>;
}

/// The only field.
const BLOB: &str = "blob";

/// Cells in a session store. Only the field is deleted, not its record, since the store would refuse to recreate a
/// destroyed session: removing the field corresponds to `DEL`, and setting it to `SET`.
#[derive(Debug)]
pub(crate) struct Records {
    store: Arc<dyn SessionStore>,
}

impl Records {
    pub(crate) fn new(store: Arc<dyn SessionStore>) -> Self {
        Self { store }
    }

    async fn update(&self, id: &SessionId, delta: Delta) -> Result<(), Error> {
        match self.store.apply(id, &Update::new(OpId::generate()?, delta)).await? {
            ApplyOutcome::Applied(_) => Ok(()),
            _ => Err(Error::new(ErrorKind::NotFound, "the cell of a baseline session is missing")),
        }
    }
}

#[async_trait]
impl Cells for Records {
    async fn create(&self, id: &SessionId, blob: Vec<u8>) -> Result<(), Error> {
        let new = NewSession { entries: put(&blob)?, ..NewSession::generate(Expiry::default())? };
        match self.store.create(id, &new).await? {
            CreateOutcome::Created(_) => Ok(()),
            _ => Err(Error::new(ErrorKind::Conflict, "a session id that was just generated is taken")),
        }
    }

    async fn get(&self, id: &SessionId) -> Result<Option<Vec<u8>>, Error> {
        // Always from the store: the comparison is about saving, not about local copies.
        match self.store.load(id, LoadOptions { level: ReadLevel::Store, ..LoadOptions::default() }).await? {
            LoadOutcome::Found(found) => Ok(found.record.state().get(BLOB).map(|value| value.payload().to_vec())),
            _ => Ok(None),
        }
    }

    async fn set(&self, id: &SessionId, blob: Vec<u8>) -> Result<(), Error> {
        self.update(id, put(&blob)?).await
    }

    async fn delete(&self, id: &SessionId) -> Result<(), Error> {
        let mut delete = Delta::new();
        delete.remove(Field::new(BLOB)?);
        self.update(id, delete).await
    }
}

fn put(blob: &[u8]) -> Result<Delta, Error> {
    let mut delta = Delta::new();
    delta.set(Field::new(BLOB)?, Value::new(Format::BINCODE, blob));
    Ok(delta)
}
